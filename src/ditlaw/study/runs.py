"""From a study to its runs: one trunk a shape and seed, with the steps at which it is evaluated."""

import math
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise

from pydantic import BaseModel, ConfigDict, field_validator

from ditlaw import text
from ditlaw.digests import digest
from ditlaw.errors import BadInput
from ditlaw.families import Counts, Family, Own, Shape, get_family
from ditlaw.study.cooldown import Branch, branch_to
from ditlaw.study.data_section import Data
from ditlaw.study.geometry_section import GeometrySection
from ditlaw.study.mix import Mix, counts_of
from ditlaw.study.schema import Evaluation, Objective, Recipe, Study
from ditlaw.study.section import Option
from ditlaw.study.sweep_section import Replicates
from ditlaw.study.variants import Variant, family_slug, variants


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

    def branch(self, stop: Stop) -> Branch:
        """The cooldown that reaches a budget; without one, no steps."""
        return branch_to(stop.step, self.recipe.cooldown)

    def stands(self, stop: Stop) -> int:
        """The step of the state that a run goes on from once a budget's row is made."""
        return stop.step if stop == self.stops[-1] else self.branch(stop).start

    @property
    def trained_steps(self) -> int:
        """Steps of the trunk and of all its branches."""
        return self.steps + sum(self.branch(stop).steps for stop in self.stops[:-1])

    @property
    def trained_flops(self) -> int:
        """Exact training FLOPs of the trunk and of all its branches."""
        return self.spent(self.mix().flops)

    def spent(self, of: Callable[[int], int], trained: int | None = None) -> int:
        """What training takes, branches included, of something that ``of`` tells of a step.

        Of the first ``trained`` steps, or of all.
        """
        left, total = self.trained_steps if trained is None else trained, 0
        if not self.recipe.cooldown:  # no branches: one leg, and thousands of runs ask
            return of(left)
        for first, last in self._legs():
            steps = min(left, last - first)
            total += of(first + steps) - of(first)
            left -= steps
        return total

    def _legs(self) -> Iterator[tuple[int, int]]:
        """From which step to which it trains, in order: trunk, branch, trunk, branch, …"""
        at = 0
        for start, end in map(self.branch, self.stops):
            yield at, start
            yield start, end
            at = start

    @property
    def learning_rate(self) -> float:
        """The rate after warm-up, but for a cooldown."""
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

    def trains_as(self) -> str:
        """A digest of all that the state at a step is a function of: not budgets or evaluation.

        Fields at their defaults do not count, so that one which comes later changes no digest.
        """
        left_out = {"id", "stops", "evaluation"}
        return digest(self.model_dump(mode="json", exclude=left_out, exclude_defaults=True))

    def extends(self, earlier: "RunSpec") -> bool:
        """Whether this is that run, or that run trained on: the same with later budgets added.

        Only at a constant rate is the last state of the earlier one a state of this one.
        """
        added = self.stops[len(earlier.stops) :]
        steps = [earlier.steps, *(stop.step for stop in added)]
        return (
            self.model_copy(update={"stops": earlier.stops}) == earlier
            and self.stops[: len(earlier.stops)] == earlier.stops
            and all(before < after for before, after in pairwise(steps))
            and not (added and self.recipe.cooldown)
        )


def study_mix(study: Study, shape: Shape) -> Mix:
    """What the steps of a plain study's run of that shape take.

    Raises:
        BadInput: a user's own module cannot be counted, or differs from bucket to bucket.
    """
    each = counts_of(study.design(), shape, study.geometry.geometries())
    return Mix(study.recipe.batch, study.geometry.weights(), each)


def make_run(variant: Variant, shape: Shape, seed: int, budgets: list[float]) -> RunSpec:
    """One run of a plain study.

    Raises:
        BadInput: a budget is below one step, or a user's own module cannot be counted.
    """
    study, (family,), (data,) = variant.study, variant.study.family, variant.study.data
    design = study.design()
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
        id=run_id(variant, shape, seed),
        family=family.name,
        **vars(shape),
        options=family.options,
        seed=seed,
        stops=stops,
        geometry=study.geometry,
        data=data,
        objective=study.objective,
        recipe=study.recipe,
        evaluation=study.evaluation,
        counted=None if design.closed_form else list(mix.each),
    )


def run_id(variant: Variant, shape: Shape, seed: int) -> str:
    """The name of a run and of its folder; it tells apart what the study compares."""
    return f"{family_slug(variant.study.design())}-{shape}{variant.name}-s{seed}"


def study_runs(study: Study, written: Mapping[str, RunSpec] | None = None) -> list[RunSpec]:
    """Every run of a study, one trunk a variant, shape and seed; replicates after the others.

    Those that are ``written``, by id, are taken as they are.

    Raises:
        BadInput: as ``make_run``.
    """
    found = []
    for variant in variants(study):
        own = variant_runs(variant, written or {})
        found += own
        if study.replicates is not None:
            first = [run for run in own if run.seed == study.seeds[0]]
            found += _replicated(variant, study.replicates, first, written or {})
    return found


def variant_runs(variant: Variant, written: Mapping[str, RunSpec]) -> list[RunSpec]:
    """The runs of a plain study, replicates apart."""
    study = variant.study
    return [
        written.get(run_id(variant, shape, seed))
        or make_run(
            variant,
            shape,
            seed,
            [b for b in study.budgets if entry.until is None or b <= entry.until],
        )
        for seed in study.seeds
        for entry, shape in ((entry, study.shape(entry)) for entry in study.shapes)
    ]


def _replicated(
    variant: Variant,
    replicates: Replicates,
    first: list[RunSpec],
    written: Mapping[str, RunSpec],
) -> list[RunSpec]:
    """Runs of more seeds, of the sizes nearest the middle of those that reach a budget."""
    size = {run.id: math.log(run.counts().params) for run in first}
    wanted: dict[str, float] = {}  # by run of the first seed: the largest budget it is wanted at
    for budget in variant.study.budgets:
        there = [run for run in first if run.stops[-1].budget >= budget]
        if not there:
            continue
        middle = (min(size[r.id] for r in there) + max(size[r.id] for r in there)) / 2
        near = sorted(there, key=lambda run: abs(size[run.id] - middle))
        wanted |= {run.id: budget for run in near[: replicates.sizes]}
    chosen = [(run, wanted[run.id]) for run in first if run.id in wanted]
    return [
        written.get(run_id(variant, run.shape, seed))
        or make_run(variant, run.shape, seed, [s.budget for s in run.stops if s.budget <= last])
        for seed in replicates.seeds
        for run, last in chosen
    ]
