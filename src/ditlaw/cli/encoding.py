"""The options of ``ditlaw encode`` as a cache's wish, and its error lines in their words."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ditlaw.data.wanted import Wanted
from ditlaw.errors import BadInput, Refused

USUAL_SIZE = "256"
USUAL_WORDS = 16  # of a caption, without an encoder
LARGEST = 16384  # pixels a side
# The fields of a study that the command has as options.
OPTIONS = {
    "path": "DATA",
    "caption": "--caption",
    "image": "--image",
    "text_tokens": "--text-tokens",
    "vocabulary": "--vocabulary",
    "most_skipped": "--most-skipped",
}
BEGUN = "was begun with another "
# Parts of a cache's wish, by the options that decide them.
WISHES = {
    "source": "DATA",
    "sizes": "--size",
    "image_side": "--vae",
    "text_side": "--text-encoder",
    "text_tokens": "--text-tokens",
    "vocabulary": "--vocabulary",
    "caption": "--caption",
    "image": "--image",
}


def wish(
    paths: list[str],
    sizes: list[str],
    *,
    caption: str | None = None,
    image: str | None = None,
    features: bool = False,
    label: bool = False,
    text_tokens: int | None = None,
    vocabulary: int = 4096,
    most_skipped: float = 0.01,
) -> Wanted:
    """What the command's options ask for.

    Raises:
        BadInput: two of them do not go together, or a size is none.
    """
    if label and features:
        raise BadInput("--label: an encoder reads words; leave out --label or --text-encoder")
    if label and text_tokens not in (None, 1):
        raise BadInput(f"--text-tokens: a label is one token, not {text_tokens}; leave it out")
    if features and text_tokens == 0:
        raise BadInput("--text-tokens: 0 leaves nothing to encode; leave out --text-encoder")
    tokens = 1 if label else text_tokens
    if tokens is None:
        tokens = 0 if features else USUAL_WORDS
    kind = "label" if label else "features" if features else "words" if tokens else "none"
    return Wanted(
        paths=tuple(paths),
        sizes=tuple(parse_size(size) for size in sizes or [USUAL_SIZE]),
        caption=caption,
        image=image,
        text=kind,
        text_tokens=tokens,
        vocabulary=0 if features else vocabulary,
        most_skipped=most_skipped,
    )


@contextmanager
def in_options() -> Iterator[None]:
    """Error lines about a study's data, raised inside, in the words of the command line."""
    try:
        yield
    except (BadInput, Refused) as error:
        raise type(error)(_translated(str(error))) from None


def _translated(line: str) -> str:
    for field, option in OPTIONS.items():
        line = re.sub(rf"\b(data|geometry)\.{field}\b", option, line)
        line = re.sub(rf"\bset {field}: (\S+)", rf"give {option} \1", line)
    before, begun, after = line.partition(BEGUN)
    for part, options in WISHES.items():
        after = re.sub(rf"\b{part}\b(?=.* undo)", options, after)
    return before + begun + after


def parse_size(size: str) -> tuple[int, int]:
    """``256`` or ``HxW`` to (height, width) in pixels.

    Raises:
        BadInput: it is neither.
    """
    parts = size.lower().split("x")
    if len(parts) > 2 or not all(part.isdecimal() and 0 < int(part) <= LARGEST for part in parts):
        raise BadInput(f"--size: {size} is no size in pixels; give 256, or 192x320 (height first)")
    return int(parts[0]), int(parts[-1])
