"""Which kind of raw data lies at the paths of a study, and opening it."""

import glob
import importlib
import os
from collections.abc import Callable
from pathlib import Path

from ditlaw.data.manifest import SourceFacts, SourceFile
from ditlaw.data.raw.base import Distinct, Raw
from ditlaw.data.raw.saved import saved_files
from ditlaw.data.wanted import Wanted
from ditlaw.errors import BadInput

SUFFIXES = {".tar": "webdataset", ".parquet": "parquet", ".arrow": "arrow"}
# Who reads files of a kind, as module:class, imported when there are some. Each is called with
# what is wanted, where it lies, the files and their names.
READERS = {
    "webdataset": "ditlaw.data.raw.webdataset:WebDataset",
    "parquet": "ditlaw.data.raw.parquet:Parquet",
    "arrow": "ditlaw.data.raw.arrow:Arrow",
}


def open_raw(wanted: Wanted) -> Raw:
    """The samples that lie at the paths, each key once.

    Raises:
        BadInput: nothing is there, of no kind that is read, or without the fields that are wanted.
    """
    kind, files = _found(wanted.paths)
    where = Path(wanted.paths[0]) if wanted.paths else Path(kind)
    raw = Distinct(_of_kind(kind, wanted, where, files))
    if not raw.keys:
        why = f" ({raw.faults[0][0]}: {raw.faults[0][1]})" if raw.faults else ""
        raise BadInput(f"data.path: no sample in {where}{why}")
    return raw


def source_facts(wanted: Wanted) -> SourceFacts:
    """What lies at the paths, by names and sizes: enough to see that it is not what it was.

    Raises:
        BadInput: nothing is there, or of no kind that is read.
    """
    kind, files = _found(wanted.paths)
    if kind == "digits":
        return SourceFacts(kind=kind)
    if kind == "folder":
        inside = [path for path in sorted(files[0].rglob("*")) if path.is_file()]
        size = sum(path.stat().st_size for path in inside)
        return SourceFacts(kind=kind, files=[SourceFile(name=files[0].name, bytes=size)])
    sizes = [
        SourceFile(name=name, bytes=file.stat().st_size)
        for name, file in zip(_names(files), files, strict=True)
    ]
    return SourceFacts(kind=kind, files=sizes)


def files_at(paths: list[str]) -> set[Path]:
    """The files that samples at those paths lie in, or their folder, wherever they are named from.

    Raises:
        BadInput: as ``open_raw``.
    """
    return {file.resolve() for file in _found(tuple(paths))[1]}


def _of_kind(kind: str, wanted: Wanted, where: Path, files: list[Path]) -> Raw:
    if kind == "digits":
        from ditlaw.data.raw.digits import Digits

        return Digits(wanted)
    if kind == "folder":
        from ditlaw.data.raw.folder import Folder

        return Folder(wanted, where, files[0])
    module, _, name = READERS[kind].partition(":")
    reader: Callable[..., Raw] = getattr(importlib.import_module(module), name)
    return reader(wanted, where, files, _names(files))


def _names(files: list[Path]) -> list[str]:
    """Files by their names below the folder that they share, wherever that lies."""
    whole = [os.path.abspath(file) for file in files]
    common = os.path.commonpath([os.path.dirname(path) for path in whole])
    return [Path(os.path.relpath(path, common)).as_posix() for path in whole]


def _found(paths: tuple[str, ...]) -> tuple[str, list[Path]]:
    """The kind of what lies at the paths, and its files in a fixed order, each once."""
    if not paths:
        return "digits", []
    files: dict[Path, str] = {}
    for path in paths:
        for file, kind in _at(path):
            files.setdefault(file, kind)
    kinds = sorted(set(files.values()))
    if kinds == ["folder"] and len(files) > 1:
        raise BadInput("data.path: give one folder of pictures, the one that all of them lie in")
    if len(kinds) > 1:
        raise BadInput(
            f"data.path: {' and '.join(kinds)} together; give each a data entry of its own"
        )
    return kinds[0], list(files)


def _at(path: str) -> list[tuple[Path, str]]:
    given = os.path.expanduser(path)
    names = [given] if os.path.exists(given) else sorted(glob.glob(given, recursive=True))
    found = [Path(name) for name in names]
    if not found:
        where = "absolute" if os.path.isabs(given) else f"from {os.getcwd()}"
        hint = "; braces are not read, write a glob such as part-*.tar" if "{" in path else ""
        raise BadInput(f"data.path: nothing is at {path} ({where}){hint}")
    return [each for file in found for each in (_inside(file) if file.is_dir() else [_file(file)])]


def _file(file: Path) -> tuple[Path, str]:
    if file.suffix.lower() not in SUFFIXES:
        raise BadInput(
            f"data.path: {file} is of no kind that is read; give {', '.join(SUFFIXES)} files, a "
            "data set saved with save_to_disk, or a folder of pictures"
        )
    return file, SUFFIXES[file.suffix.lower()]


def _inside(folder: Path) -> list[tuple[Path, str]]:
    saved = saved_files(folder)
    if saved is not None:
        return [(file, "arrow") for file in saved]
    # Of all kinds: several together are refused, not one read and the others passed over.
    files = [
        (file, kind) for suffix, kind in SUFFIXES.items() for file in folder.glob(f"*{suffix}")
    ]
    return sorted(files) or [(folder, "folder")]
