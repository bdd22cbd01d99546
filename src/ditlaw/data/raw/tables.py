"""Samples that are rows of tables: what Parquet files and Arrow files have in common."""

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ditlaw.data.raw.base import MOST_BYTES, Unusable, caption_field, decoded, listed, text_of
from ditlaw.data.wanted import Wanted
from ditlaw.errors import BadInput
from ditlaw.text import plain

KEYS = ("key", "__key__", "id")
LABELS = "names of a class label"


class Tables(ABC):
    """Rows of several files of one schema; a kind says how a value is reached.

    A picture is a column of bytes, or of the structs {bytes, path} that Hugging Face writes. A
    sample's key is in the column ``key``, ``__key__`` or ``id``, else its file's name and its row.
    """

    def __init__(self, wanted: Wanted, where: Path, files: list[Path], names: list[str]) -> None:
        self.where, self.files = where, files
        self.faults: list[tuple[str, str]] = []
        schemas, rows = zip(*(self._checked(file) for file in files), strict=True)
        schema: pa.Schema = schemas[0]
        self.starts = np.concatenate([[0], np.cumsum(rows)]).astype(np.int64)
        self.picture = self._picture(wanted, schema)
        texts = [f.name for f in schema if _says(f.type)]
        self.field = caption_field(wanted, texts, where)
        read = [name for name in (self.picture, self.field) if name]
        for file, its in zip(files, schemas, strict=True):
            for name in read:
                if name not in its.names or its.field(name).type != schema.field(name).type:
                    raise BadInput(
                        f"data.path: {file} has another column {name} than {files[0]}; give files "
                        "of one table"
                    )
        self.labels = self.label_names(schema).get(self.field)
        column = next((k for k in KEYS if k in schema.names and _says(schema.field(k).type)), None)
        self.keys = []
        for number, (name, its) in enumerate(zip(names, schemas, strict=True)):
            found = [None] * int(rows[number])
            if column is not None and column in its.names:
                found = self._checked_column(number, column)
            self.keys += [_key(value) or f"{name}:{row}" for row, value in enumerate(found)]

    @abstractmethod
    def open(self, file: Path) -> tuple[pa.Schema, int]:
        """The schema of the next file, and how many rows it has."""

    @abstractmethod
    def column(self, file: int, name: str) -> list[Any]:
        """All values of a column of one file; text comes as bytes."""

    @abstractmethod
    def value(self, file: int, row: int, name: str) -> Any:
        """One value; text comes as bytes."""

    def label_names(self, schema: pa.Schema) -> dict[str, list[str]]:
        """Names of class labels by column, where Hugging Face's notes have them."""
        return names_of(_notes(schema))

    def image(self, number: int) -> bytes:
        """The picture's file."""
        content = self._value(number, self.picture)
        if isinstance(content, dict):
            content = content.get("bytes")
        if content is None:
            raise Unusable("no picture in the table (a path alone is not followed)")
        if not content:
            raise Unusable("the picture has zero bytes")
        if len(content) > MOST_BYTES:
            raise Unusable(f"the picture has more than {MOST_BYTES >> 20} MB")
        return bytes(content)

    def caption(self, number: int) -> str:
        """The caption or label."""
        said = self._value(number, self.field)
        if isinstance(said, bytes):
            said = decoded(said)
        elif isinstance(said, int) and self.labels is not None:
            if not 0 <= said < len(self.labels):
                raise Unusable(f"label {said} has no name")
            return text_of(self.labels[said])
        return text_of(said)

    def _value(self, number: int, name: str) -> Any:
        file = int(np.searchsorted(self.starts, number, side="right")) - 1
        try:
            return self.value(file, number - int(self.starts[file]), name)
        except Exception as error:
            raise unreadable(self.files[file], error) from None

    def _checked(self, file: Path) -> tuple[pa.Schema, int]:
        try:
            schema, rows = self.open(file)
            if len(set(schema.names)) < len(schema.names):
                raise ValueError("two columns have one name")
        except Exception as error:
            raise unreadable(file, error) from None
        return schema, rows

    def _checked_column(self, number: int, name: str) -> list[Any]:
        try:
            return self.column(number, name)
        except Exception as error:
            raise unreadable(self.files[number], error) from None

    def _picture(self, wanted: Wanted, schema: pa.Schema) -> str:
        fit: list[str] = [f.name for f in schema if _is_picture(f.type)]
        if wanted.image is not None and wanted.image in fit:
            return wanted.image
        if wanted.image is None and "image" in fit:
            return "image"
        if wanted.image is None and len(fit) == 1:
            return fit[0]
        there = f"those of bytes are {listed(fit)}" if fit else "no column has bytes"
        asked = f"no pictures in column {wanted.image}" if wanted.image else "no column image"
        raise BadInput(f"data.image: {self.where} has {asked}; {there}")


def unreadable(file: Path, error: Exception) -> BadInput:
    """The error for a file that Arrow cannot read; it raises what it will on damaged ones."""
    if isinstance(error, BadInput):
        return error
    why = plain((str(error).splitlines() or [type(error).__name__])[0], 100)
    return BadInput(f"data.path: {file} cannot be read ({why})")


def names_of(features: Any) -> dict[str, list[str]]:
    """Names of class labels by column, from the features of a Hugging Face data set."""
    if not isinstance(features, dict):
        return {}
    return {
        column: [str(name) for name in feature["names"]]
        for column, feature in features.items()
        if isinstance(feature, dict)
        and feature.get("_type") == "ClassLabel"
        and isinstance(feature.get("names"), list)
    }


def as_bytes(column: Any) -> Any:
    """A column whose text is bytes, checked: text that is not UTF-8 costs one row, not the file."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    if pa.types.is_string(kind):
        column = column.view(pa.binary())
    elif pa.types.is_large_string(kind):
        column = column.view(pa.large_binary())
    column.validate(full=True)
    return column


def _notes(schema: pa.Schema) -> Any:
    try:
        return json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError, RecursionError):
        return None


def _says(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind)) or bool(
        pa.types.is_integer(kind)
    )


def _is_picture(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        index = kind.get_field_index("bytes")
        return index >= 0 and _is_picture(kind.field(index).type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _key(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return None if value is None else str(value)
