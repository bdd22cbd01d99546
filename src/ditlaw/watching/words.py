"""What a run's way beside its band says, in words."""

from ditlaw import text
from ditlaw.results import WatchResult
from ditlaw.verification.meaning import WHY


def meaning(found: WatchResult, ended: str) -> list[str]:
    """Sentences: how it stands, why that may be, what to do next."""
    said = [_stands(found)]
    if found.verdict in WHY:
        said.append(f"Either {WHY[found.verdict]}.")
        said.append(_next(found))
    if ended and ended != "done":
        said.append(f"The run has ended: {ended}.")
    return said


def _stands(found: WatchResult) -> str:
    if found.verdict == "too early":
        at = "nothing is logged yet" if found.seen is None else f"the run is at {_at(found.seen)}"
        return f"The law says nothing of this run before {_at(found.from_flops)}; {at}."
    alarm = f"{found.false_alarm:.0%} of runs that follow the law leave it anywhere on their way"
    if found.verdict == "on course":
        if found.left is None:
            return f"In the band at each look so far; {alarm}."
        was = f"{found.left.side} it at {_at(found.left.flops)}"
        return f"In the band again, after it was {was}; {alarm}."
    since = next(
        look
        for k, look in enumerate(found.looks)
        if not any(later.inside for later in found.looks[k:])
    )
    return f"{found.verdict.capitalize()} the band since {_at(since.flops)}; {alarm}."


def _next(found: WatchResult) -> str:
    if found.verdict == "below":
        return "Next: let it run; verify at a smaller budget before this law plans another."
    return (
        "Next: look at the learning rate, gradient norms and data of the run since then; "
        "a run of the law's own recipe at a smaller budget ('ditlaw verify') tells which of the "
        "two it is before the rest is spent."
    )


def _at(flops: float) -> str:
    return f"{text.flops(flops)} FLOPs"
