"""Tar shards in WebDataset's manner: members of one key are a sample.

A key is a member's path up to the first dot of its last part.
"""

import os
from pathlib import Path

from ditlaw.data.raw.base import cannot_read
from ditlaw.data.raw.grouped import Grouped
from ditlaw.data.raw.tarindex import Member, members
from ditlaw.data.wanted import Wanted
from ditlaw.errors import BadInput


class WebDataset(Grouped):
    """The samples of tar shards; only where members lie is kept, and they are read by offset.

    Raises:
        BadInput: a shard cannot be opened.
    """

    def __init__(self, wanted: Wanted, where: Path, files: list[Path], names: list[str]) -> None:
        super().__init__(wanted, where)
        self.files = files
        self._handle: tuple[int, int] | None = None
        for shard, (file, name) in enumerate(zip(files, names, strict=True)):
            groups = self._groups(shard, file, name)
            self.keys += groups.keys()
            self.parts += groups.values()
        self.choose(wanted)
        self._drop_strangers()

    def size(self, part: Member) -> int:
        """Bytes of a member."""
        return part.bytes

    def read(self, part: Member) -> bytes:
        """A member's bytes.

        Raises:
            BadInput: its shard cannot be read, or was cut short.
        """
        file = self.files[part.shard]
        try:
            if self._handle is None or self._handle[0] != part.shard:
                self.close()
                self._handle = part.shard, os.open(file, os.O_RDONLY)
            content = os.pread(self._handle[1], part.bytes, part.offset)
        except OSError as error:
            raise cannot_read(file, error) from None
        if len(content) < part.bytes:
            raise BadInput(f"data.path: {file} was cut short while it was read")
        return content

    def close(self) -> None:
        """Close the shard that is open."""
        if self._handle is not None:
            os.close(self._handle[1])
            self._handle = None

    def __del__(self) -> None:
        self.close()

    def _groups(self, shard: int, file: Path, name: str) -> dict[str, dict[str, Member]]:
        """The samples of a shard: parts by extension, by key."""
        groups: dict[str, dict[str, Member]] = {}
        refused: dict[str, str] = {}
        again: list[tuple[str, str]] = []
        current, key = dict[str, Member](), ""

        def end_group() -> None:
            before = groups.setdefault(key, current) if current else current
            if before is current:
                return
            if before.keys() & current.keys():
                again.append((key, "duplicate key; the first is kept"))
            else:
                before.update(current)  # a shard that is sorted by extension

        for path, found in members(file, shard, self.faults, name):
            its_key, extension = _split(path)
            if isinstance(found, str):
                refused.setdefault(its_key or path, found)
                continue
            if not its_key:
                continue  # WebDataset's own notes, and what file systems leave
            if its_key != key or extension in current:
                end_group()
                current, key = {}, its_key
            current[extension] = found
        end_group()
        self.faults += [*refused.items(), *again]
        return {key: parts for key, parts in groups.items() if key not in refused}

    def _drop_strangers(self) -> None:
        """Groups with neither picture nor caption are something else that lies in the shard."""
        said = {"txt", "json", self.field}
        kept = [
            i for i, parts in enumerate(self.parts) if said & parts.keys() or self.pictured(parts)
        ]
        self.keys = [self.keys[i] for i in kept]
        self.parts = [self.parts[i] for i in kept]


def _split(path: str) -> tuple[str, str]:
    """Key and extension of a member; no key where it is none of a sample."""
    folder, _, base = path.rpartition("/")
    stem, dot, extension = base.partition(".")
    if not stem or not dot or stem.startswith("__"):
        return "", ""
    return (f"{folder}/{stem}" if folder else stem), extension.lower()
