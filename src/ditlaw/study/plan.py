"""A plan: what each run of a study costs, before anything runs."""

from ditlaw.compute import get_accelerator, gpu_hours
from ditlaw.errors import Refused
from ditlaw.results import PlannedRun, PlannedSize, PlanResult, PlanTotal
from ditlaw.study.limits import limits_of, warnings_of
from ditlaw.study.runs import RunSpec, study_runs
from ditlaw.study.schema import Hardware, Study, hardware_of


def planned(run: RunSpec, hardware: Hardware) -> PlannedRun:
    """What one run costs."""
    mix, steps = run.mix(), run.steps
    flops = float(mix.flops(steps))
    return PlannedRun(
        id=run.id,
        family=run.design().label,
        **vars(run.shape),
        seed=run.seed,
        params=run.counts().params,
        tokens=float(mix.tokens(steps)),
        images=float(mix.images(steps)),
        steps=steps,
        flops=flops,
        flops_6nd=float(mix.flops_6nd(steps)),
        budgets=[stop.budget for stop in run.stops],
        gpu_hours=gpu_hours(flops, hardware.gpu, hardware.mfu),
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
        assumed_hardware=study.hardware is None,
        warnings=warnings_of(study, hardware, limits),
    )
