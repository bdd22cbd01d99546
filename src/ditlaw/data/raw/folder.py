"""A folder of pictures, with captions beside them or in one file, or as the folders' names."""

import json
import os
from pathlib import Path, PurePosixPath
from typing import Any

from ditlaw.data.raw.base import Unusable, cannot_read, caption_field, text_of, writable
from ditlaw.data.raw.grouped import PICTURES, Grouped
from ditlaw.data.wanted import Wanted

LISTS = ("metadata.jsonl", "captions.jsonl")
FOLDER = "folder"  # the field that is the name of the folder that a picture lies in


class Folder(Grouped):
    """The pictures of a folder and of those in it; a key is a picture's path in it.

    Captions are in the folder's ``metadata.jsonl`` or ``captions.jsonl`` (``file_name`` and
    fields), else beside each picture in a ``.txt`` or ``.json`` of its name. Labels without such a
    file are the names of the folders.
    """

    def __init__(self, wanted: Wanted, where: Path, folder: Path) -> None:
        super().__init__(wanted, where)
        self.folder = folder
        self.picture = None
        self.told: dict[str, dict[str, Any]] | None = None
        others = self._walk(wanted.image)
        lists = [name for name in LISTS if (folder / name).is_file()]
        if lists:
            self._read_list(wanted, folder / lists[0])
            return
        for parts, key in zip(self.parts, self.keys, strict=True):
            stem = os.path.splitext(key)[0]
            parts |= {e: others[f"{stem}.{e}"] for e in ("txt", "json") if f"{stem}.{e}" in others}
        beside = any(len(parts) > 1 for parts in self.parts)
        if wanted.caption == FOLDER or (
            wanted.caption is None and wanted.text == "label" and not beside
        ):
            self.field = FOLDER
        else:
            self.choose(wanted)

    def size(self, part: Path) -> int:
        """Bytes of a file."""
        try:
            return part.stat().st_size
        except OSError:
            raise Unusable(f"{part.name} cannot be read") from None

    def read(self, part: Path) -> bytes:
        """A file's bytes."""
        try:
            return part.read_bytes()
        except OSError:
            raise Unusable(f"{part.name} cannot be read") from None

    def caption(self, number: int) -> str:
        """The caption or label."""
        key = self.keys[number]
        if self.field == FOLDER:
            parent = PurePosixPath(key).parent.name
            if not parent:
                raise Unusable("it lies in no folder that names its class")
            return parent
        if self.told is None:
            return super().caption(number)
        if key not in self.told:
            raise Unusable("no line names it")
        if self.field not in self.told[key]:
            raise Unusable(f"its line has no {self.field}")
        return text_of(self.told[key][self.field])

    def _walk(self, only: str | None) -> dict[str, Path]:
        """Find the pictures; returns the captions' files by their paths in the folder."""
        others = {}

        def closed(error: OSError) -> None:
            key = writable(os.path.relpath(error.filename, self.folder))
            self.faults.append((key, "a folder that cannot be read"))

        for place, folders, files in os.walk(self.folder, onerror=closed):
            here = Path(place)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in folders:
                if (here / name).is_symlink():
                    key = writable((here / name).relative_to(self.folder).as_posix())
                    self.faults.append((key, "a link to a folder, not followed"))
            for name in sorted(files):
                path = here / name
                if name.startswith("."):
                    continue
                key = writable(path.relative_to(self.folder).as_posix())
                kind = path.suffix[1:].lower()
                if kind in ((only,) if only else PICTURES):
                    self.keys.append(key)
                    self.parts.append({kind: path})
                elif kind in ("txt", "json"):
                    others[f"{os.path.splitext(key)[0]}.{kind}"] = path
        return others

    def _read_list(self, wanted: Wanted, path: Path) -> None:
        self.told = {}
        fields: dict[str, None] = {}
        known = set(self.keys)
        for number, line in enumerate(self._lines(path), 1):
            key = f"{path.name}:{number}"
            try:
                row = json.loads(line)
                name = str(PurePosixPath(row["file_name"]))
            except (ValueError, KeyError, TypeError, RecursionError):
                self.faults.append((key, "no JSON object with a file_name"))
                continue
            if name in self.told:
                self.faults.append((name, "duplicate key; the first is kept"))
            elif name not in known:
                self.faults.append((writable(name), "no such picture in the folder"))
            else:
                self.told[name] = row
                fields |= dict.fromkeys(row)
        fields.pop("file_name", None)
        self.field = caption_field(wanted, list(fields), path)

    def _lines(self, path: Path) -> list[str]:
        try:
            text = path.read_bytes().decode("utf-8-sig", "replace")
        except OSError as error:
            raise cannot_read(path, error) from None
        return [line for line in text.split("\n") if line.strip()]
