"""What ``ditlaw encode`` does: captioned pictures to a cache that a study trains on."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ditlaw.data.manifest import SKIPPED_FILE, Manifest
from ditlaw.data.prepare import prepare
from ditlaw.data.wanted import Wanted
from ditlaw.errors import BadInput
from ditlaw.files import read_json_lines
from ditlaw.results import EncodeResult, SkippedSample

if TYPE_CHECKING:
    from collections.abc import Callable

    from ditlaw.data.encoders.text import TextEncoderSide
    from ditlaw.data.encoders.vae import VaeSide


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
    manifest = prepare(wanted, out, told, image=image, text=text, batch=encoders.batch)
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
    from ditlaw.training.device import pick_device

    return VaeSide(encoders.vae, encoders.precision, pick_device())


def _text_side(encoders: Encoders, wanted: Wanted) -> "TextEncoderSide | None":
    if encoders.text is None:
        return None
    from ditlaw.data.encoders.text import TextEncoderSide
    from ditlaw.training.device import pick_device

    return TextEncoderSide(
        encoders.text,
        encoders.tokenizer,
        wanted.text_tokens or None,
        encoders.precision,
        pick_device(),
    )
