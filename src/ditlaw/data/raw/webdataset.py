"""Tar shards in WebDataset's manner: members of one key are a sample.

A key is a member's path up to the first dot of its last part.

The index holds where members lie. They are read by offset and never extracted, so that no name
can lead anywhere and no link is followed.
"""

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ditlaw.data.raw.base import writable
from ditlaw.data.raw.grouped import Grouped
from ditlaw.data.wanted import Wanted
from ditlaw.errors import BadInput

BLOCK = tarfile.BLOCKSIZE


class Member(NamedTuple):
    """Where a member's bytes lie in a shard."""

    shard: int
    offset: int
    bytes: int


class WebDataset(Grouped):
    """The samples of tar shards.

    Raises:
        BadInput: a shard cannot be opened.
    """

    def __init__(self, wanted: Wanted, where: Path, files: list[Path], names: list[str]) -> None:
        super().__init__(wanted, where)
        self.files = files
        self._handle: tuple[int, int] | None = None
        for shard, (file, name) in enumerate(zip(files, names, strict=True)):
            self._index(shard, file, name)
        self.choose(wanted)
        self._drop_strangers()

    def size(self, part: Member) -> int:
        """Bytes of a member."""
        return part.bytes

    def read(self, part: Member) -> bytes:
        """A member's bytes."""
        if self._handle is None or self._handle[0] != part.shard:
            self.close()
            try:
                self._handle = part.shard, os.open(self.files[part.shard], os.O_RDONLY)
            except OSError as error:
                raise _unreadable(self.files[part.shard], error) from None
        try:
            content = os.pread(self._handle[1], part.bytes, part.offset)
        except OSError as error:
            raise _unreadable(self.files[part.shard], error) from None
        if len(content) < part.bytes:
            raise BadInput(f"{self.files[part.shard]}: was cut short while it was read")
        return content

    def close(self) -> None:
        """Close the shard that is open."""
        if self._handle is not None:
            os.close(self._handle[1])
            self._handle = None

    def __del__(self) -> None:
        self.close()

    def _index(self, shard: int, file: Path, name: str) -> None:
        groups: dict[str, dict[str, Member]] = {}
        current, key = dict[str, Member](), ""

        def close() -> None:
            if not current:
                return
            before = groups.setdefault(key, current)
            if before is current:
                return
            if before.keys() & current.keys():
                self.faults.append((key, "duplicate key; the first is kept"))
            else:
                before.update(current)  # a shard that is sorted by extension

        for path, member in _members(file, shard, name, self.faults):
            folder, _, base = path.rpartition("/")
            stem, dot, extension = base.partition(".")
            if not stem or not dot or stem.startswith("__"):
                continue  # WebDataset's own notes, and what file systems leave
            its_key = f"{folder}/{stem}" if folder else stem
            extension = extension.lower()
            if its_key != key or extension in current:
                close()
                current, key = {}, its_key
            current[extension] = member
        close()
        self.keys += groups.keys()
        self.parts += groups.values()

    def _drop_strangers(self) -> None:
        """Groups with neither picture nor caption are something else that lies in the shard."""
        chosen = {"json"} if self.in_json else {self.field}
        chosen |= {"txt", "json"}
        kept = [
            i for i, parts in enumerate(self.parts) if chosen & parts.keys() or self.pictured(parts)
        ]
        self.keys = [self.keys[i] for i in kept]
        self.parts = [self.parts[i] for i in kept]


def _members(
    file: Path, shard: int, name: str, faults: list[tuple[str, str]]
) -> Iterator[tuple[str, Member]]:
    """Path and place of each usable member; what is wrong with the shard goes to ``faults``.

    A damaged header is passed over and the next whole one sought, so that it costs no more than
    what it heads.
    """
    try:
        size = file.stat().st_size
        handle = file.open("rb")
    except OSError as error:
        raise _unreadable(file, error) from None
    with handle:
        if not size:
            faults.append((name, "the file has zero bytes"))
            return
        expected = found = 0
        try:
            # Past zeros and damage alike; what lies between two members is looked at below.
            tar = tarfile.TarFile(
                fileobj=handle, mode="r", ignore_zeros=True, errors="surrogateescape"
            )
            while (member := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # else it keeps all of them
                if member.offset < expected or member.size < 0:
                    raise tarfile.ReadError("goes backwards")
                if member.offset > expected and not _all_zero(handle, expected, member.offset):
                    faults.append((name, f"damaged at byte {expected}"))
                expected = tar.offset
                found += 1
                if expected > size and member.offset_data + member.size > size:
                    key = writable(member.name)
                    faults.append((key, f"cut short with the end of {name}"))
                    return
                path = _plain_path(member, faults)
                if path is not None:
                    yield path, Member(shard, member.offset_data, member.size)
                if expected > size:
                    break
        except Exception:
            # Any bytes at all may come, and tarfile raises what it will on them.
            faults.append((name, f"damaged at byte {expected}" if found else "not a tar file"))
            return
        if not found:
            faults.append((name, "not a tar file"))
        elif expected + BLOCK > size:
            faults.append((name, "cut short: it has no end mark"))
        elif not _all_zero(handle, expected, size):
            faults.append((name, f"damaged at byte {expected}"))


def _plain_path(member: tarfile.TarInfo, faults: list[tuple[str, str]]) -> str | None:
    """A member's path inside its shard; None for what is not read, which is listed."""
    path = writable(member.name)
    if member.isdir():
        return None
    if not member.isreg() or member.issparse():
        faults.append((path, "a link or device, no file"))
        return None
    parts = path.split("/")
    if path.startswith("/") or ".." in parts:
        faults.append((path, "its name leads out of the shard"))
        return None
    return "/".join(part for part in parts if part not in ("", "."))


def _all_zero(handle: BinaryIO, start: int, end: int) -> bool:
    """Whether nothing is lost between two places: zeros, or headers of the whole archive."""
    place = handle.tell()
    try:
        while start < end:
            handle.seek(start)
            block = handle.read(BLOCK)
            if block[156:157] == tarfile.XGLTYPE and len(block) == BLOCK:
                start += BLOCK + -(-int(block[124:135].strip(b" \0") or b"0", 8) // BLOCK) * BLOCK
            elif block.strip(b"\0"):
                return False
            else:
                start += BLOCK
        return True
    finally:
        handle.seek(place)


def _unreadable(file: Path, error: OSError) -> BadInput:
    return BadInput(f"data.path: {file} cannot be read ({error.strerror or error})")
