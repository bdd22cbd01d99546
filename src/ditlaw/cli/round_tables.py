"""What an adaptive study added, round by round, and why it stopped."""

from rich.console import Console
from rich.markup import escape

from ditlaw import text
from ditlaw.cli.table_parts import make_table
from ditlaw.results import AdaptiveStudy
from ditlaw.round_words import standing, trained, why

TRAINED = "trained to budgets"


def show_adaptive(console: Console, study: AdaptiveStudy) -> None:
    """A line a round, then where the study stands."""
    if study.rounds:
        columns = ("round", "FLOPs", "before", "expected", "after", TRAINED)
        table = make_table(*columns, left=(TRAINED,))
        for made in study.rounds:
            table.add_row(
                str(made.number),
                text.flops(made.flops),
                f"±{made.interval:.1%}",
                f"±{made.expected:.1%}",
                "-" if made.after is None else f"±{made.after:.1%}",
                escape(trained(made)),
            )
        console.print(table)
    console.print(standing(study), soft_wrap=True)
    console.print(escape(why(study)), soft_wrap=True)
