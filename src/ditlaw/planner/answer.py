"""``ditlaw next``: the runs that would narrow a law's forecast most, for what may be spent."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ditlaw import text
from ditlaw.compute import get_accelerator
from ditlaw.errors import BadInput
from ditlaw.forecast import law_of
from ditlaw.laws import Law
from ditlaw.planner.choose import Plan, choose
from ditlaw.planner.expect import expected_half_width, half_width
from ditlaw.planner.gain import Outlook, outlook
from ditlaw.planner.pool import Pool, Trunk
from ditlaw.planner.study_pool import StudyPool, study_pool
from ditlaw.planner.table_pool import table_pool
from ditlaw.results import IntervalChange, NextResult, NextRun, NextTotal, Note
from ditlaw.study import Hours, RunSpec, study_folder

WORTH = 0.95  # of the interval: runs that leave more of it are not worth their FLOPs


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
        source: a study folder, a table or a saved law; a folder's answer can be trained.
        target: FLOPs of the run that is forecast.
        spend: training FLOPs that all the runs together may take.
        where: ``COL=VALUE`` filters of the rows.
        hours: what GPU hours are counted on; by default the study's own.
        seed: of the simulation that tells what to expect.

    Raises:
        BadInput: a number is not positive, or the spend is below the cheapest run.
        Refused: the rows allow no law, or a study's runs have not ended.
    """
    for name, value in (("--target", target), ("--spend", spend)):
        if not 0 < value < float("inf"):
            raise BadInput(f"{name}: {value:g} is not a number of FLOPs; use one as 1e20")
    law = law_of(source, where)
    folder = study_folder(source)
    found = study_pool(folder, law, spend, target) if folder else None
    pool = found.pool if found else table_pool(law, spend, target)
    least = min(pool.step(trunk, trunk.reached + 1).cost for trunk in pool.able() if _goes_on(trunk, pool))
    if spend < least:
        raise BadInput(
            f"--spend: {text.flops(spend)} FLOPs is below the cheapest run "
            f"({text.flops(least)}); raise it"
        )
    before = outlook(law, pool, target)
    plan = choose(before, pool, spend)
    now = expected = half_width(law, target)
    if plan.steps:
        expected = expected_half_width(law, pool, plan.steps, target, seed)
    verdict: Literal["run", "no-help"] = "run" if expected <= WORTH * now else "no-help"
    trunks = _trunks(plan) if verdict == "run" else []
    specs = [found.spec(trunk) for trunk in trunks] if found else []
    hours = hours or law.observations.hours
    runs = [
        _of_study(spec, found, hours) if found else _of_table(trunk, pool, law, hours)
        for trunk, spec in zip(trunks, specs or [None] * len(trunks), strict=True)
    ]
    order = sorted(range(len(runs)), key=lambda i: runs[i].flops)
    runs, specs = [runs[i] for i in order], [specs[i] for i in order if specs]
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
        reason=_reason(before, plan, now, expected, spend, verdict),
        gpu=get_accelerator(hardware.gpu).name,
        mfu=hardware.mfu,
        assumed_hardware=hours.source == "assumed",
        warnings=_warnings(law, target, found is not None),
    )
    return Chosen(result, specs)


def _goes_on(trunk: Trunk, pool: Pool) -> bool:
    return trunk.reached + 1 < len(pool.log_c)


def _trunks(plan: Plan) -> list[Trunk]:
    """Each trunk that a plan trains, as it is at the end."""
    last = {(step.trunk.size, step.trunk.seed): step.done() for step in plan.steps}
    return list(last.values())


def _of_study(spec: RunSpec, found: StudyPool, hours: Hours) -> NextRun:
    before = next((run for run in found.runs.values() if run.id == spec.id), None)
    mix, params = spec.mix(), spec.counts().params
    start = before.stops[-1].step if before else 0
    done = {stop.budget for stop in before.stops} if before else set()
    flops = float(spec.trained_flops - spec.flops(start))
    return NextRun(
        id=spec.id,
        family=spec.design().label,
        **vars(spec.shape),
        seed=spec.seed,
        params=params,
        tokens=float(mix.tokens(spec.steps) - mix.tokens(start)),
        images=float(mix.images(spec.steps) - mix.images(start)),
        steps=spec.steps - start,
        flops=flops,
        flops_6nd=float(mix.flops_6nd(spec.steps) - mix.flops_6nd(start)),
        budgets=[stop.budget for stop in spec.stops if stop.budget not in done],
        gpu_hours=hours.hours(params, flops),
        extends=before.id if before else None,
    )


def _of_table(trunk: Trunk, pool: Pool, law: Law, hours: Hours) -> NextRun:
    """A run as far as rows tell: its size, tokens and FLOPs."""
    frame, each = law.observations.frame, law.observations.tokens_per_image()
    log_n, log_c = pool.log_n[[trunk.size]], pool.log_c[[trunk.reached]]
    params, flops = float(np.exp(log_n[0])), float(np.exp(log_c[0]))
    tokens = float(np.exp(law.kappa.log_tokens(log_n, log_c)[0]))
    families = set(frame["family"].dropna()) if "family" in frame else set()
    first = 0 if pool.passes else trunk.reached
    near = np.abs(pool.log_n[trunk.size] - np.log(law.curve(np.exp(pool.log_c)).params.value))
    budgets = [b for b in range(first, trunk.reached + 1) if near[b] <= np.log(10)]
    return NextRun(
        id=f"{text.count(params)}-{text.flops(flops)}-s{trunk.seed}",
        family=str(families.pop()) if len(families) == 1 else None,
        depth=None,
        width=None,
        heads=None,
        single_depth=None,
        seed=trunk.seed,
        params=params,
        tokens=tokens,
        images=tokens / each if each else None,
        steps=None,
        flops=flops,
        flops_6nd=6 * params * tokens,
        budgets=[float(np.exp(pool.log_c[b])) for b in budgets],
        gpu_hours=hours.hours(params, flops),
        extends=None,
    )


def _reason(
    before: Outlook, plan: Plan, now: float, expected: float, spend: float, verdict: str
) -> str:
    """What the interval is made of, and what the runs do about it."""
    noise = float(before.noise[-1]) ** 2
    model = before.model_variance(before.largest)
    parts = {
        "by what runs leave open": before.fitted_variance(),
        "by how far out it is": model,
        "by the luck of one run": noise,
    }
    whole = sum(parts.values())
    shares = ", ".join(f"{value / whole:.0%} {name}" for name, value in parts.items())
    told = f"the variance behind ±{now:.2%} is {shares}"
    if verdict == "run":
        return f"{told}; after these runs ±{expected:.2%} is expected"
    tried = f"the best runs for {text.flops(spend)} FLOPs would leave ±{expected:.2%}"
    return f"{told}; {tried if plan.steps else 'no run for that takes much of it away'}"


def _warnings(law: Law, target: float, study: bool) -> list[Note]:
    notes = list(law.remarks)
    if target <= law.largest_flops:
        notes.append(
            Note(
                code="target-inside",
                text=f"{text.flops(target)} FLOPs lie inside what was fitted (up to "
                f"{text.flops(law.largest_flops)}): the forecast is an interpolation.",
            )
        )
    if not study:
        notes.append(
            Note(
                code="sizes-by-spacing",
                text="the rows tell no family, so sizes and budgets go on at the rows' own spacing: "
                "take the nearest models that you can build.",
            )
        )
    return notes
