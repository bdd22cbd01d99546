"""A user's own captions as a model is told them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ditlaw.data.batch import Batch
from ditlaw.data.manifest import TextFacts
from ditlaw.data.scenes import EMPTY, VOCABULARY
from ditlaw.data.vocabulary import Words, words_of
from ditlaw.errors import BadInput
from ditlaw.text import nearest, plain

MOST_CAPTIONS = 10_000
MOST_NAMED = 5  # unknown words that a warning names


@dataclass(frozen=True)
class Said:
    """Captions without pictures, as a source of samples; ``others`` are words that none knows."""

    batch: Batch
    others: list[str]

    @property
    def samples(self) -> int:
        """Captions."""
        return len(self.batch)

    @property
    def pixels(self) -> bool:
        """Its pictures are not read."""
        return True

    def read(self, start: int, count: int) -> Batch:
        """Captions start … start + count − 1, with pictures of zeros."""
        return self.batch.rows(slice(start, start + count))


def read_captions(path: Path) -> list[str]:
    """The captions of a text file, one a line; empty lines are passed over.

    Raises:
        BadInput: no such file, not UTF-8, no caption in it, or too many.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        raise BadInput(f"--captions: {path} is not UTF-8 text; save it as such") from None
    except OSError as error:
        raise BadInput(f"--captions: {path}: {error.strerror}; give a text file") from None
    captions = [line for line in lines if line]
    if not 0 < len(captions) <= MOST_CAPTIONS:
        held = f"{len(captions):,} captions" if captions else "no caption"
        raise BadInput(f"--captions: {path} has {held}; give 1 to {MOST_CAPTIONS:,}, one a line")
    return captions


def said(
    captions: list[str], facts: TextFacts | None, sides: tuple[int, int, int], tokens: int
) -> Said:
    """Captions as the samples of a data set tell them.

    Args:
        captions: one a picture; ``·`` alone says nothing.
        facts: of the data set's cache; None for the procedural scenes.
        sides: channels, height and width of a picture.
        tokens: of text that the model reads.

    Raises:
        BadInput: a caption that such a model cannot be told; the message names its number.
    """
    others: list[str] = []
    if facts is None:
        text = np.array([_layout(caption, i, tokens) for i, caption in enumerate(captions, 1)])
    elif facts.kind == "label":
        text = np.array([[_label(c, i, facts)] for i, c in enumerate(captions, 1)])
    elif facts.kind == "words":
        text = Words(facts.vocabulary, facts.tokens)(captions)["text"]
        known = set(facts.vocabulary)
        spoken = [word for caption in captions for word in words_of(caption)]
        others = list(dict.fromkeys(word for word in spoken if word not in known))
    elif facts.kind == "none":
        raise BadInput("--captions: the run was trained without captions; leave it out")
    else:
        raise BadInput(
            "--captions: the run reads features of a text encoder, which is not at hand; leave it "
            "out to draw for the held-out captions"
        )
    pictures = np.zeros((len(captions), *sides), np.float32)
    return Said(Batch(pictures, text.astype(np.int64)).shortened(tokens), others)


def _layout(caption: str, number: int, tokens: int) -> NDArray[np.int64]:
    words = caption.lower().split()
    if words == [EMPTY]:
        words *= tokens
    if len(words) != tokens:
        raise BadInput(
            f"--captions: caption {number} has {len(words)} words; a scene takes {tokens}, "
            f"row by row, {EMPTY} where nothing is said"
        )
    for word in words:
        if word not in VOCABULARY:
            guess = nearest(word, VOCABULARY[1:])
            mend = f"did you mean '{guess}'?" if guess else f"known: {', '.join(VOCABULARY[1:])}"
            raise BadInput(f"--captions: caption {number}: '{plain(word)}' is no colour; {mend}")
    return np.array([VOCABULARY.index(word) for word in words])


def _label(caption: str, number: int, facts: TextFacts) -> int:
    if caption not in facts.vocabulary:
        known = facts.vocabulary[1:]
        guess = nearest(caption, known)
        mend = f"did you mean '{guess}'?" if guess else f"one is '{known[0]}'"
        raise BadInput(f"--captions: caption {number}: no label '{plain(caption)}'; {mend}")
    return facts.vocabulary.index(caption)
