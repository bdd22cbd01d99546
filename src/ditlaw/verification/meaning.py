"""What a check says, in words: how far out each run is, why that may be, what to do next."""

import shlex

from ditlaw import text
from ditlaw.results import VerifiedRun
from ditlaw.study import STUDY_FILE
from ditlaw.verification.frozen import Frozen

NEAR = 1.5  # half-widths out, up to which chance alone is a fair reading of one run
FAR = 10.0  # from where no bend and no learning rate explains it
WHY = {
    "above": "the loss falls less from here than the law says (the law bends beyond its data), or "
    "the recipe does not transfer to this size: the learning rate first, then warm-up and batch",
    "below": "the loss falls more from here than the law says, so that it is too pessimistic "
    "further out too, or the recipe suits models of this size better than those that were fitted",
}


def meaning(frozen: Frozen, runs: list[VerifiedRun]) -> list[str]:
    """Sentences: one where all runs are inside; else where they are, why, and what next."""
    out = [run for run in runs if not run.inside]
    level = f"{runs[0].forecast_loss.level:.0%}"
    tested = f"{frozen.forecast.beyond:.3g}× beyond its data" if frozen.forecast.beyond else "here"
    if not out:
        each = "The run is" if len(runs) == 1 else f"All {len(runs)} runs are"
        return [f"{each} inside: the law held {tested}."]
    above = [run for run in out if run.half_widths > 0]
    below = [run for run in out if run.half_widths < 0]
    sides = (("above", above), ("below", below))
    said = [
        f"{_where(run)} its {level} interval, {text.percent(run.error)} from the forecast, "
        f"{abs(run.half_widths):.1f} half-widths out."
        for _, side in sides
        for run in side
    ]
    if above and below:
        said.append(
            "One size is worse and the other better than forecast: the best size is off rather "
            "than the loss, towards the better one."
        )
    else:
        side, found = next((name, found) for name, found in sides if found)
        if len(found) < len(runs):
            said.append(
                f"Of {len(runs)} sizes one misses: this one run is unlucky, or the law is wrong "
                f"about that size alone; otherwise {WHY[side]}."
            )
        else:
            said.append(f"Either {WHY[side]}.")
    furthest = max(abs(run.half_widths) for run in out)
    if furthest > FAR:
        said.append(
            "So far out, look first for what was done otherwise: compare spec.json and the log of "
            "a checking run with those of a fitted one (data, evaluation, device, versions)."
        )
    if furthest < NEAR:
        said.append(f"So near a {level} interval chance alone may do: a second check tells.")
    return [*said, *_next(frozen, bool(above))]


def _where(run: VerifiedRun) -> str:
    return f"{run.id} lies {'above' if run.half_widths > 0 else 'below'}"


def _next(frozen: Frozen, above: bool) -> list[str]:
    """The nearest useful commands, cheapest first."""
    folder = frozen.path.parents[2]
    at, budget = shlex.quote(str(folder)), text.budget_name(frozen.forecast.flops)
    said = [f"'ditlaw fit {at}' says whether the law bends inside its data (law-bends)"]
    if above:
        said.append(
            f"a sweep of the rate at the largest size (sweep: in a copy of {STUDY_FILE}) and "
            "'ditlaw rates' say whether the recipe transfers"
        )
    said.append(
        f"'ditlaw next {at} --target {budget} --spend F' says which runs between the data and "
        f"{text.flops(frozen.forecast.flops)} FLOPs would tell most"
    )
    return [f"Next: {'; '.join(said)}."]
