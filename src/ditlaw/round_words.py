"""What the rounds of an adaptive study say, in sentences for tables and report."""

from ditlaw import text
from ditlaw.results import AdaptiveStudy, StudyRound

NAMED = 4  # runs of a round that a line names
WHY = {
    "interval": "Stopped, the interval is reached",
    "spend": "Stopped, the spend is used up",
    "no-help": "Stopped, more runs would not help",
    "unaffordable": "Stopped, no run can be paid with what is left",
    "limit": "Stopped at a limit of the study",
}


def standing(study: AdaptiveStudy) -> str:
    """What is known of the loss at the target, and what it took."""
    asked = "" if study.until is None else f", ±{study.until:.1%} wanted"
    return (
        f"Loss of one run at {text.flops(study.target)} FLOPs: known to ±{study.interval:.1%}"
        f"{asked}; {text.flops(study.spent)} of {text.flops(study.spend)} FLOPs spent."
    )


def why(study: AdaptiveStudy) -> str:
    """Why it stopped, or that it goes on."""
    heading = "Not at its end" if study.verdict is None else WHY[study.verdict]
    return f"{heading}: {study.reason}"


def trained(made: StudyRound) -> str:
    """The runs of a round with the budgets that it added to each."""
    named = [
        f"{run.id} {'on ' if run.trained_on else ''}to {', '.join(map(text.flops, run.budgets))}"
        for run in made.runs[:NAMED]
    ]
    more = len(made.runs) - NAMED
    return "; ".join([*named, *([f"and {more} more"] if more > 0 else [])])
