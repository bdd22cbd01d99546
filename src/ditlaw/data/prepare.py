"""Make a cache of raw data: by several processes at once, and on after a kill.

Raw samples are cut into fixed ranges. A range's shards are written, then its record; whoever
finds all records writes the manifest. What is written depends on the data and the wish alone, not
on who made which range, or how often it was begun.

CACHE/begun.json        the wish and the source; a cache is of one of each
CACHE/vocabulary.json   the words by number
CACHE/00000.json        the record of a range: its shards, and what was skipped
CACHE/.locks/           a lock a range, held by the process that makes it
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ditlaw.data.making import Maker, caption_or_nothing
from ditlaw.data.manifest import (
    MANIFEST_FILE,
    SKIPPED_FILE,
    ImageFacts,
    Manifest,
    Shard,
    SourceFacts,
    TextFacts,
    read_manifest,
)
from ditlaw.data.pictures import Pixels
from ditlaw.data.raw import Raw, open_raw, source_facts
from ditlaw.data.shards import write_manifest, write_skipped
from ditlaw.data.sides import ImageSide, TextSide
from ditlaw.data.vocabulary import make_vocabulary, text_side
from ditlaw.data.wanted import Wanted
from ditlaw.errors import BadInput, Refused
from ditlaw.files import write_json
from ditlaw.text import plain, share
from ditlaw.training.folder import locked

BEGUN_FILE = "begun.json"
VOCABULARY_FILE = "vocabulary.json"
MOST_SAMPLES = 4096  # of a range
SHARD_BYTES = 1 << 27  # what a range's arrays may come to, all of them in memory at once
BATCH = 32
PATIENCE = 3600.0  # seconds that the making of a vocabulary may take
WAIT = 0.2  # seconds between looks at what others are doing


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
    _begin(out, _wish(wanted, source, image.facts, text.facts if text else None, size))
    if (out / MANIFEST_FILE).exists():
        return read_manifest(out)
    raw = raw or open_raw(wanted)
    if text is None:
        text = text_side(wanted, _vocabulary(raw, wanted, out))
    ranges = [range(i, min(i + size, len(raw.keys))) for i in range(0, len(raw.keys), size)]
    work = _Work(out, Maker(raw, wanted, image, text, batch), ranges, told)
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


class _Work:
    """The ranges of a cache: which are made, and making those that nobody makes."""

    def __init__(
        self, out: Path, maker: Maker, ranges: list[range], told: Callable[[int, int], None]
    ) -> None:
        self.out, self.maker, self.ranges, self.told = out, maker, ranges, told
        self.total = len(maker.raw.keys)
        self.records: dict[int, dict[str, Any]] = {}

    def carry_out(self) -> None:
        """Make ranges until all are made, by this process or another."""
        while True:
            worked = False
            for number in self._missing():
                worked = self._attempt(number) or worked
                self._check_skipped()
            if not self._missing():
                return
            if not worked:
                time.sleep(WAIT)

    def finish(self, source: SourceFacts) -> Manifest:
        """Write the manifest, the same whoever does."""
        raw, text = self.maker.raw, self.maker.text.facts
        with locked(self.out / ".locks" / "finish", str(self.out), patience=PATIENCE):
            if (self.out / MANIFEST_FILE).exists():
                return read_manifest(self.out)
            self._check_skipped()
            for left in self.out.glob(".*.tmp"):
                left.unlink(missing_ok=True)  # of a process that was killed; nobody writes now
            shards = [Shard(**s) for i in sorted(self.records) for s in self.records[i]["shards"]]
            if text.kind != "none":
                text = text.model_copy(update={"field": raw.field})
            return write_manifest(
                self.out, source, self.maker.image.facts, text, shards, self._skipped()
            )

    def _attempt(self, number: int) -> bool:
        """Make a range, unless somebody does; whether there was anything to do."""
        with ExitStack() as held:
            try:
                held.enter_context(locked(self.out / ".locks" / _name(number), str(self.out)))
            except Refused:
                return False
            if self._record(number) is None:
                done = sum(len(self.ranges[i]) for i in self.records)
                shards, skipped = self.maker.make(
                    self.ranges[number],
                    _name(number),
                    self.out,
                    lambda more: self.told(done + more, self.total),
                )
                record = {"shards": [s.model_dump(mode="json") for s in shards], "skipped": skipped}
                write_json(self.out / f"{_name(number)}.json", record)
                self._record(number)
        self.told(sum(len(self.ranges[i]) for i in self.records), self.total)
        return True

    def _missing(self) -> list[int]:
        return [i for i in range(len(self.ranges)) if self._record(i) is None]

    def _record(self, number: int) -> dict[str, Any] | None:
        if number not in self.records:
            path = self.out / f"{_name(number)}.json"
            try:
                record = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                return None
            self.records[number] = record
        return self.records[number]

    def _skipped(self) -> list[tuple[str, str]]:
        """Key and reason of everything that was skipped, as far as ranges are made."""
        here = [(k, r) for i in sorted(self.records) for k, r in self.records[i]["skipped"]]
        return [*self.maker.raw.faults, *here]

    def _check_skipped(self) -> None:
        skipped, faults = self._skipped(), len(self.maker.raw.faults)
        most, of = self.maker.wanted.most_skipped, self.total + faults
        whole = len(self.records) == len(self.ranges)
        if len(skipped) <= most * of:
            return
        write_skipped(self.out, skipped)
        need = len(skipped) / of
        so_far = "" if whole else " so far"
        raise Refused(
            f"data.most_skipped: {len(skipped):,} of {of:,} samples{so_far} cannot be used "
            f"({share(need)}), the first {plain(skipped[0][0])}: {skipped[0][1]}; "
            f"{self.out / SKIPPED_FILE} has all; mend them, or set most_skipped: "
            f"{_room(need):g}"
        )


def _room(need: float) -> float:
    """A share in two digits that is enough."""
    return next(x for x in (0.02, 0.05, 0.1, 0.2, 0.5, 0.99) if x >= min(need, 0.99))


def _name(number: int) -> str:
    return f"{number:05d}"


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


def _wish(
    wanted: Wanted, source: SourceFacts, image: ImageFacts, text: TextFacts | None, size: int
) -> dict[str, Any]:
    """All that a cache's content depends on, as plain data."""
    wish = asdict(wanted)
    for name in ("paths", "most_skipped"):
        del wish[name]
    wish |= {
        "source": source.model_dump(mode="json"),
        "image_side": image.model_dump(mode="json"),
        "text_side": text.model_dump(mode="json") if text else None,
        "samples_of_a_range": size,
    }
    plain_data: dict[str, Any] = json.loads(json.dumps(wish))
    return plain_data


def _begin(out: Path, wish: dict[str, Any]) -> None:
    """Write what a cache is to be, or check that it is what it was begun as."""
    path = out / BEGUN_FILE
    with locked(out / ".locks" / "begin", str(out), patience=PATIENCE):
        if not path.exists():
            if any(not other.name.startswith(".") for other in out.iterdir()):
                raise BadInput(f"{out}: has other files in it; choose a new folder")
            write_json(path, wish)
            return
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
            differ = [name for name in wish if wish[name] != before[name]]
        except (OSError, ValueError, KeyError, TypeError):
            raise BadInput(f"{path}: damaged; remove {out} to start over") from None
    if differ:
        raise BadInput(
            f"{out}: was begun with another {' and '.join(differ)}; undo the change, choose "
            "another folder, or remove this one to start over"
        )


def _vocabulary(raw: Raw, wanted: Wanted, out: Path) -> list[str]:
    """The words of a cache, made once."""
    path = out / VOCABULARY_FILE
    with locked(out / ".locks" / "vocabulary", str(out), patience=PATIENCE):
        if not path.exists():
            write_json(path, make_vocabulary(wanted, _captions(raw)))
        words: list[str] = json.loads(path.read_text(encoding="utf-8"))
        return words


def _captions(raw: Raw) -> Iterator[str]:
    for number in range(len(raw.keys)):
        if said := caption_or_nothing(raw, number):
            yield said
