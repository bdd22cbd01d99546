"""The study file: what a user declares, checked field by field.

Every section is frozen and closed: an unknown key is an error with the nearest valid name.
"""

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_serializer, field_validator, model_validator

from ditlaw.compute import DEFAULT_MFU, get_accelerator
from ditlaw.errors import BadInput, Refused
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
    listed,
)
from ditlaw.study.shape_section import Families, FamilySection, Shapes, ShapeSection
from ditlaw.study.sweep_section import Replicates, SweepSection


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


class LearningRate(Section):
    """min(max, value · (width/d)^exponent) for a model of width d; exponent 0 is one rate for all.

    Exponent 0.5 gives the square-root rule of the quickstart. A number alone is the value.
    """

    value: Positive
    width: Positive = 64.0
    exponent: Annotated[float, Field(ge=0, le=4)] = 0.0
    max: Positive | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_for_all(cls, given: Any) -> Any:
        number = isinstance(given, int | float) and not isinstance(given, bool)
        return {"value": given} if number else given

    def rate(self, width: int) -> float:
        """The constant learning rate of a model of that width."""
        rate = float(self.value * (self.width / width) ** self.exponent)
        return rate if self.max is None else min(self.max, rate)


class Recipe(Section):
    """How every run is trained: AdamW, linear warm-up, then a constant rate; EMA of the weights.

    ``precision`` is what the model computes in; weights, optimiser and loss are float32.
    ``checkpointing`` recomputes activations in the backward pass to save memory.
    ``parametrization`` says how weights and rates follow the width. ``cooldown`` is the fraction of
    a budget's steps over which the rate falls, on a branch of its own (``ditlaw.study.cooldown``).
    """

    batch: Count = 8
    learning_rate: LearningRate
    warmup_steps: Number = 20
    cooldown: Fraction = 0.0
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
    """The budget that the study is made to forecast.

    ``like`` is a SOURCE whose law says where best sizes are expected, before the study has runs.
    """

    flops: Positive
    like: str | None = None


class Limits(Section):
    """What a plan may not exceed; ``hours`` are this machine's, as estimated."""

    gpu_hours: Positive | None = None
    hours: Positive | None = None
    memory_gb: Positive | None = None


class Study(Section):
    """One study: everything that determines its runs, and the budget it is made to forecast.

    Several families, ``data`` entries or ``sweep`` values are things to compare: every shape is
    trained with all combinations of them (``ditlaw.study.variants``). ``options`` are of the family
    where there is just one.
    """

    name: Name
    family: Families = [FamilySection(name="in-context")]
    options: dict[str, Option] = {}
    data: Annotated[list[Data], BeforeValidator(listed), Field(min_length=1)] = [Data()]
    geometry: GeometrySection
    objective: Objective = Objective()
    budgets: Annotated[list[Positive], Field(min_length=1)]
    shapes: Shapes = []
    seeds: Annotated[list[Seed], Field(min_length=1)] = [0]
    replicates: Replicates | None = None
    sweep: SweepSection = SweepSection()
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
        from ditlaw.study.consistent import check_study

        check_study(self)
        return self

    @field_serializer("family")
    def _as_written(self, families: list[FamilySection]) -> str | list[dict[str, Any]]:
        """One family without options of its own is its name, as most study files have it."""
        if families == [FamilySection(name=families[0].name)]:
            return families[0].name
        return [entry.model_dump(mode="json", exclude_defaults=True) for entry in families]

    def every_seed(self) -> list[int]:
        """All seeds that a run of the study may have."""
        return [*self.seeds, *(self.replicates.seeds if self.replicates else [])]

    def designs(self) -> list[Family]:
        """Each family with its options set."""
        return [get_family(entry.name, entry.options or self.options) for entry in self.family]

    def design(self) -> Family:
        """The family, of a study that has one.

        Raises:
            Refused: it has several.
        """
        designs = self.designs()
        if len(designs) > 1:
            raise Refused(
                f"family: the study has {', '.join(d.label for d in designs)}; "
                f"choose one with --where family={designs[0].label}"
            )
        return designs[0]

    def shape(self, entry: ShapeSection) -> Shape:
        """The family's shape for one entry, of a study that has one family."""
        size = (entry.depth, entry.width, entry.heads, entry.single_depth)
        return self.recipe.parametrization.shape(self.design(), *size)
