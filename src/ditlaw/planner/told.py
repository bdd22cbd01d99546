"""The chosen runs as an answer: what each is and takes, and what the interval is made of."""

import numpy as np

from ditlaw import text
from ditlaw.laws import Law
from ditlaw.planner.choose import Plan
from ditlaw.planner.gain import Outlook
from ditlaw.planner.pool import Pool, Trunk
from ditlaw.planner.study_pool import StudyPool
from ditlaw.results import NextRun, Note
from ditlaw.study import Hours, RunSpec

FAR_OFF = float(np.log(10))  # ln N from the best size: a budget there is passed, not asked for


def study_run(spec: RunSpec, found: StudyPool, hours: Hours) -> NextRun:
    """A run that a study would train, or what one would be trained on by."""
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


def table_run(trunk: Trunk, pool: Pool, law: Law, hours: Hours) -> NextRun:
    """A run as far as rows tell: its size, tokens and FLOPs."""
    frame, each = law.observations.frame, law.observations.tokens_per_image()
    log_n, log_c = pool.log_n[[trunk.size]], pool.log_c[[trunk.reached]]
    params, flops = float(np.exp(log_n[0])), float(np.exp(log_c[0]))
    tokens = float(np.exp(law.kappa.log_tokens(log_n, log_c)[0]))
    families = set(frame["family"].dropna()) if "family" in frame else set()
    first = 0 if pool.passes else trunk.reached
    near = np.abs(pool.log_n[trunk.size] - np.log(law.curve(np.exp(pool.log_c)).params.value))
    budgets = [b for b in range(first, trunk.reached + 1) if near[b] <= FAR_OFF]
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


def reason_of(
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


def warnings_of(law: Law, target: float, study: bool) -> list[Note]:
    """What to beware of."""
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
                text="the rows tell no family, so sizes and budgets go on at the rows' own "
                "spacing: take the nearest models that you can build.",
            )
        )
    return notes
