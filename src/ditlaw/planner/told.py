"""The chosen runs as an answer: what each is and takes, and what the interval is made of."""

import numpy as np

from ditlaw import text
from ditlaw.laws import Law
from ditlaw.laws.noise import Noise
from ditlaw.planner.gain import Outlook, near_best
from ditlaw.planner.pool import Pool, Step, Trunk
from ditlaw.planner.study_pool import StudyPool
from ditlaw.planner.table_pool import called
from ditlaw.results import NextRun, Note
from ditlaw.study import Hours, RunSpec

WORTH = 0.95  # of the interval: runs that leave more of it are not worth their FLOPs
# What an interval is made of.
DRIFT = "what such laws miss that far from their runs"
DRIFT_INSIDE = "what such laws miss among their runs"
OPEN = "what the runs so far leave open of the law"
LUCK = "one run's own luck"


def is_worth(now: float, expected: float) -> bool:
    """Whether runs narrow an interval by enough to be run."""
    return expected <= WORTH * now


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
    near = near_best(law, pool)[trunk.size]
    budgets = [b for b in range(first, trunk.reached + 1) if near[b]]
    return NextRun(
        id=f"{text.count(params)}-{text.flops(called(law, float(log_c[0])))}-s{trunk.seed}",
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
        budgets=[called(law, float(pool.log_c[b])) for b in budgets],
        gpu_hours=hours.hours(params, flops),
        extends=None,
    )


def reason_of(
    before: Outlook, steps: list[Step], noise: Noise, now: float, expected: float, spend: float
) -> str:
    """What the interval is made of; where runs are of no help, why."""
    inside = before.fitted[0] <= before.target <= before.fitted[1]
    parts = {
        DRIFT_INSIDE if inside else DRIFT: before.model_variance(),
        OPEN: before.fitted_variance(),
        LUCK: float(noise.at(np.array([before.target]))[0]) ** 2,
    }
    whole, most = sum(parts.values()), max(parts, key=lambda name: parts[name])
    rising = sorted(parts, key=lambda name: -parts[name])
    told = f"of the variance behind ±{now:.2%}, "
    told += ", ".join(
        f"{parts[name] / whole:.0%} is {name}" for name in rising if parts[name] >= 0.005 * whole
    )
    if noise.source == "residuals" and expected < now * np.sqrt(parts[LUCK] / whole):
        told += "; so far that luck is the scatter about the fit; new seeds would measure it"
    if is_worth(now, expected):
        return told
    best = "no run takes away much of it"
    if steps:
        best = "the best runs would leave " + (f"±{expected:.2%}" if expected < now else "as much")
    mend = "none can make a single run surer" if most == LUCK else "a larger --spend may do more"
    return f"{told}; for {text.flops(spend)} FLOPs {best}, and {mend}"


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
                text="sizes and budgets go on at the rows' own spacing, for a table does not say "
                "what can be built: take the nearest models that can, each a new run with a seed "
                "of its own.",
            )
        )
    return notes
