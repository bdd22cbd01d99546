"""The study file: what a user declares, checked field by field.

Every section is frozen and closed: an unknown key is an error with the nearest valid name.
"""

from itertools import pairwise
from math import gcd
from pathlib import PurePath
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from ditlaw import text
from ditlaw.compute import DEFAULT_MFU, get_accelerator
from ditlaw.data.scenes import check_geometry
from ditlaw.errors import BadInput
from ditlaw.families import Family, Geometry, Shape, get_family
from ditlaw.study.mix import mean


def _no_truth(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is not a number")
    return value


Real = Annotated[float, BeforeValidator(_no_truth)]
Positive = Annotated[Real, Field(gt=0, le=1e60)]
Fraction = Annotated[Real, Field(ge=0, lt=1)]
# Strict: YAML's true is not the number 1. The bounds only keep typing errors from exploding.
Count = Annotated[int, Field(gt=0, le=10**9, strict=True)]
Number = Annotated[int, Field(ge=0, le=10**9, strict=True)]
Scalar = str | int | float | bool
Option = Scalar | list[Scalar]  # of a family; only a user's own may take lists
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]
Seed = Annotated[int, Field(ge=0, lt=2**30, strict=True)]


class Section(BaseModel):
    """Base of the sections of a study."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Data(Section):
    """Where samples come from.

    ``scenes`` draws captioned pictures from a seed and never repeats. ``files`` are tar shards in
    WebDataset's manner, Parquet files, a saved Hugging Face data set or a folder of images, by
    ``path``; ``digits`` are scikit-learn's. ``encoded`` is a cache of ``ditlaw encode``.
    ``described`` data can be planned with, not trained on: ``images`` says how many distinct ones
    there are.

    ``caption`` and ``image`` name fields or columns; ``text: label`` takes a caption as one word.
    ``held_out`` is the share of keys that validate, ``most_skipped`` the share of samples that may
    be unusable.
    """

    name: Name | None = None
    source: Literal["scenes", "described", "files", "digits", "encoded"] = "scenes"
    captions: Literal["dense", "sparse"] = "dense"
    images: Positive | None = None
    path: str | list[str] | None = None
    caption: str | None = None
    image: str | None = None
    text: Literal["words", "label"] = "words"
    held_out: Annotated[Real, Field(gt=0, lt=1)] = 0.05
    most_skipped: Fraction = 0.01

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> "Data":
        if self.source in ("files", "encoded") and not self.path:
            raise ValueError(f"data.path: is missing; say where the {self.source} samples lie")
        if self.source not in ("files", "encoded") and self.path:
            raise ValueError(f"data.path: {self.source} has no files; set source: files or encoded")
        return self

    @property
    def paths(self) -> list[str]:
        """The paths and globs, as given."""
        return [self.path] if isinstance(self.path, str) else list(self.path or [])

    @property
    def label(self) -> str:
        """The data set's name in tables: as given, or by what it is."""
        if self.name:
            return self.name
        if self.source == "scenes":
            return f"scenes-{self.captions}"
        if not self.path:
            return self.source
        return text.slug(PurePath(self.paths[0]).name.split(".")[0].strip("*-_")) or self.source

    @property
    def prepared(self) -> bool:
        """Whether it is read from a cache on disk."""
        return self.source in ("files", "digits", "encoded")


class Bucket(Section):
    """One resolution of several: ``weight`` of the sum of all weights is its share of steps."""

    height: Count
    width: Count
    weight: Annotated[int, Field(gt=0, le=100, strict=True)] = 1


class GeometrySection(Section):
    """What one sample costs. Text is words of a table or features of an encoder, not both.

    ``buckets`` are resolutions that one model is trained on together, each batch being of one.
    ``height`` and ``width`` are then one of them: the size that pictures are drawn at, and the one
    that exported weights are of.
    """

    height: Count = 16
    width: Count = 16
    channels: Count = 3
    patch: Count = 2
    text_tokens: Number = 16
    vocabulary: Number = 0
    text_dim: Number = 0
    pooled_dim: Number = 0
    frames: Count = 1
    buckets: Annotated[list[Bucket], Field(max_length=64)] = []

    @model_validator(mode="after")
    def _has_its_own_size(self) -> "GeometrySection":
        sizes = [(bucket.height, bucket.width) for bucket in self.buckets]
        for i, size in enumerate(sizes):
            for side, length in zip(("height", "width"), size, strict=True):
                if length % self.patch:
                    fits = -(-length // self.patch) * self.patch
                    raise BadInput(
                        f"geometry.buckets.{i}.{side}: {length} is not a multiple of the patch "
                        f"{self.patch}; use {fits}"
                    )
            if size in sizes[:i]:
                raise BadInput(
                    f"geometry.buckets.{i}: {size[0]}x{size[1]} is listed twice; give it once, "
                    "with the sum of the weights"
                )
        if sizes and (self.height, self.width) not in sizes:
            raise BadInput(
                f"geometry.buckets: none is {self.height}x{self.width}, the geometry's own size; "
                f"set height: {sizes[0][0]} and width: {sizes[0][1]}, or add that bucket"
            )
        return self

    def geometry(self) -> Geometry:
        """The token geometry that families count with; of buckets, the geometry's own size."""
        return Geometry(**self.model_dump(exclude={"buckets"}))

    def geometries(self) -> list[Geometry]:
        """The token geometry of every bucket; of the one size where there are none."""
        own = self.model_dump(exclude={"buckets", "height", "width"})
        sizes = [(bucket.height, bucket.width) for bucket in self.buckets]
        return [Geometry(h, w, **own) for h, w in sizes or [(self.height, self.width)]]

    def weights(self) -> tuple[int, ...]:
        """The buckets' share of steps, in lowest terms."""
        weights = [bucket.weight for bucket in self.buckets] or [1]
        return tuple(weight // gcd(*weights) for weight in weights)

    def tokens_per_sample(self) -> float:
        """Image and text tokens of one sample, the mean over buckets."""
        return mean([geometry.tokens for geometry in self.geometries()], self.weights())


class Timesteps(Section):
    """Density of t in [0, 1], t = 1 being noise; the mean and std are of logit(t).

    Samples of more image tokens than ``shift_from`` are shifted towards noise, of fewer towards
    data; 0 shifts none.
    """

    density: Literal["uniform", "logit-normal"] = "logit-normal"
    mean: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    std: Positive = 1.0
    shift_from: Number = 0

    def __str__(self) -> str:
        plain = "uniform"
        if self.density == "logit-normal":
            plain = f"logit-normal({self.mean:g},{self.std:g})"
        return f"{plain},shift_from={self.shift_from}" if self.shift_from else plain

    def shift(self, image_tokens: int) -> float:
        """The s of t' = s·t/(1 + (s − 1)·t) for samples of that many image tokens.

        s = sqrt(image tokens/shift_from): the signal of m equal pixels is seen through the noise
        sqrt(m) times as well. Source: Esser et al. 2403.03206, §5.3.2, equation 23.
        """
        return (image_tokens / self.shift_from) ** 0.5 if self.shift_from else 1.0


class Objective(Section):
    """Rectified flow: x_t = (1 − t)·x_0 + t·ε, the target is ε − x_0."""

    kind: Literal["rectified-flow"] = "rectified-flow"
    timesteps: Timesteps = Timesteps()


class ShapeSection(Section):
    """One model size; the family's dial fills in what is left out.

    ``single_depth`` is the number of flux's single-stream blocks. ``until`` ends the trunk at a
    smaller budget than the largest.
    """

    depth: Count
    width: Count | None = None
    heads: Count | None = None
    single_depth: Number | None = None
    until: Positive | None = None


class LearningRate(Section):
    """min(max, value · (width/d)^exponent) for a model of width d; exponent 0 is one rate for all.

    Exponent 0.5 gives the square-root rule of the quickstart.
    """

    value: Positive
    width: Positive = 64.0
    exponent: Annotated[float, Field(ge=0, le=4)] = 0.0
    max: Positive | None = None

    def rate(self, width: int) -> float:
        """The constant learning rate of a model of that width."""
        rate = float(self.value * (self.width / width) ** self.exponent)
        return rate if self.max is None else min(self.max, rate)


class Recipe(Section):
    """How every run is trained: AdamW, linear warm-up, then a constant rate; EMA of the weights.

    ``precision`` is what the model computes in; weights, optimiser and loss are float32.
    ``checkpointing`` recomputes activations in the backward pass to save memory.
    """

    batch: Count = 8
    learning_rate: LearningRate
    warmup_steps: Number = 20
    betas: tuple[Fraction, Fraction] = (0.9, 0.98)
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    clip: Positive = 1.0
    ema: Annotated[float, Field(gt=0, le=0.25)] = 0.05
    caption_dropout: Fraction = 0.1
    precision: Literal["float32", "bfloat16"] = "float32"
    checkpointing: bool = False


class Evaluation(Section):
    """The fixed grid: held-out samples, stratified timesteps, fixed noise; and a few pictures.

    Timesteps are uniform unless said otherwise, whatever training draws: so losses of studies that
    train with different densities are one quantity. ``out_of_domain`` is a second set, never
    trained on. ``keep_weights`` keeps the averaged weights of every observation, which
    ``ditlaw evaluate`` and ``ditlaw sample`` read.
    """

    samples: Annotated[int, Field(ge=2, le=10**9, strict=True)] = 512
    timesteps: Timesteps = Timesteps(density="uniform")
    out_of_domain: Data | None = None
    pictures: Annotated[int, Field(ge=0, le=64, strict=True)] = 6
    sampler_steps: Count = 24
    guidance: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 2.0
    keep_weights: bool = True

    @field_validator("timesteps")
    @classmethod
    def _not_shifted(cls, timesteps: Timesteps) -> Timesteps:
        if timesteps.shift_from:
            raise ValueError(
                "shift_from is for objective.timesteps; the grid is the same at every resolution"
            )
        return timesteps


class Hardware(Section):
    """What GPU hours are counted on."""

    gpu: str = "h100"
    mfu: Annotated[Real, Field(gt=0, le=1)] = DEFAULT_MFU

    @field_validator("gpu")
    @classmethod
    def _known(cls, gpu: str) -> str:
        try:
            return get_accelerator(gpu).name
        except BadInput as error:
            raise ValueError(str(error).removeprefix("gpu: ")) from None


def hardware_of(study: "Study | None") -> Hardware:
    """What a study counts its hours on; where it does not say, or there is none, the default."""
    return (study.hardware if study else None) or Hardware()


class Target(Section):
    """The budget that the study is made to forecast."""

    flops: Positive


class Limits(Section):
    """What a plan may not exceed; ``hours`` are this machine's, as estimated."""

    gpu_hours: Positive | None = None
    hours: Positive | None = None
    memory_gb: Positive | None = None


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


class Study(Section):
    """One study: everything that determines its runs, and the budget it is made to forecast.

    Several ``data`` entries are data sets to compare: every shape is trained on each.
    """

    name: Name
    family: str = "in-context"
    options: dict[str, Option] = {}
    data: Annotated[list[Data], BeforeValidator(_listed), Field(min_length=1)] = [Data()]
    geometry: GeometrySection
    objective: Objective = Objective()
    budgets: Annotated[list[Positive], Field(min_length=1)]
    shapes: Annotated[list[ShapeSection], Field(min_length=1)]
    seeds: Annotated[list[Seed], Field(min_length=1)] = [0]
    recipe: Recipe
    evaluation: Evaluation = Evaluation()
    hardware: Hardware | None = None
    forecast: Target | None = None
    limits: Limits = Limits()

    @field_validator("budgets")
    @classmethod
    def _rising(cls, budgets: list[float]) -> list[float]:
        if any(b <= a for a, b in pairwise(budgets)):
            raise ValueError("budgets must rise from one to the next; sort them and drop repeats")
        return budgets

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("seeds must differ; a repeated seed repeats the run")
        return seeds

    @model_validator(mode="after")
    def _consistent(self) -> "Study":
        geometries = self.geometry.geometries()
        for geometry in geometries:
            self.design().check(geometry)
        if len(geometries) > 1 and self.design().one_size:
            raise BadInput(
                f"geometry.buckets: {self.design().label} learns the places of one size; set "
                "options: {masking: drop}, or leave buckets out"
            )
        if self.evaluation.samples < sum(self.geometry.weights()):
            raise BadInput(
                f"evaluation.samples: {self.evaluation.samples} cannot be shared out to the "
                f"buckets by their weights; use {sum(self.geometry.weights())} or more"
            )
        shapes = []
        for i, entry in enumerate(self.shapes):
            try:
                shapes.append(self.shape(entry))
            except BadInput as error:
                raise BadInput(f"shapes.{i}.{error}") from None
        for entry in self.shapes:
            if entry.until is not None and entry.until < self.budgets[0]:
                raise ValueError(f"shapes: until {entry.until:g} is below the smallest budget")
        if len(set(shapes)) < len(shapes):
            raise ValueError("shapes: one shape is listed twice; use seeds for repeats")
        labels = [data.label for data in self.data]
        if len(set(labels)) < len(labels):
            raise ValueError("data: two entries have one name; give each a name of its own")
        second = self.evaluation.out_of_domain
        for data in [*self.data, *([second] if second else [])]:
            if data.source == "scenes":
                check_geometry(self.geometry.geometry())
                for i, geometry in enumerate(geometries if self.geometry.buckets else []):
                    check_geometry(geometry, f"geometry.buckets.{i}")
        return self

    def shape(self, entry: ShapeSection) -> Shape:
        """The family's shape for one entry."""
        return self.design().shape(entry.depth, entry.width, entry.heads, entry.single_depth)

    def design(self) -> Family:
        """The family with its options set."""
        return get_family(self.family, self.options)
