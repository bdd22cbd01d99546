"""From a study to its runs: one trunk a shape and seed, with the steps at which it is evaluated."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from ditlaw import machine, text
from ditlaw.compute import get_accelerator, gpu_hours
from ditlaw.errors import BadInput, Refused
from ditlaw.families import Counts, Family, Own, Shape, get_family
from ditlaw.results import Note, PlannedRun, PlanResult, PlanTotal
from ditlaw.study.schema import (
    Data,
    Evaluation,
    GeometrySection,
    Hardware,
    Objective,
    Option,
    Recipe,
    Study,
    hardware_of,
)

# A CPU core's FLOP/s on models of the quickstart's size (benchmarks/speed.py prints 1.6e10 at width
# 24 and 5e10 at 64): a rough estimate, used for limits.hours and to warn of a plan that takes long.
CORE_FLOPS = 2e10
LONG_HOURS = 2.0
BYTES_PER_PARAM = 20  # fp32 weights, gradient, EMA and two AdamW moments
ACTIVATIONS_PER_WIDTH = 34  # values kept for the backward, a token, a layer, a unit of width


class Stop(BaseModel):
    """One crossing of a budget: the last whole step within it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    budget: float
    step: int


class RunSpec(BaseModel):
    """Everything that determines one run's numbers; ``spec.json`` of its folder.

    ``counted`` holds the counts of a family without a closed form, so that the run can be read
    without the user's module.
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
    counted: Counts | None = None

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

    def counts(self) -> Counts:
        """Exact counts of the model, per sample."""
        return self.counted or self.design().counts(self.shape, self.geometry.geometry())

    def flops(self, step: int) -> int:
        """Exact training FLOPs of that many steps."""
        return step * self.recipe.batch * self.counts().flops_train


@dataclass(frozen=True)
class Limit:
    """What a user said a plan may not exceed, beside what this plan takes."""

    name: str
    allowed: float | None
    needed: float


def make_run(study: Study, shape: Shape, seed: int, budgets: list[float]) -> RunSpec:
    """One run of a study's recipe.

    Raises:
        BadInput: a budget is below one step, or a user's own module cannot be counted.
    """
    design, geometry = study.design(), study.geometry.geometry()
    counts = design.counts(shape, geometry)
    if isinstance(design, Own) and study.recipe.checkpointing:
        design.require_checkpointing(shape, geometry)
    per_step = study.recipe.batch * counts.flops_train
    stops = [Stop(budget=b, step=int(b // per_step)) for b in budgets]
    for stop in stops:
        if stop.step < 1:
            raise BadInput(
                f"a budget of {stop.budget:g} FLOPs is below one step of {design.label} {shape} "
                f"({text.flops(per_step)} FLOPs); raise it or lower recipe.batch"
            )
    return RunSpec(
        id=run_id(design, shape, seed),
        family=study.family,
        depth=shape.depth,
        width=shape.width,
        heads=shape.heads,
        single_depth=shape.single_depth,
        options=study.options,
        seed=seed,
        stops=stops,
        geometry=study.geometry,
        data=study.data,
        objective=study.objective,
        recipe=study.recipe,
        evaluation=study.evaluation,
        counted=None if design.closed_form else counts,
    )


def run_id(design: Family, shape: Shape, seed: int) -> str:
    """The name of a run and of its folder."""
    return f"{text.slug(design.label)}-{shape}-s{seed}"


def study_runs(study: Study, written: Mapping[str, RunSpec] | None = None) -> list[RunSpec]:
    """Every run of a study, one trunk a shape and seed; ``written`` ones, by id, are taken as is.

    Raises:
        BadInput: as ``make_run``.
    """
    written, design = written or {}, study.design()
    return [
        written.get(run_id(design, shape, seed))
        or make_run(
            study,
            shape,
            seed,
            [b for b in study.budgets if entry.until is None or b <= entry.until],
        )
        for seed in study.seeds
        for entry, shape in ((entry, study.shape(entry)) for entry in study.shapes)
    ]


def planned(run: RunSpec, hardware: Hardware) -> PlannedRun:
    """What one run costs."""
    counts = run.counts()
    images = run.steps * run.recipe.batch
    flops = float(run.flops(run.steps))
    return PlannedRun(
        id=run.id,
        family=run.design().label,
        depth=run.depth,
        width=run.width,
        heads=run.heads,
        single_depth=run.single_depth,
        seed=run.seed,
        params=counts.params,
        tokens=float(images * counts.tokens_per_sample),
        images=float(images),
        steps=run.steps,
        flops=flops,
        flops_6nd=float(images * counts.flops_6nd),
        budgets=[stop.budget for stop in run.stops],
        gpu_hours=gpu_hours(flops, hardware.gpu, hardware.mfu),
    )


def plan_study(study: Study) -> PlanResult:
    """The runs that a study needs and their cost, before anything runs.

    Raises:
        Refused: the plan exceeds a limit that the study states.
        BadInput: a budget is below one step.
    """
    return plan_runs(study, study_runs(study))


def plan_runs(study: Study, runs: list[RunSpec]) -> PlanResult:
    """The cost of some runs of a study, held against its limits.

    Raises:
        Refused: they exceed a limit that the study states.
    """
    hardware = hardware_of(study)
    rows = [planned(run, hardware) for run in runs]
    total = PlanTotal(
        flops=sum(r.flops for r in rows),
        gpu_hours=sum(r.gpu_hours for r in rows),
        images=sum(r.images for r in rows),
        runs=len(rows),
    )
    limits = _limits(study, runs, total)
    for limit in limits:
        if limit.allowed is not None and limit.needed > limit.allowed:
            raise Refused(
                f"limits.{limit.name}: the plan needs {limit.needed:.3g}, more than the stated "
                f"{limit.allowed:g}; raise the limit or lower the budgets"
            )
    return PlanResult(
        study=study.name,
        runs=rows,
        total=total,
        gpu=get_accelerator(hardware.gpu).name,
        mfu=hardware.mfu,
        assumed_hardware=study.hardware is None,
        warnings=_warnings(study, hardware, limits),
    )


def memory_gb(run: RunSpec) -> float:
    """A rough estimate of the memory that training one run takes, in GB."""
    counts, blocks = run.counts(), run.shape.blocks
    # Masked families show a step another number of tokens than a forward pass has.
    seen = (counts.tokens_per_sample + 1) * counts.flops_train / (3 * counts.flops_forward)
    each = ACTIVATIONS_PER_WIDTH * run.width
    # Recomputing keeps the input of every block, and one block's values at a time.
    values = blocks * run.width + each if run.recipe.checkpointing else blocks * each
    size = 2 if run.recipe.precision == "bfloat16" else 4
    activations = run.recipe.batch * seen * values * size
    return (counts.params_total * BYTES_PER_PARAM + activations) / 1e9


def _limits(study: Study, runs: list[RunSpec], total: PlanTotal) -> list[Limit]:
    return [
        Limit("gpu_hours", study.limits.gpu_hours, total.gpu_hours),
        Limit("hours", study.limits.hours, total.flops / (CORE_FLOPS * machine.cores()) / 3600),
        Limit("memory_gb", study.limits.memory_gb, max(memory_gb(run) for run in runs)),
    ]


def _warnings(study: Study, hardware: Hardware, limits: list[Limit]) -> list[Note]:
    needed = {limit.name: limit.needed for limit in limits}
    notes = []
    if needed["hours"] > LONG_HOURS:
        notes.append(
            Note(
                code="long-plan",
                text=f"about {text.hours(needed['hours'])} on this machine's CPU cores; "
                f"{text.hours(needed['gpu_hours'])} of one {hardware.gpu} at {hardware.mfu:g} MFU",
            )
        )
    device = get_accelerator(hardware.gpu)
    for name, has in (
        (f"one {device.name}", device.memory_gb),
        ("this machine", machine.memory_gb()),
    ):
        if needed["memory_gb"] > has:
            notes.append(
                Note(
                    code="much-memory",
                    text=f"the largest run needs about {needed['memory_gb']:.3g} GB, more than "
                    f"{name} has ({has:.3g} GB); lower recipe.batch",
                )
            )
    if study.data.source == "described":
        notes.append(
            Note(code="plan-only", text="data.source is 'described': planned here, not trained")
        )
    return notes
