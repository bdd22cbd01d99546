"""What every kind of raw data is read through: numbered samples, each with a key."""

from pathlib import Path
from typing import Protocol

import numpy as np

from ditlaw.data.order import key_hash
from ditlaw.data.wanted import Wanted
from ditlaw.errors import BadInput
from ditlaw.text import plain

MOST_BYTES = 1 << 28  # of one picture, as a file
MOST_TEXT = 1 << 20  # of one caption, as a file
NAMED = 24  # fields that an error line names


class Unusable(Exception):
    """One sample cannot be used; the message is the reason, in a few words."""


class Raw(Protocol):
    """Samples 0 … n − 1 in an order that depends on nothing but the files.

    ``keys`` has n of them, which need not be distinct; ``faults`` what looked like a sample and is
    none, as (key, reason). ``field`` is where captions are read, '' for nowhere.
    """

    field: str
    keys: list[str]
    faults: list[tuple[str, str]]

    def image(self, number: int) -> bytes:
        """The picture's file.

        Raises:
            Unusable: it is missing, empty or too large.
            BadInput: the file that it lies in cannot be read.
        """

    def caption(self, number: int) -> str:
        """The caption or label.

        Raises:
            Unusable: it is missing, empty or no text.
            BadInput: the file that it lies in cannot be read.
        """


class Distinct:
    """Raw samples without those whose key came before; these are among the faults."""

    def __init__(self, raw: Raw) -> None:
        self.raw, self.field = raw, raw.field
        hashes = np.array([key_hash(key) for key in raw.keys], np.uint64)
        first = np.zeros(len(hashes), bool)
        first[np.unique(hashes, return_index=True)[1]] = True  # of equal ones, the first
        self.numbers = np.flatnonzero(first)
        self.keys = [raw.keys[int(i)] for i in self.numbers]
        again = [raw.keys[int(i)] for i in np.flatnonzero(~first)]
        self.faults = [*raw.faults, *((key, "duplicate key; the first is kept") for key in again)]

    def image(self, number: int) -> bytes:
        """The picture's file."""
        return self.raw.image(int(self.numbers[number]))

    def caption(self, number: int) -> str:
        """The caption or label."""
        return self.raw.caption(int(self.numbers[number]))


def caption_field(wanted: Wanted, have: list[str], where: Path) -> str:
    """The field to read captions from, of those that there are; '' where none is read.

    Unless told, labels are looked for as ``label`` and ``cls``, then as captions are: ``txt``,
    ``caption``, ``text``.

    Raises:
        BadInput: names the fields.
    """
    there = f"it has {listed(have)}" if have else "it has none"
    if wanted.caption is not None:
        if wanted.caption not in have:
            raise BadInput(f"data.caption: {where} has no field {wanted.caption}; {there}")
        return wanted.caption
    usual = ["txt", "caption", "text"]
    for name in (["label", "cls"] if wanted.text == "label" else []) + usual:
        if name in have:
            return name
    if wanted.text == "none":
        return ""
    raise BadInput(
        f"data.caption: {where} has no field {', '.join(usual[:-1])} or {usual[-1]}; {there}; "
        "name one, or set geometry.text_tokens: 0"
    )


def listed(names: list[str]) -> str:
    """Names in one line."""
    shown = ", ".join(plain(name) for name in names[:NAMED])
    return shown if len(names) <= NAMED else f"{shown}, … ({len(names)} in all)"


def text_of(value: object) -> str:
    """A field's value as a caption: text, or a number's digits.

    Raises:
        Unusable: it is neither, or says nothing.
    """
    if value is None:
        raise Unusable("no caption")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Unusable("the caption is no text")
    said = str(value).strip()
    if not said:
        raise Unusable("the caption is empty")
    if len(said) > MOST_TEXT:
        raise Unusable("the caption is too long")
    try:
        said.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair, as JSON may have
        raise Unusable("the caption is no Unicode text") from None
    return said


def decoded(content: bytes) -> str:
    """A caption's file as text.

    Raises:
        Unusable: not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unusable("the caption is not UTF-8") from None


def writable(name: str) -> str:
    """A file's name as a key: bytes that are not UTF-8 are written out, so that keys differ."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def cannot_read(file: Path, error: OSError) -> BadInput:
    """The error for a file that is there and does not open."""
    return BadInput(f"data.path: {file} cannot be read ({error.strerror or error})")
