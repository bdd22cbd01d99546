"""What an adaptive study added, round by round, and why it stopped."""

from rich.console import Console
from rich.markup import escape

from ditlaw import text
from ditlaw.cli.table_parts import make_table
from ditlaw.results import AdaptiveStudy, StudyRound

WORDS = "run to budgets"
NAMED = 4  # runs of a round that a table names


def show_adaptive(console: Console, study: AdaptiveStudy) -> None:
    """A line a round, then where the study stands."""
    if study.rounds:
        table = make_table("round", "FLOPs", "before", "expected", "after", WORDS, left=(WORDS,))
        for made in study.rounds:
            table.add_row(
                str(made.number),
                text.flops(made.flops),
                f"±{made.interval:.1%}",
                f"±{made.expected:.1%}",
                "-" if made.after is None else f"±{made.after:.1%}",
                escape(runs_of(made)),
            )
        console.print(table)
    asked = "" if study.until is None else f", ±{study.until:.1%} wanted"
    console.print(
        f"Loss of one run at {text.flops(study.target)} FLOPs: ±{study.interval:.1%}{asked}; "
        f"{text.flops(study.spent)} of {text.flops(study.spend)} FLOPs spent.",
        soft_wrap=True,
    )
    why = {
        "interval": "Stopped, interval reached",
        "spend": "Stopped, spend used up",
        "no-help": "Stopped, more runs would not help",
        "unaffordable": "Stopped, no affordable run",
        "limit": "Stopped at a limit of the study",
    }
    heading = "Goes on" if study.verdict is None else why[study.verdict]
    console.print(f"{heading}: {escape(study.reason)}", soft_wrap=True)


def runs_of(made: StudyRound) -> str:
    """The runs of a round with the budgets that it added to each."""
    named = [f"{run.id} to {', '.join(map(text.flops, run.budgets))}" for run in made.runs[:NAMED]]
    more = len(made.runs) - NAMED
    return "; ".join([*named, *([f"and {more} more"] if more > 0 else [])])
