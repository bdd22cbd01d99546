"""What a frozen forecast's file says of itself: do its rows give it, are its checks new runs."""

from ditlaw import text
from ditlaw.laws import Law
from ditlaw.results import Check, Quantity, known
from ditlaw.verification.frozen import Frozen, versions_here

SAME = 1e-6  # relative difference that rounding may make
OLDER = "a file of an earlier version, which holds no rows"


def numbers(frozen: Frozen, law: Law | None) -> Check:
    """Whether the rows in the file, fitted again, give the forecast in it."""
    item = "its rows give its numbers"
    if law is None:
        return Check(item=item, state="unknown", text=OLDER)
    stated, again = frozen.forecast, law.optimum(frozen.forecast.flops)
    pairs = [(stated.params, again.params), (stated.tokens, again.tokens)]
    pairs += [(stated.loss, again.loss)]
    for spec, loss in zip(frozen.runs, frozen.losses, strict=True):
        pairs.append((loss, law.loss_at(spec.counts().params, spec.flops(spec.steps))[0]))
    off = max(_difference(known(then), now) for then, now in pairs)
    if off <= SAME:
        rows = len(law.observations.frame)
        said = f"{rows} rows, fitted again here, give the same to rounding"
        return Check(item=item, state="met", text=said)
    said = f"fitted again here, they differ by up to {text.share(off)}"
    here = versions_here()
    other = [f"{name} {v}" for name, v in frozen.versions.items() if here.get(name) != v]
    if other:
        said += f"; it was frozen with {', '.join(other)}"
    return Check(item=item, state="unknown" if other else "not met", text=said)


def _difference(then: Quantity, now: Quantity) -> float:
    """The largest relative one of the estimate and its bounds."""
    pairs = [(then.value, now.value), (then.low or 0.0, now.low or 0.0)]
    pairs.append((then.high or 0.0, now.high or 0.0))
    return max(abs(new - old) / max(abs(old), 1e-300) for old, new in pairs)


def new(frozen: Frozen, law: Law | None) -> Check:
    """Whether the runs that are to check it are none of those that it was made from."""
    item = "its checks are new runs"
    if law is None:
        return Check(item=item, state="unknown", text=OLDER)
    frame = law.observations.frame
    fitted = {*frame["run"].astype(str), *frame["trunk"].astype(str)}
    seeds = set(frame["seed"].dropna().astype(int)) if "seed" in frame else set()
    twice = [spec.id for spec in frozen.runs if spec.id in fitted or spec.seed in seeds]
    if twice:
        said = f"{', '.join(twice)}: a run of that seed was fitted"
        return Check(item=item, state="not met", text=said)
    named = ", ".join(str(seed) for seed in sorted({spec.seed for spec in frozen.runs}))
    return Check(item=item, state="met", text=f"no fitted run has seed {named}")
