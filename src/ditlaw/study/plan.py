"""A plan: what each run of a study costs, before anything runs."""

from ditlaw.compute import get_accelerator
from ditlaw.errors import Refused
from ditlaw.results import PlannedRun, PlannedSize, PlanResult, PlanTotal
from ditlaw.study.hours import Hours
from ditlaw.study.limits import limits_of, warnings_of
from ditlaw.study.runs import RunSpec, study_runs
from ditlaw.study.schema import Study, hardware_of


def planned(run: RunSpec, hours: Hours) -> PlannedRun:
    """What one run costs."""
    mix, steps = run.mix(), run.steps
    flops, params = float(mix.flops(steps)), run.counts().params
    return PlannedRun(
        id=run.id,
        family=run.design().label,
        **vars(run.shape),
        seed=run.seed,
        params=params,
        tokens=float(mix.tokens(steps)),
        images=float(mix.images(steps)),
        steps=steps,
        flops=flops,
        flops_6nd=float(mix.flops_6nd(steps)),
        budgets=[stop.budget for stop in run.stops],
        gpu_hours=hours.hours(params, flops),
        dataset=run.data.label,
        batch=run.recipe.batch,
        learning_rate=run.learning_rate,
    )


def sizes_of(study: Study) -> list[PlannedSize]:
    """What a sample of each resolution is; shares are those of whole periods of the pattern."""
    geometries, weights = study.geometry.geometries(), study.geometry.weights()
    tokens = [n * geometry.tokens for n, geometry in zip(weights, geometries, strict=True)]
    return [
        PlannedSize(
            height=geometry.height,
            width=geometry.width,
            tokens_per_sample=geometry.tokens,
            share_of_images=weight / sum(weights),
            share_of_tokens=of_size / sum(tokens),
        )
        for geometry, weight, of_size in zip(geometries, weights, tokens, strict=True)
    ]


def plan_study(study: Study, hours: Hours | None = None) -> PlanResult:
    """The runs that a study needs and their cost, before anything runs.

    ``hours`` is what GPU hours are counted on (``ditlaw.measured``); by default what the study
    states, else an assumption.

    Raises:
        Refused: the plan exceeds a limit that the study states.
        BadInput: a budget is below one step.
    """
    return plan_runs(study, study_runs(study), hours)


def plan_runs(study: Study, runs: list[RunSpec], hours: Hours | None = None) -> PlanResult:
    """The cost of some runs of a study, held against its limits.

    Raises:
        Refused: they exceed a limit that the study states.
    """
    hours = hours or Hours(hardware_of(study), "stated" if study.hardware else "assumed")
    rows = [planned(run, hours) for run in runs]
    total = PlanTotal(
        flops=sum(r.flops for r in rows),
        flops_separate=float(sum(run.flops(stop.step) for run in runs for stop in run.stops)),
        gpu_hours=sum(r.gpu_hours for r in rows),
        images=sum(r.images for r in rows),
        runs=len(rows),
    )
    hardware = hours.overall(total.flops, total.gpu_hours)
    limits = limits_of(study, runs, total)
    for limit in limits:
        if limit.allowed is not None and limit.needed > limit.allowed:
            raise Refused(
                f"limits.{limit.name}: the plan needs {limit.needed:.3g}, more than the stated "
                f"{limit.allowed:g}; raise the limit or lower the budgets"
            )
    return PlanResult(
        study=study.name,
        runs=rows,
        sizes=sizes_of(study),
        total=total,
        gpu=get_accelerator(hardware.gpu).name,
        mfu=hardware.mfu,
        mfu_source=hours.source,
        assumed_hardware=hours.source == "assumed",
        warnings=warnings_of(study, hardware, limits),
    )
