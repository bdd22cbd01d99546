"""``ditlaw next``: the runs that would narrow a law's forecast most, for what may be spent."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ditlaw import text
from ditlaw.compute import get_accelerator
from ditlaw.errors import BadInput
from ditlaw.forecasting import law_of
from ditlaw.laws import Law
from ditlaw.planner.choose import choose
from ditlaw.planner.expect import expected_half_width, half_width
from ditlaw.planner.gain import outlook
from ditlaw.planner.pool import Step, Trunk
from ditlaw.planner.study_pool import study_pool
from ditlaw.planner.table_pool import table_pool
from ditlaw.planner.told import is_worth, reason_of, study_run, table_run, warnings_of
from ditlaw.results import IntervalChange, NextResult, NextTotal
from ditlaw.study import Hours, RunSpec, study_folder


class BelowOneRun(BadInput):
    """What may be spent is less than the cheapest run takes (exit 2)."""


@dataclass(frozen=True)
class Chosen:
    """The answer, and of a study folder the runs to train, cheapest first.

    A spec whose id is that of a run which is there is that run, trained on.
    """

    result: NextResult
    specs: list[RunSpec]


def next_runs(
    source: str,
    target: float,
    spend: float,
    *,
    where: list[str] | None = None,
    hours: Hours | None = None,
    seed: int = 0,
) -> Chosen:
    """The runs that would narrow the loss at ``target`` FLOPs most, for ``spend`` FLOPs at most.

    Args:
        source: a study folder, a table or a saved law, which is asked of the loss; a folder's
            answer can be trained.
        target: FLOPs of the run that is forecast.
        spend: training FLOPs that all the runs together may take.
        where: ``COL=VALUE`` filters of the rows.
        hours: what GPU hours are counted on; by default the study's own.
        seed: of the simulation that tells what to expect.

    Raises:
        BadInput: a number is not positive.
        BelowOneRun: the spend is below the cheapest run.
        Refused: the rows allow no law, or a study's runs have not ended.
    """
    law = law_of(source, where, metric="loss")
    return next_of(law, study_folder(source), target, spend, hours=hours, seed=seed)


def next_of(
    law: Law,
    folder: Path | None,
    target: float,
    spend: float,
    *,
    hours: Hours | None = None,
    seed: int = 0,
) -> Chosen:
    """As ``next_runs``, of a law of the loss and the study folder that its rows are of, if any.

    Raises:
        BadInput: the target or the spend is not a number of FLOPs.
        BelowOneRun, Refused: as ``next_runs``.
    """
    for name, value in (("target", target), ("spend", spend)):
        if not 0 < value < float("inf"):
            raise BadInput(f"--{name}: {value:g} is not a number of FLOPs; use one as 1e20")
    found = study_pool(folder, law, spend, target) if folder else None
    pool = found.pool if found else table_pool(law, spend, target)
    least = pool.least()
    if spend < least:
        raise BelowOneRun(
            f"--spend: {text.flops(spend)} FLOPs is below the cheapest run "
            f"({text.flops(least)}); raise it"
        )
    before = outlook(law, pool, target)
    steps, noise = choose(before, pool, spend), law.fitted.ensemble.candidates.noise
    now = expected = half_width(law, target)
    if steps:
        there = {key: run.id for key, run in found.runs.items()} if found else {}
        expected = expected_half_width(law, pool, steps, target, seed, there)
    verdict: Literal["run", "no-help"] = "run" if is_worth(now, expected) else "no-help"
    trunks = _trunks(steps) if verdict == "run" else []
    trunks.sort(key=lambda trunk: trunk.reached)
    hours = hours or law.observations.hours
    specs = [found.spec(trunk) for trunk in trunks] if found else []
    if found:
        runs = [study_run(spec, found, hours) for spec in specs]
    else:
        runs = [table_run(trunk, pool, law, hours) for trunk in trunks]
    hardware = hours.overall(sum(r.flops for r in runs), sum(r.gpu_hours for r in runs))
    result = NextResult(
        source=law.observations.source,
        target=target,
        spend=spend,
        runs=runs,
        total=NextTotal(
            flops=sum(run.flops for run in runs),
            gpu_hours=sum(run.gpu_hours for run in runs),
            runs=len(runs),
        ),
        interval=IntervalChange(now=now, expected=expected),
        verdict=verdict,
        reason=reason_of(before, steps, noise, now, expected, spend),
        command=found.command(folder, target, spend) if found and folder and runs else None,
        gpu=get_accelerator(hardware.gpu).name,
        mfu=hardware.mfu,
        assumed_hardware=hours.source == "assumed",
        warnings=warnings_of(law, target, found is not None),
    )
    return Chosen(result, specs)


def _trunks(steps: list[Step]) -> list[Trunk]:
    """Each trunk that steps train, as it is at the end."""
    last = {(step.trunk.size, step.trunk.seed): step.done() for step in steps}
    return list(last.values())
