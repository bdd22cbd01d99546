"""Writing files so that nothing is ever half there: write beside, flush to disk, rename.

A name is in its folder, and the folder's own bytes must reach the disk too: after a rename the
folder is flushed as the file was.
"""

import contextlib
import errno
import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ditlaw.errors import BadInput


def write_text(path: Path, text: str, *, overwrite: bool = True) -> None:
    """Write a text file atomically.

    Raises:
        BadInput: the file exists (with ``overwrite=False``) or the folder cannot be written to.
    """
    write_bytes(path, text.encode("utf-8"), overwrite=overwrite)


def write_bytes(path: Path, content: bytes, *, overwrite: bool = True) -> None:
    """Write a file atomically; see ``write_text``.

    Raises:
        BadInput: it cannot be written, or is there and may not be replaced.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    make_folder(path.parent)
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            temporary.replace(path)
        else:
            os.link(temporary, path)  # fails if the name is taken, unlike rename
            temporary.unlink()
        _flush_folder(path.parent)
    except FileExistsError:
        raise BadInput(f"{path}: exists already and is left alone; choose another name") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror or error})") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Create a folder and its parents where they are missing.

    Raises:
        BadInput: it cannot be created, or a file is in the way.
    """
    try:
        new = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for folder in new:
            _flush_folder(folder.parent)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror or error})") from None


def check_free(path: Path) -> None:
    """Whether a new folder can take this name.

    Raises:
        BadInput: there is a file, or a folder with something in it.
    """
    if path.exists() and not (path.is_dir() and next(path.iterdir(), None) is None):
        raise BadInput(f"{path}: exists already and is left alone; choose another name")


def write_folder(path: Path, contents: Mapping[str, bytes]) -> None:
    """Write a new folder of files, by name; they all appear at once.

    Raises:
        BadInput: the name is taken, or the folder cannot be written.
    """
    check_free(path)
    path = path.absolute()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    make_folder(path.parent)
    try:
        temporary.mkdir()
        for name, content in contents.items():
            write_bytes(temporary / name, content)
        temporary.replace(path)  # takes the place of an empty folder, of nothing else
        _flush_folder(path.parent)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_json(path: Path, content: Any, *, overwrite: bool = True) -> None:
    """Write plain data as indented JSON, atomically."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n", overwrite=overwrite)


def append_json(path: Path, record: dict[str, Any], *, durable: bool = False) -> None:
    """Append one line to a JSON-lines log; ``durable`` waits until the disk has it.

    A line torn by a crash is closed first, so that it costs only itself; one that the disk has no
    room for is taken back.

    Raises:
        BadInput: it cannot be written.
    """
    line = json.dumps(record, allow_nan=False).encode() + b"\n"
    try:
        with path.open("ab+", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else b"\n" + line
            try:
                _write_whole(file, line)
                if durable:
                    os.fsync(file.fileno())
            except OSError:
                os.ftruncate(file.fileno(), size)
                raise
        if durable and not size:
            _flush_folder(path.parent)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror or error})") from None


def _write_whole(file: io.FileIO, content: bytes) -> None:
    """Write all of it: a nearly full disk takes a part before it says that there is no room."""
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]


def _flush_folder(path: Path) -> None:
    """Wait until the disk has a folder's names; not every file system can be asked to."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


def read_json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The whole records of a JSON-lines file; torn lines are skipped, a missing file is empty."""
    try:
        file = path.open(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return
    with file:
        for line in file:
            with contextlib.suppress(json.JSONDecodeError):
                record = json.loads(line)
                if isinstance(record, dict):
                    yield record


def newest_json_lines(path: Path, having: str | None = None) -> Iterator[dict[str, Any]]:
    """The whole records at a file's end (its last 64 kB), newest first; none of a missing file.

    With ``having`` lines that lack a field of that name, or say null of it, are not even parsed.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 65536))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return
    named, null = (f'"{having}"{after}'.encode() for after in ("", ": null"))
    for line in reversed(lines):
        if having is not None and (named not in line or null in line):
            continue
        with contextlib.suppress(json.JSONDecodeError, UnicodeDecodeError):
            record = json.loads(line)
            if isinstance(record, dict):
                yield record


def last_json_line(path: Path, having: str | None = None) -> dict[str, Any] | None:
    """The last whole record (with a number in field ``having``) at a file's end."""
    for record in newest_json_lines(path, having):
        if having is None or isinstance(record.get(having), int | float):
            return record
    return None
