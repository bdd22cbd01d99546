"""What a prepared cache says of itself: what it was made from, how, and what lies in it.

CACHE/manifest.json      written last: a cache without one is not finished
CACHE/00000.images.npy   (n, channels, height, width): uint8 pixels, or float latents
CACHE/00000.text.npy     (n, text tokens) int32 words, or (n, text tokens, text_dim) features
CACHE/00000.pooled.npy   (n, pooled_dim), where the encoder has a pooled vector
CACHE/00000.keys.npy     (n,) uint64 hashes of the keys, which decide what is held out
CACHE/00000.jsonl        a line a sample: its key and its caption
CACHE/skipped.jsonl      a line for each sample that could not be used: its key and the reason
"""

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ditlaw.digests import digest
from ditlaw.errors import BadInput

MANIFEST_FILE = "manifest.json"
SKIPPED_FILE = "skipped.jsonl"
FORMAT = 1


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EncoderFacts(_Facts):
    """A frozen network: its class, the SHA-256 of its weights, and what it computed in.

    Of one weight file the hash is that of the file; of several, of the lines ``name sha256``.
    """

    class_name: str
    sha256: str
    config_sha256: str = ""
    precision: str


class ImageFacts(_Facts):
    """How pictures became arrays.

    Pixels are cropped at the centre to the wanted ratio, resized with Lanczos' filter, and where
    they were transparent lie on white. A latent is (mean − shift)·scale of a VAE that was given
    pixels in ``pixel_range``; ``factor`` is how many pixels one of its places spans a side.
    """

    kind: Literal["pixels", "latents"]
    channels: int
    factor: int = 1
    crop: str = "centre"
    resize: str = "lanczos"
    background: str = "white"
    pixel_range: tuple[float, float] = (-1.0, 1.0)
    scale: float = 1.0
    shift: float = 0.0
    encoder: EncoderFacts | None = None


class TextFacts(_Facts):
    """How captions became arrays.

    ``words`` are looked up in ``vocabulary``, one a token; a ``label`` is a caption taken whole;
    ``features`` are an encoder's. Word 0 and features of zeros say nothing; word 1 of ``words`` is
    any word that the vocabulary lacks.
    """

    kind: Literal["none", "words", "label", "features"]
    field: str = ""
    tokens: int = 0
    dim: int = 0
    pooled_dim: int = 0
    vocabulary: list[str] = []
    encoder: EncoderFacts | None = None
    tokenizer_sha256: str | None = None


class SourceFile(_Facts):
    """One file that samples came from."""

    name: str
    bytes: int


class SourceFacts(_Facts):
    """What was read."""

    kind: str
    files: list[SourceFile] = []


class Shard(_Facts):
    """Consecutive samples of one resolution; height and width are of the array."""

    name: str
    samples: int
    height: int
    width: int
    sha256: str


class Manifest(_Facts):
    """All of it."""

    format: int = FORMAT
    ditlaw: str
    source: SourceFacts
    image: ImageFacts
    text: TextFacts
    samples: int
    skipped: int
    shards: list[Shard]

    def digest(self) -> str:
        """SHA-256 of the manifest, and through its shards' hashes of the samples."""
        return digest(self.model_dump(mode="json", exclude={"ditlaw"}))


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a cache.

    Raises:
        BadInput: no cache, an unfinished one, or of another format.
    """
    path = folder / MANIFEST_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise BadInput(
                f"{path}: of format {content['format']}, this version reads {FORMAT}; encode again"
            )
        return Manifest.model_validate(content)
    except FileNotFoundError:
        raise BadInput(
            f"{folder}: no finished cache (no {MANIFEST_FILE}); 'ditlaw encode' makes one"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        raise BadInput(f"{path}: damaged; encode again into a new folder") from None
