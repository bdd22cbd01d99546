"""Samples whose parts are files of one name and several extensions, in a tar shard or a folder."""

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from ditlaw.data.raw.base import MOST_BYTES, MOST_TEXT, Unusable, caption_field, decoded, text_of
from ditlaw.data.wanted import Wanted
from ditlaw.errors import BadInput

PICTURES = ("png", "jpg", "jpeg", "webp")
PEEKED = 64  # JSON files that are looked into for the fields there are


class Grouped(ABC):
    """Samples by the extensions of their parts; a kind says where a part's bytes lie.

    ``parts[i]`` has, by extension, whatever ``size`` and ``read`` of the kind understand.
    """

    def __init__(self, wanted: Wanted, where: Path) -> None:
        self.picture = wanted.image
        self.where = where
        self.keys: list[str] = []
        self.parts: list[dict[str, Any]] = []
        self.faults: list[tuple[str, str]] = []
        self.field = ""
        self.in_json = False

    @abstractmethod
    def size(self, part: Any) -> int:
        """Bytes of a part."""

    @abstractmethod
    def read(self, part: Any) -> bytes:
        """A part's bytes.

        Raises:
            Unusable: this part cannot be read.
            BadInput: the file that it lies in cannot.
        """

    def choose(self, wanted: Wanted) -> None:
        """Settle which picture and which caption are read, when all parts are known.

        Raises:
            BadInput: none is of that name; the message has those that are.
        """
        if not self.parts:
            return  # which says more than that a field is not there
        kinds = {name: None for parts in self.parts for name in parts}
        if wanted.image is not None and wanted.image not in kinds:
            there = [name for name in kinds if name.rpartition(".")[2] in PICTURES]
            raise BadInput(
                f"data.image: {self.where} has no .{wanted.image}; it has {', '.join(there)}"
            )
        others = (*PICTURES, "json", *([wanted.image] if wanted.image else ()))
        texts = [name for name in kinds if name.rpartition(".")[2] not in others]
        fields = self._json_fields()
        self.field = caption_field(
            wanted, [*texts, *(f for f in fields if f not in texts)], self.where
        )
        self.in_json = self.field not in texts

    def image(self, number: int) -> bytes:
        """The picture's file."""
        parts = self.parts[number]
        names = PICTURES if self.picture is None else (self.picture,)
        name = next((name for name in names if name in parts), None)
        if name is None:
            raise Unusable("no picture")
        if not self.size(parts[name]):
            raise Unusable("the picture has zero bytes")
        if self.size(parts[name]) > MOST_BYTES:
            raise Unusable(f"the picture has more than {MOST_BYTES >> 20} MB")
        return self.read(parts[name])

    @staticmethod
    def pictured(parts: dict[str, Any]) -> bool:
        """Whether a group has a picture of any name."""
        return any(name.rpartition(".")[2] in PICTURES for name in parts)

    def caption(self, number: int) -> str:
        """The caption or label."""
        parts = self.parts[number]
        if not self.in_json:
            return text_of(decoded(self._text(parts, self.field)))
        content = _object(self._text(parts, "json"))
        if self.field not in content:
            raise Unusable(f"the JSON has no {self.field}")
        return text_of(content[self.field])

    def _text(self, parts: dict[str, Any], name: str) -> bytes:
        if name not in parts:
            raise Unusable(f"no caption (.{name})")
        if self.size(parts[name]) > MOST_TEXT:
            raise Unusable("the caption is too long")
        return self.read(parts[name])

    def _json_fields(self) -> list[str]:
        fields: dict[str, None] = {}
        looked = 0
        for parts in self.parts:
            if "json" in parts:
                looked += 1
                try:
                    fields |= dict.fromkeys(_object(self._text(parts, "json")))
                except Unusable:
                    continue
            if looked == PEEKED:
                break
        return list(fields)


def _object(content: bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        Unusable: it is none.
    """
    try:
        found = json.loads(decoded(content))
    except (ValueError, RecursionError):
        raise Unusable("the JSON is broken") from None
    if not isinstance(found, dict):
        raise Unusable("the JSON is no object")
    return found
