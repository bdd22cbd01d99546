"""What ``ditlaw encode`` does: captioned pictures to a cache that a study trains on."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ditlaw.data.manifest import SKIPPED_FILE, Manifest
from ditlaw.data.prepare import prepare
from ditlaw.data.wanted import Wanted
from ditlaw.errors import BadInput, Refused
from ditlaw.files import read_json_lines
from ditlaw.results import EncodeResult, SkippedSample

if TYPE_CHECKING:
    from collections.abc import Callable

    from ditlaw.data.encoders.text import TextEncoderSide
    from ditlaw.data.encoders.vae import VaeSide

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


@dataclass(frozen=True)
class Encoders:
    """The frozen networks to encode with, each from a local folder; None keeps what there is.

    ``tokenizer`` is that of the text encoder, in whose folder it is sought otherwise.
    """

    vae: Path | None = None
    text: Path | None = None
    tokenizer: Path | None = None
    precision: str = "float32"
    batch: int = 16


def encode(
    wanted: Wanted,
    out: Path,
    encoders: Encoders,
    told: "Callable[[int, int], None]" = lambda done, of: None,
) -> EncodeResult:
    """Make a cache, or go on with one; what is there is not made again.

    Args:
        wanted: what to read and how; with a text encoder, ``text_tokens`` 0 takes its usual length.
        out: the cache's folder: new, empty, or of the same command.
        encoders: what pictures and captions go through.
        told: called with the samples done and all of them.

    Raises:
        BadInput: unreadable data, networks that cannot be used, ``out`` holds something else.
        Refused: more samples than ``wanted.most_skipped`` are unusable.
    """
    if encoders.tokenizer and not encoders.text:
        raise BadInput("--tokenizer: is of a text encoder; give --text-encoder DIR too")
    image = _image_side(encoders)
    if image is not None:
        for height, width in wanted.sizes:
            factor = image.facts.factor
            if height % factor or width % factor:
                near = [max(1, round(side / factor)) * factor for side in (height, width)]
                raise BadInput(
                    f"--size: {height}x{width} is not a multiple of the VAE's {factor}; "
                    f"use {near[0]}x{near[1]}"
                )
        wanted = replace(wanted, channels=image.colours)
    text = _text_side(encoders, wanted)
    if text is not None:
        wanted = replace(wanted, text="features", text_tokens=text.facts.tokens)
    try:
        manifest = prepare(wanted, out, told, image=image, text=text, batch=encoders.batch)
    except (BadInput, Refused) as error:
        raise type(error)(in_options(str(error))) from None
    return EncodeResult(
        path=str(out),
        samples=manifest.samples,
        skipped=[
            SkippedSample(key=line["key"], reason=line["reason"])
            for line in read_json_lines(out / SKIPPED_FILE)
        ],
        shards=len(manifest.shards),
        geometry=geometry_of(manifest),
    )


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


def in_options(line: str) -> str:
    """An error line about a study's data, in the words of the command line."""
    for field, option in OPTIONS.items():
        line = re.sub(rf"\b(data|geometry)\.{field}\b", option, line)
        line = re.sub(rf"\bset {field}: (\S+)", rf"give {option} \1", line)
    return line


def parse_size(size: str) -> tuple[int, int]:
    """``256`` or ``HxW`` to (height, width) in pixels.

    Raises:
        BadInput: it is neither.
    """
    parts = size.lower().split("x")
    if len(parts) > 2 or not all(part.isdecimal() and 0 < int(part) <= LARGEST for part in parts):
        raise BadInput(f"--size: {size} is no size in pixels; give 256, or 192x320 (height first)")
    return int(parts[0]), int(parts[-1])


def geometry_of(manifest: Manifest) -> dict[str, int]:
    """The fields of a study's ``geometry`` that a cache decides; the first size of several."""
    image, text, first = manifest.image, manifest.text, manifest.shards[0]
    found = {"height": first.height, "width": first.width, "channels": image.channels}
    found["text_tokens"] = text.tokens
    if text.kind == "features":
        found |= {"text_dim": text.dim, "pooled_dim": text.pooled_dim}
    elif text.kind != "none":
        found["vocabulary"] = len(text.vocabulary)
    return found


def _image_side(encoders: Encoders) -> "VaeSide | None":
    if encoders.vae is None:
        return None
    from ditlaw.data.encoders.vae import VaeSide
    from ditlaw.training.run import pick_device

    return VaeSide(encoders.vae, encoders.precision, pick_device())


def _text_side(encoders: Encoders, wanted: Wanted) -> "TextEncoderSide | None":
    if encoders.text is None:
        return None
    from ditlaw.data.encoders.text import TextEncoderSide
    from ditlaw.training.run import pick_device

    return TextEncoderSide(
        encoders.text,
        encoders.tokenizer,
        wanted.text_tokens or None,
        encoders.precision,
        pick_device(),
    )
