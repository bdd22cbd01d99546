"""Raw data as they lie on disk: one module a kind, behind one interface."""

from ditlaw.data.raw.base import Raw, Unusable
from ditlaw.data.raw.open import READERS, SUFFIXES, files_at, open_raw, source_facts

__all__ = ["READERS", "SUFFIXES", "Raw", "Unusable", "files_at", "open_raw", "source_facts"]
