"""Warnings with stable codes; ``docs/warnings.md`` lists them."""

from ditlaw.laws.notes.of_law import of_fit, of_forecast

__all__ = ["of_fit", "of_forecast"]
