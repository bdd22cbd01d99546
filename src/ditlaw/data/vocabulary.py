"""Captions as words of a vocabulary, or as one label each."""

import re
from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ditlaw.data.manifest import TextFacts
from ditlaw.data.sides import TextSide
from ditlaw.data.wanted import Wanted
from ditlaw.errors import BadInput

NOTHING, OTHER = "·", "?"  # words 0 and 1; no caption has them, for punctuation is no word
WORD = re.compile(r"[^\W\d_]+|\d+")


class Silent:
    """Keeps no text."""

    facts = TextFacts(kind="none")

    def __call__(self, captions: list[str]) -> dict[str, NDArray[np.int32]]:
        """Nothing."""
        return {}

    def refuses(self, caption: str) -> str | None:
        """Nothing."""
        return None


class Words:
    """A caption's first words by number; 0 after its end, 1 for one that the vocabulary lacks."""

    def __init__(self, vocabulary: list[str], tokens: int) -> None:
        self.facts = TextFacts(kind="words", tokens=tokens, vocabulary=vocabulary)
        self._number = {word: i for i, word in enumerate(vocabulary)}

    def __call__(self, captions: list[str]) -> dict[str, NDArray[np.int32]]:
        """``text`` (n, text tokens)."""
        text = np.zeros((len(captions), self.facts.tokens), np.int32)
        for row, caption in zip(text, captions, strict=True):
            said = words_of(caption)[: self.facts.tokens]
            row[: len(said)] = [self._number.get(word, 1) for word in said]
        return {"text": text}

    def refuses(self, caption: str) -> str | None:
        """Why a caption cannot be told, if it cannot."""
        return None if words_of(caption) else "the caption has no words"


class Label:
    """A caption taken whole, by number."""

    def __init__(self, vocabulary: list[str]) -> None:
        self.facts = TextFacts(kind="label", tokens=1, vocabulary=vocabulary)
        self._number = {word: i for i, word in enumerate(vocabulary)}

    def __call__(self, captions: list[str]) -> dict[str, NDArray[np.int32]]:
        """``text`` (n, 1)."""
        return {"text": np.array([[self._number[caption]] for caption in captions], np.int32)}

    def refuses(self, caption: str) -> str | None:
        """Why a label cannot be told, if it cannot."""
        known = self._number.get(caption, 0) > 0
        return None if known else "its label is none of those that the model is told"


Own = Silent | Words | Label


def text_side(wanted: Wanted, vocabulary: list[str]) -> Own:
    """What a wish without a text encoder makes of captions."""
    if wanted.text == "label":
        return Label(vocabulary)
    assert wanted.text != "features", "an encoder gives these"
    return Words(vocabulary, wanted.text_tokens) if wanted.text == "words" else Silent()


def words_of(caption: str) -> list[str]:
    """Runs of letters and runs of digits, in lower case."""
    return WORD.findall(caption.lower())


def make_vocabulary(wanted: Wanted, captions: Iterable[str]) -> list[str]:
    """The vocabulary of a wish: the one given, else that of the captions.

    Words are taken by frequency, equal ones in alphabetical order, as many as
    ``wanted.vocabulary`` has room for; labels all, in alphabetical order.

    Raises:
        BadInput: the labels are more than the vocabulary, or the one given is of another kind.
    """
    if wanted.text not in ("words", "label"):
        return []
    first = [NOTHING, OTHER] if wanted.text == "words" else [NOTHING]
    if wanted.words is not None:
        given = list(wanted.words)
        if (OTHER in given[:2]) != (OTHER in first):
            raise BadInput(
                "data.text: one data set has words and the other labels; set the same for both"
            )
        return given
    if wanted.text == "label":
        labels = sorted(set(captions))
        needed = len(first) + len(labels)
        if needed > wanted.vocabulary:
            raise BadInput(
                f"geometry.vocabulary: {wanted.vocabulary} is too small for {len(labels):,} labels "
                f"(and one for none); set vocabulary: {needed}"
            )
        return first + labels
    room = wanted.vocabulary - len(first)
    if room < 1:
        raise BadInput(
            f"geometry.vocabulary: {wanted.vocabulary} leaves no room for words; "
            "set vocabulary: 256"
        )
    often = Counter(word for caption in captions for word in words_of(caption))
    return first + [w for w, _ in sorted(often.items(), key=lambda x: (-x[1], x[0]))[:room]]


def refusal(text: TextSide, caption: str) -> str | None:
    """Why a caption cannot be told by one of our own sides; encoders take any."""
    return text.refuses(caption) if isinstance(text, Own) else None
