"""The study file: what a user declares, checked field by field.

Every section is frozen and closed: an unknown key is an error with the nearest valid name.
"""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from ditlaw.compute import DEFAULT_MFU, get_accelerator
from ditlaw.data.scenes import check_geometry
from ditlaw.errors import BadInput
from ditlaw.families import Family, Shape, get_family
from ditlaw.study.data_section import Data
from ditlaw.study.geometry_section import GeometrySection
from ditlaw.study.parametrization import Parametrization
from ditlaw.study.section import (
    Count,
    Fraction,
    Name,
    Number,
    Option,
    Positive,
    Real,
    Section,
    Seed,
)


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
    ``parametrization`` says how weights and rates follow the width.
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
    parametrization: Parametrization = Parametrization()

    @model_validator(mode="after")
    def _scaled_once(self) -> "Recipe":
        if self.parametrization.kind == "mup" and self.learning_rate.exponent:
            raise BadInput(
                f"recipe.learning_rate.exponent: {self.learning_rate.exponent:g} scales rates that "
                "mup scales itself; leave it out, or set parametrization: standard"
            )
        return self


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
        if self.recipe.parametrization.kind == "mup":
            self.recipe.parametrization.base(self.design(), self.shapes[0].depth)
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
        size = (entry.depth, entry.width, entry.heads, entry.single_depth)
        return self.recipe.parametrization.shape(self.design(), *size)

    def design(self) -> Family:
        """The family with its options set."""
        return get_family(self.family, self.options)
