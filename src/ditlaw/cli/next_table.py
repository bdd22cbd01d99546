"""What to run next, as a table."""

from rich.console import Console
from rich.markup import escape

from ditlaw import text
from ditlaw.cli.table_parts import make_table
from ditlaw.results import NextResult


def show_next(console: Console, answer: NextResult) -> None:
    """The interval now and then, the runs, what they cost, and what the interval is made of."""
    now, then = answer.interval.now, answer.interval.expected
    if answer.verdict == "run":
        console.print(
            f"loss at {text.flops(answer.target)} FLOPs: ±{now:.2%} now, ±{then:.2%} expected "
            "after these runs",
            soft_wrap=True,
        )
        table = make_table("run", "params", "budgets", "images", "FLOPs", "time", left=("run",))
        for run in answer.runs:
            table.add_row(
                escape(run.id),
                text.count(run.params),
                f"on to {text.flops(run.budgets[-1])}" if run.extends else _span(run.budgets),
                "-" if run.images is None else text.count(run.images),
                text.flops(run.flops),
                text.hours(run.gpu_hours),
            )
        console.print(table)
        assumed = ", assumed" if answer.assumed_hardware else ""
        total = answer.total
        console.print(
            f"{total.runs} {'run' if total.runs == 1 else 'runs'}, {text.flops(total.flops)} of "
            f"{text.flops(answer.spend)} FLOPs, {text.hours(total.gpu_hours)} of one {answer.gpu} "
            f"at {answer.mfu:.3g} MFU{assumed}",
            soft_wrap=True,
        )
    else:
        console.print(
            f"loss at {text.flops(answer.target)} FLOPs: ±{now:.2%}; no runs for "
            f"{text.flops(answer.spend)} FLOPs would narrow it much",
            soft_wrap=True,
        )
    console.print(escape(answer.reason), soft_wrap=True)
    if answer.command:
        console.print("to train such runs in rounds, each chosen by what is known by then:")
        console.print(f"  {escape(answer.command)}", soft_wrap=True)
    elif answer.runs and answer.runs[0].depth is None:
        console.print("train them, add their rows to the table, and ask again", soft_wrap=True)
    elif answer.runs:
        console.print(
            "a study that compares takes no more runs: train these in a study of one setting",
            soft_wrap=True,
        )
    for note in answer.warnings:
        console.print(escape(f"{note.code}: {note.text}"), soft_wrap=True)


def _span(budgets: list[float]) -> str:
    """Budgets that are passed, first to last."""
    if not budgets:
        return "-"
    first, last = text.flops(budgets[0]), text.flops(budgets[-1])
    return first if len(budgets) == 1 else f"{first} to {last} ({len(budgets)})"
