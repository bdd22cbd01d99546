"""Laws against each other at the budget that matters. See docs/comparing-fairly.md."""

from ditlaw.comparison.answer import compare_groups, compare_laws, compare_sources, fit_groups

__all__ = ["compare_groups", "compare_laws", "compare_sources", "fit_groups"]
