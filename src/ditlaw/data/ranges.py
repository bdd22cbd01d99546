"""A cache's ranges of raw samples, made by any number of processes.

CACHE/00000.json   the record of a range: its shards, and what was skipped; written last
CACHE/.locks/      a lock a range, held by the process that makes it, gone with that process
"""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from ditlaw.data.begun import PATIENCE
from ditlaw.data.making import Maker
from ditlaw.data.manifest import (
    MANIFEST_FILE,
    SKIPPED_FILE,
    Manifest,
    Shard,
    SourceFacts,
    read_manifest,
)
from ditlaw.data.shards import write_manifest, write_skipped
from ditlaw.errors import Refused
from ditlaw.files import write_json
from ditlaw.locks import locked
from ditlaw.text import plain, share

WAIT = 0.2  # seconds between looks at what others are doing


class _Record(NamedTuple):
    shards: list[Shard]
    skipped: list[tuple[str, str]]


class Ranges:
    """The ranges of a cache: which are made, and making those that nobody makes."""

    def __init__(
        self, out: Path, maker: Maker, ranges: list[range], told: Callable[[int, int], None]
    ) -> None:
        self.out, self.maker, self.ranges, self.told = out, maker, ranges, told
        self.total = len(maker.raw.keys)
        self.records: dict[int, _Record] = {}

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
            shards = [shard for i in sorted(self.records) for shard in self.records[i].shards]
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

    def _record(self, number: int) -> _Record | None:
        if number not in self.records:
            path = self.out / f"{_name(number)}.json"
            try:
                record = json.loads(path.read_text(encoding="utf-8"))
                self.records[number] = _Record(
                    [Shard.model_validate(shard) for shard in record["shards"]],
                    [(str(key), str(reason)) for key, reason in record["skipped"]],
                )
            except (OSError, ValueError, KeyError, TypeError):
                return None
        return self.records[number]

    def _skipped(self) -> list[tuple[str, str]]:
        """Key and reason of everything that was skipped, as far as ranges are made."""
        here = [each for i in sorted(self.records) for each in self.records[i].skipped]
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
            f"({share(need)}), the first {plain(skipped[0][0])}: {plain(skipped[0][1], 100)}; "
            f"{self.out / SKIPPED_FILE} has all; mend them{_or_allow(need)}"
        )


def _or_allow(need: float) -> str:
    """A round share that is enough, where there is one."""
    room = next((x for x in (0.02, 0.05, 0.1, 0.2, 0.5, 0.9) if x >= need), None)
    return "" if room is None else f", or set most_skipped: {room:g}"


def _name(number: int) -> str:
    return f"{number:05d}"
