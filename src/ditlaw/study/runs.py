"""From a study to its runs: one trunk a shape and seed, with the steps at which it is evaluated."""

from collections.abc import Mapping
from dataclasses import asdict

from pydantic import BaseModel, ConfigDict, field_validator

from ditlaw import text
from ditlaw.errors import BadInput
from ditlaw.families import Counts, Family, Own, Shape, get_family
from ditlaw.study.data_section import Data
from ditlaw.study.geometry_section import GeometrySection
from ditlaw.study.mix import Mix, counts_of
from ditlaw.study.schema import Evaluation, Objective, Recipe, Study
from ditlaw.study.section import Option


class Stop(BaseModel):
    """One crossing of a budget: the last whole step within it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    budget: float
    step: int


class RunSpec(BaseModel):
    """Everything that determines one run's numbers; ``spec.json`` of its folder.

    ``counted`` holds the counts of a family without a closed form, of every bucket, so that the run
    can be read without the user's module.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    family: str
    depth: int
    width: int
    heads: int
    single_depth: int = 0
    options: dict[str, Option] = {}
    seed: int
    stops: list[Stop]
    geometry: GeometrySection
    data: Data
    objective: Objective
    recipe: Recipe
    evaluation: Evaluation
    counted: list[Counts] | None = None

    @field_validator("counted", mode="before")
    @classmethod
    def _of_one_size(cls, counted: object) -> object:
        return [counted] if isinstance(counted, dict) else counted  # written before there were more

    @property
    def shape(self) -> Shape:
        """The shape that is trained."""
        return Shape(self.depth, self.width, self.heads, self.single_depth)

    def design(self) -> Family:
        """The family with its options set."""
        return get_family(self.family, self.options)

    @property
    def steps(self) -> int:
        """Steps to the last budget."""
        return self.stops[-1].step

    @property
    def learning_rate(self) -> float:
        """The constant rate after warm-up."""
        return self.recipe.learning_rate.rate(self.width)

    @property
    def shift(self) -> float:
        """How training, and so drawing, shifts t at the geometry's own size."""
        return self.objective.timesteps.shift(self.geometry.geometry().image_tokens)

    def counts(self) -> Counts:
        """Exact counts of the model, per sample of the geometry's own size."""
        return self.mix().each[self.geometry.geometries().index(self.geometry.geometry())]

    def mix(self) -> Mix:
        """What steps take: images, tokens and FLOPs of any number of them."""
        each = self.counted or counts_of(self.design(), self.shape, self.geometry.geometries())
        return Mix(self.recipe.batch, self.geometry.weights(), tuple(each))

    def flops(self, step: int) -> int:
        """Exact training FLOPs of that many steps."""
        return self.mix().flops(step)


def study_mix(study: Study, shape: Shape) -> Mix:
    """What the steps of a study's run of that shape take.

    Raises:
        BadInput: a user's own module cannot be counted, or differs from bucket to bucket.
    """
    each = counts_of(study.design(), shape, study.geometry.geometries())
    return Mix(study.recipe.batch, study.geometry.weights(), each)


def make_run(
    study: Study, shape: Shape, seed: int, budgets: list[float], data: Data | None = None
) -> RunSpec:
    """One run of a study's recipe, on ``data`` or the study's first data set.

    Raises:
        BadInput: a budget is below one step, or a user's own module cannot be counted.
    """
    design, data = study.design(), data or study.data[0]
    mix = study_mix(study, shape)
    if isinstance(design, Own) and study.recipe.checkpointing:
        design.require_checkpointing(shape, study.geometry.geometry())
    if isinstance(design, Own) and study.recipe.parametrization.kind == "mup":
        base = study.recipe.parametrization.base(design, shape.depth, shape.single_depth)
        design.require_base(shape, base, study.geometry.geometry())
    stops = [Stop(budget=b, step=mix.last_step(b)) for b in budgets]
    for stop in stops:
        if stop.step < 1:
            raise BadInput(
                f"budgets: {stop.budget:g} FLOPs is below one step of {design.label} {shape} "
                f"({text.flops(mix.flops(1))} FLOPs); raise it or lower recipe.batch"
            )
    return RunSpec(
        id=run_id(study, shape, seed, data),
        family=study.family,
        **asdict(shape),
        options=study.options,
        seed=seed,
        stops=stops,
        geometry=study.geometry,
        data=data,
        objective=study.objective,
        recipe=study.recipe,
        evaluation=study.evaluation,
        counted=None if design.closed_form else list(mix.each),
    )


def run_id(study: Study, shape: Shape, seed: int, data: Data) -> str:
    """The name of a run and of its folder; it tells data sets apart where there are several."""
    several = f"-{data.label}" if len(study.data) > 1 else ""
    return f"{family_slug(study.design())}-{shape}{several}-s{seed}"


def family_slug(design: Family) -> str:
    """A family's label as part of a file name."""
    return text.slug(design.label) or design.name


def study_runs(study: Study, written: Mapping[str, RunSpec] | None = None) -> list[RunSpec]:
    """Every run of a study, one trunk a data set, shape and seed.

    Those that are ``written``, by id, are taken as they are.

    Raises:
        BadInput: as ``make_run``.
    """
    written = written or {}
    return [
        written.get(run_id(study, shape, seed, data))
        or make_run(
            study,
            shape,
            seed,
            [b for b in study.budgets if entry.until is None or b <= entry.until],
            data,
        )
        for data in study.data
        for seed in study.seeds
        for entry, shape in ((entry, study.shape(entry)) for entry in study.shapes)
    ]
