"""What the numbers of a sample mean: without it no picture can be drawn from an exported model."""

from pathlib import Path
from typing import Any

from ditlaw.data.manifest import Manifest, read_manifest
from ditlaw.data.places import prepared_folder
from ditlaw.data.scenes import VOCABULARY
from ditlaw.errors import BadInput
from ditlaw.results import Note
from ditlaw.study.data_section import Data

PIXELS = {1: "from −1 to 1, grey", 3: "from −1 to 1, as red, green, blue"}  # by channels


def tell_samples(data: Data, root: Path | None) -> tuple[dict[str, Any], list[Note]]:
    """Facts of a run's samples, and a note where the cache that has them is gone.

    ``root`` is the study folder of the run.
    """
    said: dict[str, Any] = {"source": data.source}
    if not data.prepared:
        return said | {"values": PIXELS[3], "words": list(VOCABULARY)}, []
    try:
        manifest = read_manifest(prepared_folder(root, data.label))
    except BadInput as reason:
        text = f"{reason}; so nothing here says what the numbers of a sample mean"
        return said, [Note(code="data-missing", text=text)]
    return said | _facts(manifest), []


def _facts(manifest: Manifest) -> dict[str, Any]:
    image, text = manifest.image, manifest.text
    said: dict[str, Any] = {}
    if image.encoder is None:
        said["values"] = PIXELS[image.channels]
    else:
        said["values"] = "(mean − shift) · scale of the latents of an encoder"
        said["latents"] = image.model_dump(include={"factor", "scale", "shift", "pixel_range"})
        said["encoder"] = image.encoder.model_dump()
    if text.encoder is not None:
        said["text_encoder"] = text.encoder.model_dump()
        said["tokenizer_sha256"] = text.tokenizer_sha256
    elif text.kind != "none":
        said["words"] = text.vocabulary  # by number; the first says nothing
    return said
