"""Where samples come from. A source gives the batch of a range of indices, whatever the order."""

from typing import TYPE_CHECKING, Protocol

from ditlaw.data.scenes import Batch, Scenes
from ditlaw.errors import Refused

if TYPE_CHECKING:  # the study's schema asks the sources what they can do, not the reverse
    from ditlaw.study.schema import Data

HELD_OUT_SEED = 2**40  # no training seed reaches it: held-out samples are never trained on


class Source(Protocol):
    """A stream of samples; sample i is the same however it is asked for."""

    def read(self, start: int, count: int) -> Batch:
        """Samples start … start + count − 1."""
        ...


def open_source(data: "Data", seed: int) -> Source:
    """The training stream of a seed.

    Raises:
        Refused: the data is described, not readable.
    """
    if data.source == "described":
        raise Refused(
            "data.source: 'described' data can be planned with, not trained on; use 'scenes'"
        )
    return Scenes(seed, data.captions)


def open_held_out(data: "Data") -> Source:
    """The held-out samples: the same for every run of a study."""
    return open_source(data, HELD_OUT_SEED)


__all__ = ["Batch", "Source", "open_held_out", "open_source"]
