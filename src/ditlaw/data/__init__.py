"""Where samples come from. A source gives the batch of a range of places, whatever the order."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from ditlaw.data.batch import Batch
from ditlaw.errors import Refused

if TYPE_CHECKING:  # the study's schema asks the sources what they can do, not the reverse
    from ditlaw.study.schema import Data

HELD_OUT_SEED = 2**40  # no training seed reaches it: held-out samples are never trained on


class Source(Protocol):
    """A stream of samples; the sample at a place is the same however it is asked for."""

    @property
    def samples(self) -> int | None:
        """Distinct samples; None without end."""

    @property
    def pixels(self) -> bool:
        """Whether a sample is a picture in [−1, 1], and not a latent."""

    def read(self, start: int, count: int) -> Batch:
        """Samples at places start … start + count − 1."""
        ...


def open_source(data: "Data", seed: int, root: Path | None = None) -> Source:
    """The training stream of a seed; ``root`` is the study folder that prepared data lie in.

    Raises:
        Refused: the data is described, not readable.
        BadInput: the data is not prepared, or was changed.
    """
    if data.prepared:
        from ditlaw.data.cache import Cache, Stream
        from ditlaw.data.places import prepared_folder

        return Stream(Cache(prepared_folder(root, data.label)), data.held_out, seed)
    return _scenes(data, seed)


def open_held_out(data: "Data", root: Path | None = None, trained: "Data | None" = None) -> Source:
    """The held-out samples: the same for every run of a study.

    ``trained`` is the data set whose words a second one's captions are told in.
    """
    if data.prepared:
        from ditlaw.data.cache import Cache, HeldOut
        from ditlaw.data.places import name_of, prepared_folder

        trained = trained or data
        share = data.held_out if data == trained else 1.0  # nothing trains on a second set
        return HeldOut(Cache(prepared_folder(root, name_of(data, trained))), share)
    return _scenes(data, HELD_OUT_SEED)


def evaluated_on(data: "Data", images: NDArray[np.float32]) -> str:
    """Which held-out pictures a loss is of, whatever their captions say.

    Losses without captions, and distances to one reference, are one quantity where this is.
    """
    if data.source == "scenes":
        return (
            "scenes"  # drawn alike for all captions, up to the last bit of a machine's arithmetic
        )
    digest = hashlib.sha256(str(images.shape).encode() + np.ascontiguousarray(images).tobytes())
    return f"images-{digest.hexdigest()[:8]}"


def require_readable(data: "Data") -> None:
    """Whether a data set can be trained on.

    Raises:
        Refused: it is described only.
    """
    if data.source == "described":
        raise Refused(
            "data.source: 'described' data can be planned with, not trained on; use 'scenes'"
        )


def _scenes(data: "Data", seed: int) -> Source:
    from ditlaw.data.scenes import Scenes

    require_readable(data)
    return Scenes(seed, data.captions)


__all__ = ["Batch", "Source", "evaluated_on", "open_held_out", "open_source", "require_readable"]
