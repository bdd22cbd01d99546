"""The laws of metrics as terminal tables, made for 80 columns."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ditlaw import text
from ditlaw.cli.table_parts import make_table, show_notes
from ditlaw.results import MetricLaw, MetricsResult, Quantity


def show_metrics(console: Console, result: MetricsResult) -> None:
    """Exponents, values and ranks, offsets; then what has no law, and the notes."""
    console.print(
        f"[bold]{escape(result.source)}[/]: {result.level:.0%} intervals\n", soft_wrap=True
    )
    table = _table("metric", "rows", "exponent in C", "− loss's, paired")
    for entry in result.metrics:
        table.add_row(
            escape(entry.name) + (" *" if entry.basis == "equation" else ""),
            str(entry.rows),
            text.with_interval(entry.exponent, text.number),
            text.with_interval(entry.exponent_difference, _three),
        )
    console.print(table)
    console.print()
    table = _table("metric", "at the largest budget", "rank with loss", "within")
    for entry in result.metrics:
        rank = entry.rank
        within = rank.within_budgets if rank else None
        table.add_row(
            escape(entry.name),
            text.with_interval(entry.at_largest, text.number),
            text.with_interval(rank.overall if rank else None, _two),
            "-" if within is None else _two(within.value),
        )
    console.print(table)
    others = [entry for entry in result.metrics if entry.name != "loss"]
    _offsets(console, others)
    for verdict in result.settings:
        console.print(f"\n{escape(verdict.text)}", soft_wrap=True)
    starred = [entry for entry in result.metrics if entry.basis == "equation"]
    if starred:
        console.print("\n* a power law through the run of least loss at each budget")
    for entry in result.metrics:
        if entry.reason:
            console.print(f"{escape(entry.name)}: {escape(entry.reason)}", soft_wrap=True)
    show_notes(console, result.warnings)


def _offsets(console: Console, others: list[MetricLaw]) -> None:
    found = [(entry.name, entry.offset) for entry in others if entry.offset]
    if not found:
        return
    console.print("\noffset from the loss (of nll from vlb) at the best sizes")
    table = _table("metric", "at the largest budget", "from the smallest to it", "")
    table.columns[-1].justify = "left"
    for name, offset in found:
        table.add_row(
            escape(name),
            _signed(offset.at_largest),
            _signed(offset.change),
            "constant" if offset.constant else "changes",
        )
    console.print(table)


def _table(*columns: str) -> Table:
    """Numbers stay whole; where a name leaves no room it goes on in a second line."""
    table = make_table(*columns, left=("metric",))
    for column in table.columns[1:]:
        column.no_wrap = True
    return table


def _signed(quantity: Quantity) -> str:
    """Two digits, and no more than four decimals; the value with its sign."""

    def form(value: float) -> str:
        return f"{value:.2g}" if abs(value) >= 0.00995 else f"{value:.4f}"

    sign = "+" if quantity.value > 0 else ""
    return sign + text.with_interval(quantity, form)


def _two(value: float) -> str:
    return f"{value:.2f}"


def _three(value: float) -> str:
    return f"{value:.3f}"
