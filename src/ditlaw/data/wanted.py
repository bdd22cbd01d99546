"""What a cache is wanted to hold: the study's wish, or that of ``ditlaw encode``."""

from dataclasses import dataclass

from ditlaw.data.manifest import ImageFacts, Manifest
from ditlaw.errors import BadInput
from ditlaw.families import Geometry
from ditlaw.study.data_section import Data

Sizes = tuple[tuple[int, int], ...]  # heights and widths


@dataclass(frozen=True)
class Wanted:
    """How to make samples of what lies at ``paths``, or of scikit-learn's digits (no paths).

    ``sizes`` are (height, width) in pixels: each picture becomes the one whose ratio of sides is
    nearest its own. ``channels`` is 1 (grey) or 3 (red, green, blue). ``text`` is ``none``,
    ``words``, ``label`` or ``features`` (of an encoder). ``words`` gives the vocabulary; without
    it the most frequent words are taken, at most ``vocabulary`` of them. ``caption`` and ``image``
    name fields or columns; None takes the usual ones.
    """

    paths: tuple[str, ...]
    sizes: Sizes
    channels: int = 3
    caption: str | None = None
    image: str | None = None
    text: str = "words"
    text_tokens: int = 0
    vocabulary: int = 0
    words: tuple[str, ...] | None = None
    most_skipped: float = 0.01


def wanted_of(
    data: Data,
    geometry: Geometry,
    words: tuple[str, ...] | None = None,
    sizes: Sizes | None = None,
) -> Wanted:
    """What a study wants of raw data: pixels of its geometry, and captions as words.

    ``sizes`` are those of its buckets, if it has any.

    Raises:
        BadInput: the geometry cannot be made without encoders.
    """
    if geometry.channels not in (1, 3) or geometry.frames > 1:
        raise BadInput(
            f"geometry: {data.label} gives pictures of 1 or 3 channels; for latents make a cache "
            "with 'ditlaw encode' and set data.source: encoded"
        )
    if geometry.text_dim:
        raise BadInput(
            f"geometry.text_dim: {data.label} has captions, not features; set vocabulary, or make "
            "a cache with 'ditlaw encode --text-encoder' and set data.source: encoded"
        )
    text = "label" if data.source == "digits" else data.text  # ten classes, whatever is said
    if text == "label" and geometry.text_tokens > 1:
        raise BadInput(
            f"geometry.text_tokens: a label is one token, not {geometry.text_tokens}; set 1"
        )
    return Wanted(
        paths=tuple(data.paths),
        sizes=sizes or ((geometry.height, geometry.width),),
        channels=geometry.channels,
        caption=data.caption,
        image=data.image,
        text=text if geometry.text_tokens else "none",
        text_tokens=geometry.text_tokens,
        vocabulary=geometry.vocabulary,
        words=words,
        most_skipped=data.most_skipped,
    )


def check_manifest(
    manifest: Manifest, data: Data, geometry: Geometry, sizes: Sizes | None = None
) -> None:
    """Whether a cache is what a study's geometry, and its buckets' ``sizes``, describe.

    Raises:
        BadInput: names the field of the study, what the cache has, and the mend.
    """
    image, text = manifest.image, manifest.text
    if text.kind in ("words", "label") and geometry.text_dim:
        raise BadInput(
            f"geometry.text_dim: is {geometry.text_dim}, and the samples of {data.label} have "
            f"words; set vocabulary: {len(text.vocabulary)} in its place, or encode again with "
            "--text-encoder"
        )
    if text.kind == "features" and geometry.vocabulary:
        raise BadInput(
            f"geometry.vocabulary: is {geometry.vocabulary}, and the samples of {data.label} have "
            f"features; set text_dim: {text.dim} in its place, or encode again without an encoder"
        )
    has: dict[str, int] = {"channels": image.channels, "text_tokens": text.tokens, "frames": 1}
    if text.kind == "features":
        has["text_dim"] = text.dim
        if (
            geometry.pooled_dim
        ):  # 0 is a choice: the mean of the features, in the pooled one's place
            has["pooled_dim"] = text.pooled_dim
    there = {(shard.height, shard.width) for shard in manifest.shards if shard.samples}
    wanted = {(geometry.height, geometry.width)} if sizes is None else set(sizes)
    if len(there) == len(wanted) == 1:
        has |= dict(zip(("height", "width"), *there, strict=True))
    elif there != wanted:
        raise BadInput(_other_sizes(data, there, wanted))
    for field, value in has.items():
        if getattr(geometry, field) != value:
            raise BadInput(
                f"geometry.{field}: is {getattr(geometry, field)}, and the samples of {data.label} "
                f"have {value}{_of_latents(image, field)}; set {field}: {value}, or encode again"
            )
    if text.kind in ("words", "label") and geometry.vocabulary < len(text.vocabulary):
        raise BadInput(
            f"geometry.vocabulary: is {geometry.vocabulary}, and the samples of {data.label} have "
            f"{len(text.vocabulary)} words; set vocabulary: {len(text.vocabulary)}"
        )
    if data.caption and text.kind != "none" and data.caption != text.field:
        raise BadInput(
            f"data.caption: is {data.caption}, and {data.label} was encoded with {text.field}; "
            "set that, or encode again"
        )


def _of_latents(image: ImageFacts, field: str) -> str:
    """What a reader who thinks in pixels has to know."""
    if image.kind == "pixels" or field not in ("height", "width", "channels"):
        return ""
    return f" (latents, of {image.factor} pixels a side each)"


def _other_sizes(data: Data, there: set[tuple[int, int]], wanted: set[tuple[int, int]]) -> str:
    """What to mend where a cache has other sizes than the study's buckets."""
    missing = [f"{height}x{width}" for height, width in sorted(wanted - there)]
    if missing:
        return (
            f"geometry.buckets: {data.label} has no sample of {' or '.join(missing)}; leave that "
            "size out, or add pictures of its shape"
        )
    buckets = ", ".join(f"{{height: {height}, width: {width}}}" for height, width in sorted(there))
    return (
        f"geometry.buckets: the samples of {data.label} come in {len(there)} sizes; set buckets: "
        f"[{buckets}], or encode again"
    )
