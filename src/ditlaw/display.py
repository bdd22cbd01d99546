"""Results in a Python prompt and in a notebook: the tables of the command line, as text or HTML."""

from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ditlaw import text

if TYPE_CHECKING:
    from ditlaw.laws.answers import Optimum
    from ditlaw.observations import Observations
    from ditlaw.results import Result

WIDTH = 100
_COUNTED = {"exact": "as the table counts them", "6nd": "6·params·tokens"}
# Long lines of words wrap; text of the user's is escaped by Rich.
PAGE = '<pre style="white-space: pre-wrap; line-height: 1.3">{code}</pre>'


def result_text(result: Result) -> str | None:
    """A command's answer as it prints it, without colours; None for a part of one."""
    console = _printed(result)
    return None if console is None else console.export_text().rstrip()


def result_html(result: Result) -> str | None:
    """The same as HTML; None for a part of an answer."""
    console = _printed(result)
    return None if console is None else _html(console)


def optimum_text(optimum: Optimum) -> str:
    """A law's answer for one budget as a short table."""
    return _print_optimum(optimum).export_text().rstrip()


def optimum_html(optimum: Optimum) -> str:
    """The same as HTML."""
    return _html(_print_optimum(optimum))


def rows_text(rows: Observations) -> str:
    """How many rows there are, of what, and which were left out."""
    return _print_rows(rows).export_text().rstrip()


def rows_html(rows: Observations) -> str:
    """The same as HTML."""
    return _html(_print_rows(rows))


def _recorder() -> Console:
    # Never straight to the notebook: Rich would print there by itself.
    return Console(
        file=io.StringIO(), record=True, width=WIDTH, highlight=False, force_jupyter=False
    )


def _html(console: Console) -> str:
    return console.export_html(inline_styles=True, code_format=PAGE)


def _printed(result: Result) -> Console | None:
    from ditlaw.cli.tables import can_show, show

    if not can_show(type(result)):
        return None
    console = _recorder()
    show(result, console)
    return console


def _print_rows(rows: Observations) -> Console:
    from ditlaw.observations import SINGLE

    console, frame = _recorder(), rows.frame
    console.print(
        f"[bold]{escape(rows.source)}[/]: {len(frame)} rows of {frame['run'].nunique()} runs, "
        f"{len(rows.dropped)} dropped; FLOPs {_COUNTED[rows.flops_as]}",
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("", "smallest", "largest", "different"):
        table.add_column(name, justify="left" if not name else "right")
    forms = {"params": text.count, "tokens": text.count, "loss": text.loss}
    for column in ("params", "tokens", "flops", "budget", "loss"):
        cells, form = frame[column].dropna(), forms.get(column, text.flops)
        if len(cells):
            table.add_row(column, form(cells.min()), form(cells.max()), str(cells.nunique()))
    console.print(table)
    for column in SINGLE:
        values = sorted(set(frame[column].dropna().map(str))) if column in frame else []
        if len(values) > 1:
            console.print(f"{column}: {escape(', '.join(values))}", soft_wrap=True)
    counted = Counter(d.reason for d in rows.dropped)
    for reason, count in counted.most_common():
        console.print(f"[yellow]dropped[/]: {count} rows, {escape(reason)}", soft_wrap=True)
    return console


def _print_optimum(optimum: Optimum) -> Console:
    console = _recorder()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(f"{text.flops(optimum.flops)} FLOPs")
    table.add_column(f"{optimum.loss.level:.0%} interval, {optimum.beyond:.3g}× the largest fitted")
    table.add_row("params", text.with_interval(optimum.params))
    table.add_row("tokens", text.with_interval(optimum.tokens))
    table.add_row("loss of one new run", text.with_interval(optimum.loss, text.loss))
    table.add_row(
        "loss of the law", f"[{text.loss(optimum.law_low)}, {text.loss(optimum.law_high)}]"
    )
    near = optimum.near_optimal_params
    if near is not None:
        table.add_row(
            f"params within {near.tolerance:.2%}",
            f"{text.count(near.low)} to {text.count(near.high)}",
        )
    console.print(table)
    for note in optimum.warnings:
        console.print(f"[yellow]{note.code}[/]: {escape(note.text)}", soft_wrap=True)
    return console
