"""An audit as one page of text: the verdict, the checklist with mends, the held-out budgets."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ditlaw import text
from ditlaw.cli.table_parts import MARKS, make_table
from ditlaw.results import AuditCheck, AuditResult, Backtest


def show_audit(console: Console, audit: AuditResult) -> None:
    """Items in their groups, with what would mend those that fail; what is not known at the end."""
    console.print(f"[bold]{escape(audit.source)}[/]: audit of the law of {escape(audit.metric)}")
    console.print(escape(audit.verdict) + "\n")
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    unknown = [check for check in audit.checks if check.state == "unknown"]
    for group in dict.fromkeys(check.group for check in audit.checks):
        found = [check for check in audit.checks if check.group == group and check not in unknown]
        at = f", at {text.flops(audit.target)} FLOPs" if group == "refits" else ""
        _group(grid, f"{group}{at}", found)
    console.print(grid)
    if unknown:
        listed = "; ".join(f"{check.item} ({check.text})" for check in unknown)
        console.print(f"[bold]not known[/]: {escape(listed)}")
    if audit.backtests:
        console.print(_tests(audit.backtests))
    codes = ", ".join(dict.fromkeys(note.code for note in audit.warnings))
    if codes:
        console.print(f"the fit warns of {codes}: 'ditlaw fit' says what they mean")


def _group(grid: Table, name: str, checks: Sequence[AuditCheck]) -> None:
    for index, check in enumerate(checks):
        if not index:
            grid.add_row("", f"[bold]{name}[/]")
        grid.add_row(MARKS[check.state], f"{escape(check.item)}: {escape(check.text)}")
        again = index and check.mend == checks[index - 1].mend
        if check.mend and check.state == "not met" and not again:
            grid.add_row("", f"[cyan]→ {escape(check.mend)}[/]")


def _tests(tests: list[Backtest]) -> Table:
    """One held-out forecast a row."""
    table = make_table("held out", "beyond", "loss error", "inside", "N* error", "inside")
    for test in tests:
        table.add_row(
            text.flops(test.held_out),
            f"{test.beyond:.3g}×",
            text.percent(test.loss_error),
            _yes(test.loss_covered),
            text.percent(test.params_error),
            _yes(test.params_covered),
        )
    return table


def _yes(inside: bool) -> str:
    return "yes" if inside else "[yellow]no[/]"
