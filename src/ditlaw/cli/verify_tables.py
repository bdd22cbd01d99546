"""A forecast beside what its checking runs measured, and whether a frozen one is sound."""

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ditlaw import text
from ditlaw.cli.forecast_tables import show_forecast
from ditlaw.cli.table_parts import MARKS, make_table, yes
from ditlaw.compute import gpu_hours
from ditlaw.results import Forecast, FrozenCheck, Verification, VerifiedRun, known


def show_verification(console: Console, check: Verification) -> None:
    """The forecast, then each run beside it, then what that means."""
    show_forecast(console, check.forecast)
    when = f" on {check.frozen_at}" if check.frozen_at else ""
    console.print(
        f"\nfrozen{when} in {escape(check.frozen)}, before these runs began:", soft_wrap=True
    )
    console.print(_runs(check.forecast, check.runs))
    console.print()
    for said in check.meaning:
        console.print(escape(said))
    if check.loss_with_checks:
        was, now = known(check.forecast.loss), check.loss_with_checks
        console.print(
            f"Had the law known these runs it would say {text.with_interval(now, text.loss)} at "
            f"{text.flops(check.forecast.flops)} FLOPs, instead of "
            f"{text.with_interval(was, text.loss)}."
        )
    if check.tally:
        console.print(text.tally(check.tally))


def show_frozen_check(console: Console, check: FrozenCheck) -> None:
    """What it said and when, then each thing that was checked, then the runs that are done."""
    answer = check.forecast
    by = ", ".join(f"{name} {number}" for name, number in check.versions.items())
    console.print(f"[bold]{escape(check.frozen)}[/]", soft_wrap=True)
    console.print(f"frozen {check.frozen_at or 'at an unknown time'} by {escape(by)}")
    size, tokens = text.with_interval(answer.params), text.with_interval(answer.tokens)
    console.print(
        f"at {text.flops(answer.flops)} FLOPs: {size} params, {tokens} tokens, "
        f"{answer.metric} of one new run {text.with_interval(answer.loss, text.loss)}\n"
    )
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for each in check.checks:
        table.add_row(MARKS[each.state], each.item, escape(each.text))
    console.print(table)
    if check.runs:
        console.print()
        console.print(_runs(answer, check.runs))


def _runs(answer: Forecast, runs: Sequence[VerifiedRun]) -> Table:
    per_image = known(answer.tokens).value / answer.images.value if answer.images else None
    table = make_table("", *(run.id for run in runs))
    rows: dict[str, Callable[[VerifiedRun], str]] = {
        "params": lambda run: text.count(run.measured.params),
        "tokens": lambda run: text.count(run.measured.tokens),
        "images": lambda run: text.count(run.measured.tokens / per_image) if per_image else "-",
        "FLOPs": lambda run: text.flops(run.measured.flops),
        f"{answer.gpu} time": lambda run: text.hours(
            gpu_hours(run.measured.flops, answer.gpu, answer.mfu)
        ),
        "forecast for its shape": lambda run: text.with_interval(run.forecast_loss, text.loss),
        "measured": lambda run: f"[bold]{text.loss(run.measured.loss)}[/]",
        "error": lambda run: text.percent(run.error),
        "half-widths out": lambda run: f"{run.half_widths:+.1f}",
        "inside": lambda run: yes(run.inside),
    }
    for name, cell in rows.items():
        table.add_row(name, *(cell(run) for run in runs))
    return table
