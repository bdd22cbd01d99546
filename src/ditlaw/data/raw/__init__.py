"""Raw data as they lie on disk: one module a kind, behind one interface."""

from ditlaw.data.raw.base import Raw, Unusable
from ditlaw.data.raw.open import open_raw, source_facts

__all__ = ["Raw", "Unusable", "open_raw", "source_facts"]
