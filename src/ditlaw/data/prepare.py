"""Make a cache of raw data: by several processes at once, and on after a kill.

Raw samples are cut into fixed ranges. A range's shards are written, then its record; whoever
finds all records writes the manifest. What is written depends on the data and the wish alone, not
on who made which range, or how often it was begun.
"""

from collections.abc import Callable
from pathlib import Path

from ditlaw.data.begun import BEGUN_FILE, begin, vocabulary_of, wish_of
from ditlaw.data.making import Maker
from ditlaw.data.manifest import (
    MANIFEST_FILE,
    ImageFacts,
    Manifest,
    TextFacts,
    read_manifest,
)
from ditlaw.data.pictures import Pixels
from ditlaw.data.ranges import Ranges
from ditlaw.data.raw import open_raw, source_facts
from ditlaw.data.sides import ImageSide, TextSide
from ditlaw.data.vocabulary import text_side
from ditlaw.data.wanted import Wanted
from ditlaw.errors import BadInput

MOST_SAMPLES = 4096  # of a range
SHARD_BYTES = 1 << 27  # what a range's arrays may come to, all of them in memory at once
BATCH = 32


def prepare(
    wanted: Wanted,
    out: Path,
    told: Callable[[int, int], None] = lambda done, of: None,
    *,
    image: ImageSide | None = None,
    text: TextSide | None = None,
    batch: int = BATCH,
    most_samples: int = MOST_SAMPLES,
) -> Manifest:
    """Make or finish the cache in ``out``; one that is finished is only checked.

    Args:
        wanted: what to make of which data.
        out: the cache's folder.
        told: called with samples so far and in all.
        image: what becomes of pictures; without it bytes are kept.
        text: what becomes of captions; without it words, labels or nothing, as ``wanted`` says.
        batch: pictures that go to a side at a time.
        most_samples: of a range.

    Raises:
        BadInput: nothing to read, a damaged file, or ``out`` was begun with another wish.
        Refused: more samples than ``wanted.most_skipped`` are unusable.
    """
    image = image or Pixels(wanted.channels)
    size = _range_size(wanted, image.facts, text.facts if text else None, most_samples)
    source = source_facts(wanted)
    # What cannot be read begins nothing: the folder stays free for the mended wish.
    raw = None if (out / BEGUN_FILE).exists() else open_raw(wanted)
    begin(out, wish_of(wanted, source, image.facts, text.facts if text else None, size))
    if (out / MANIFEST_FILE).exists():
        return read_manifest(out)
    raw = raw or open_raw(wanted)
    if text is None:
        text = text_side(wanted, vocabulary_of(raw, wanted, out))
    ranges = [range(i, min(i + size, len(raw.keys))) for i in range(0, len(raw.keys), size)]
    work = Ranges(out, Maker(raw, wanted, image, text, batch), ranges, told)
    work.carry_out()
    return work.finish(source)


def check_source(wanted: Wanted, out: Path) -> None:
    """Whether a finished cache is of the files that lie at the paths now, if any do.

    Raises:
        BadInput: they have other names or sizes than those that it was made from.
    """
    try:
        now = source_facts(wanted)
    except BadInput:
        return  # the cache is all that is needed
    if now != read_manifest(out).source:
        raise BadInput(
            f"data.path: {', '.join(wanted.paths)} no longer holds the files that {out} was made "
            "from; restore them, or choose another --out folder"
        )


def _range_size(
    wanted: Wanted, image: ImageFacts, text: TextFacts | None, most_samples: int
) -> int:
    """Samples of a range: as many as its arrays have room for, as a power of two."""
    places = max(height * width for height, width in wanted.sizes) // image.factor**2
    bytes_ = places * image.channels * (1 if image.kind == "pixels" else 4)
    if text is not None:
        bytes_ += 4 * (text.tokens * max(text.dim, 1) + text.pooled_dim)
    room = max(1, SHARD_BYTES // max(bytes_, 1))
    return min(most_samples, 1 << (room.bit_length() - 1))
