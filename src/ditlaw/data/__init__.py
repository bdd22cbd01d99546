"""Where samples come from. A source gives the batch of a range of places, whatever the order."""

from ditlaw.data.batch import Batch
from ditlaw.data.source import (
    HELD_OUT_SEED,
    Source,
    evaluated_on,
    open_held_out,
    open_held_outs,
    open_source,
    open_sources,
    require_readable,
)

__all__ = [
    "HELD_OUT_SEED",
    "Batch",
    "Source",
    "evaluated_on",
    "open_held_out",
    "open_held_outs",
    "open_source",
    "open_sources",
    "require_readable",
]
