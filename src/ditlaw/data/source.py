"""What gives samples, and which of a study's data sets gives them."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from ditlaw.data.batch import Batch
from ditlaw.errors import Refused

if TYPE_CHECKING:  # the study's schema asks the sources what they can do, not the reverse
    from ditlaw.study.data_section import Data

Size = tuple[int, int]  # height, width
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


def open_source(
    data: "Data", seed: int, root: Path | None = None, size: Size | None = None
) -> Source:
    """The training stream of a seed; ``root`` is the study folder that prepared data lie in.

    ``size`` (height, width) chooses samples of that size; None takes what there is.

    Raises:
        Refused: the data is described, not readable.
        BadInput: the data is not prepared, or was changed.
    """
    return open_sources(data, seed, root, [size])[0]


def open_sources(
    data: "Data",
    seed: int,
    root: Path | None,
    sizes: Sequence[Size | None],
    text_tokens: int | None = None,
) -> list[Source]:
    """The same, one stream for each size; captions of that many tokens where it is given.

    Raises:
        Refused, BadInput: as ``open_source``; BadInput too where a size has no samples.
    """
    if data.prepared:
        from ditlaw.data.cache import Cache, Stream
        from ditlaw.data.places import prepared_folder

        cache = Cache(prepared_folder(root, data.label))
        held = cache.manifest.text.tokens
        return [_cut(Stream(cache, data.held_out, seed, size), held, text_tokens) for size in sizes]
    return _scenes(data, seed, sizes, text_tokens)


def open_held_out(
    data: "Data",
    root: Path | None = None,
    trained: "Data | None" = None,
    size: Size | None = None,
    text_tokens: int | None = None,
) -> Source:
    """The held-out samples: the same for every run of a study.

    ``trained`` is the data set whose words a second one's captions are told in; ``size`` as
    ``open_source`` takes it. Captions are of ``text_tokens`` tokens where that is given.
    """
    return open_held_outs(data, root, trained, [size], text_tokens)[0]


def open_held_outs(
    data: "Data",
    root: Path | None,
    trained: "Data | None",
    sizes: Sequence[Size | None],
    text_tokens: int | None = None,
) -> list[Source]:
    """The same, apart for each size; captions of that many tokens where it is given."""
    if data.prepared:
        from ditlaw.data.cache import Cache, HeldOut
        from ditlaw.data.places import name_of, prepared_folder

        trained = trained or data
        share = data.held_out if data == trained else 1.0  # nothing trains on a second set
        cache = Cache(prepared_folder(root, name_of(data, trained)))
        held = cache.manifest.text.tokens
        return [_cut(HeldOut(cache, share, size), held, text_tokens) for size in sizes]
    return _scenes(data, HELD_OUT_SEED, sizes, text_tokens)


def evaluated_on(data: "Data", images: Sequence[NDArray[np.float32]]) -> str:
    """Which held-out pictures a loss is of, whatever their captions say: ``images`` by size.

    Losses without captions, and distances to one reference, are one quantity where this is.
    """
    if data.source == "scenes":
        # Drawn alike for all captions, up to the last bit of a machine's arithmetic.
        from ditlaw.data.scenes import SIZE

        sizes = [f"{len(part)}@{part.shape[2]}x{part.shape[3]}" for part in images]
        plain = len(images) == 1 and images[0].shape[2:] == (SIZE, SIZE)
        return "scenes" if plain else f"scenes-{'-'.join(sizes)}"
    digest = hashlib.sha256()
    for part in images:
        digest.update(str(part.shape).encode() + np.ascontiguousarray(part).tobytes())
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


class _Shortened:
    """A source whose captions are cut after some tokens."""

    def __init__(self, source: Source, text_tokens: int) -> None:
        self.source, self.text_tokens = source, text_tokens
        self.samples, self.pixels = source.samples, source.pixels

    def read(self, start: int, count: int) -> Batch:
        return self.source.read(start, count).shortened(self.text_tokens)


def _cut(source: Source, held: int, text_tokens: int | None) -> Source:
    """The source, its captions cut where they hold more tokens than are wanted."""
    wanted = held if text_tokens is None else text_tokens
    return source if wanted >= held else _Shortened(source, wanted)


def _scenes(
    data: "Data", seed: int, sizes: Sequence[Size | None], text_tokens: int | None = None
) -> list[Source]:
    from ditlaw.data.scenes import CELLS, SIZE, Scenes, seed_of

    require_readable(data)
    chosen = [size or (SIZE, SIZE) for size in sizes]
    length = text_tokens or CELLS * CELLS
    return [Scenes(seed_of(seed, size), data.captions, size, length) for size in chosen]
