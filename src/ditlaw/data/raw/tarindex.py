"""Where the members of a tar file lie, whatever its bytes are.

Members are never extracted, so that no name can lead anywhere and no link is followed.
"""

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ditlaw.data.raw.base import cannot_read, writable

BLOCK = tarfile.BLOCKSIZE


class Member(NamedTuple):
    """Where a member's bytes lie in a shard."""

    shard: int
    offset: int
    bytes: int


def members(
    file: Path, shard: int, faults: list[tuple[str, str]], name: str
) -> Iterator[tuple[str, Member | str]]:
    """Path of each member, and its place, or why it is not read.

    What is wrong with the file itself goes to ``faults`` under ``name``. A damaged header is
    passed over and the next whole one sought, so that it costs no more than what it heads.

    Raises:
        BadInput: the file cannot be opened.
    """
    try:
        size = file.stat().st_size
        handle = file.open("rb")
    except OSError as error:
        raise cannot_read(file, error) from None
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
                if _lost(handle, expected, member.offset):
                    faults.append((name, f"damaged at byte {expected:,}"))
                expected, found = tar.offset, found + 1
                if not member.isdir():
                    yield _plain(member, shard, name, size)
                if member.offset_data + member.size > size:
                    return  # said with the member
                if expected > size:
                    break
        except Exception:
            # Any bytes at all may come, and tarfile raises what it will on them.
            faults.append((name, f"damaged at byte {expected:,}" if found else "no tar file"))
            return
        if not found:
            faults.append((name, "no tar file"))
        elif expected + BLOCK > size:
            faults.append((name, "cut short: it has no end mark"))
        elif _lost(handle, expected, size):
            faults.append((name, f"damaged at byte {expected:,}"))


def _plain(member: tarfile.TarInfo, shard: int, name: str, size: int) -> tuple[str, Member | str]:
    path = writable(member.name)
    parts = path.split("/")
    if path.startswith("/") or ".." in parts:
        return path, "its name leads out of the shard"
    path = "/".join(part for part in parts if part not in ("", "."))
    if not member.isreg() or member.issparse():
        return path, "a link or a device, no file"
    if member.offset_data + member.size > size:
        return path, f"cut short with the end of {name}"
    return path, Member(shard, member.offset_data, member.size)


def _lost(handle: BinaryIO, start: int, end: int) -> bool:
    """Whether there is anything between two places but zeros and headers of the whole archive."""
    place = handle.tell()
    try:
        while start < end:
            handle.seek(start)
            block = handle.read(BLOCK)
            if block[156:157] == tarfile.XGLTYPE and len(block) == BLOCK:
                start += -(-int(block[124:135].strip(b" \0") or b"0", 8) // BLOCK) * BLOCK
            elif block.strip(b"\0"):
                return True
            start += BLOCK
        return False
    finally:
        handle.seek(place)
