"""The table of known models, read from ``models.yaml``: what was published, and what follows."""

from functools import cache
from importlib import resources
from typing import Literal

import yaml
from pydantic import Field

from ditlaw.families import Counts, Geometry, get_family
from ditlaw.results import Basis, KnownModel, SourcedNumber, TrainingStage
from ditlaw.study.section import Section
from ditlaw.text import unknown


class Sourced(Section):
    """A number and where it was read."""

    value: float = Field(gt=0)
    source: str = Field(min_length=1)


class Stage(Section):
    """Training at one resolution: ``steps`` of a ``batch``, or so many ``images`` seen."""

    pixels: int = Field(gt=0)
    steps: float | None = None
    batch: float | None = None
    images: float | None = None

    @property
    def seen(self) -> float:
        """Images, repeated ones counted again."""
        if self.images is not None:
            return self.images
        assert self.steps is not None
        assert self.batch is not None
        return self.steps * self.batch


class Architecture(Section):
    """A member of one of ditlaw's own families, and what it reads."""

    family: str
    depth: int
    width: int
    heads: int
    single_depth: int | None = None
    vocabulary: int = 0
    text_dim: int = 0
    pooled_dim: int = 0


class Entry(Section):
    """One model as ``models.yaml`` has it; the file's head explains the fields."""

    name: str
    year: int
    condition: Literal["class", "text"]
    params: Sourced
    shape: Architecture | None = None
    patch: int | None = None
    downsampling: int | None = None
    channels: int | None = None
    text_tokens: int | None = None
    training: tuple[Stage, ...] = ()
    training_source: str | None = None
    distinct_images: float | None = None
    flops: Sourced | None = None
    unknown: str | None = None
    remarks: tuple[str, ...] = ()

    def image_tokens(self, pixels: int) -> int:
        """Patches of a square image."""
        assert self.patch is not None
        assert self.downsampling is not None
        return (pixels // self.downsampling // self.patch) ** 2

    def counts(self, pixels: int) -> Counts | None:
        """Exact params and FLOPs of one sample; None where the family is not ditlaw's."""
        shape = self.shape
        if shape is None:
            return None
        assert self.patch is not None
        assert self.downsampling is not None
        assert self.channels is not None
        side = pixels // self.downsampling
        family = get_family(shape.family)
        geometry = Geometry(
            height=side,
            width=side,
            channels=self.channels,
            patch=self.patch,
            text_tokens=self.text_tokens or 0,
            vocabulary=shape.vocabulary,
            text_dim=shape.text_dim,
            pooled_dim=shape.pooled_dim,
        )
        member = family.shape(shape.depth, shape.width, shape.heads, shape.single_depth)
        return family.counts(member, geometry)


@cache
def entries() -> tuple[Entry, ...]:
    """Every model of the file, in its order."""
    file = resources.files("ditlaw.known_models") / "models.yaml"
    return tuple(Entry(**entry) for entry in yaml.safe_load(file.read_text(encoding="utf-8")))


def known_models(names: list[str] | None = None) -> list[KnownModel]:
    """The models of those names, or all: published numbers, and what is computed from them.

    Raises:
        BadInput: no such model; the nearest name is given.
    """
    found = {entry.name.lower(): entry for entry in entries()}
    for name in names or []:
        if name.lower() not in found:
            raise unknown("--model", name, [entry.name for entry in entries()])
    chosen = [found[name.lower()] for name in names] if names else list(entries())
    return [_known(entry) for entry in chosen]


def _known(entry: Entry) -> KnownModel:
    stages = [_stage(entry, stage) for stage in entry.training]
    images = sum(stage.images for stage in stages) if stages else None
    tokens = sum(stage.images * stage.tokens for stage in stages) if stages else None
    counts = entry.counts(entry.training[0].pixels if entry.training else 256)
    params = counts.params if counts else entry.params.value
    exact = None
    if stages and counts:
        each = [entry.counts(stage.pixels) for stage in entry.training]
        exact = sum(s.images * c.flops_train for s, c in zip(stages, each, strict=True) if c)
    stated = all(stage.images is not None for stage in entry.training)
    basis: dict[str, Basis] = {"params": "published"}
    basis["images"] = "not known" if not stages else "published" if stated else "computed"
    basis["tokens"] = "computed" if stages else "not known"
    basis["flops"] = "published" if entry.flops else basis["tokens"]
    return KnownModel(
        name=entry.name,
        year=entry.year,
        condition=entry.condition,
        family=entry.shape.family if entry.shape else None,
        params=SourcedNumber(value=entry.params.value, source=entry.params.source),
        params_counted=counts.params if counts else None,
        training=stages,
        training_source=entry.training_source,
        images=images,
        tokens=tokens,
        epochs=images / entry.distinct_images if images and entry.distinct_images else None,
        flops_6nd=6 * params * tokens if tokens else None,
        flops_exact=exact,
        flops_published=(
            SourcedNumber(value=entry.flops.value, source=entry.flops.source)
            if entry.flops
            else None
        ),
        basis=basis,
        unknown=entry.unknown,
        remarks=list(entry.remarks),
    )


def _stage(entry: Entry, stage: Stage) -> TrainingStage:
    return TrainingStage(
        pixels=stage.pixels,
        steps=stage.steps,
        batch=stage.batch,
        images=stage.seen,
        tokens=entry.image_tokens(stage.pixels) + (entry.text_tokens or 0),
    )
