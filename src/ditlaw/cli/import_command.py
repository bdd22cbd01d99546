"""``ditlaw import``: the command, and its answer for people."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ditlaw.cli.options import Json
from ditlaw.cli.output import emit

if TYPE_CHECKING:
    from rich.console import Console

    from ditlaw.results import ImportResult


def import_(
    exports: Annotated[
        list[Path],
        typer.Argument(
            metavar="EXPORT...",
            help="CSV of Weights & Biases or TensorBoard, event files, a table of other columns.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE.csv", help="The table to write.")],
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=COLUMN,...",
            help="As params=n_params,tokens=Step*batch*256; without, a proposal where one lacks.",
        ),
    ] = None,
    points: Annotated[Literal["last", "all"], typer.Option(help="Of each run's curve.")] = "last",
    as_json: Json = False,
) -> None:
    """Turn trackers' exports into a table of runs.

    Or a table of other columns; all commands read what it writes.
    """
    from ditlaw.foreign import parse_columns
    from ditlaw.foreign.answer import import_exports

    emit(import_exports(exports, out, parse_columns(columns), points), as_json)


def show_import(console: "Console", result: "ImportResult") -> None:
    """The table, what made its columns, and what looks wrong."""
    from rich.markup import escape

    from ditlaw.cli.table_parts import show_notes

    rows = "1 row" if result.rows == 1 else f"{result.rows} rows"
    runs = "1 run" if result.runs == 1 else f"{result.runs} runs"
    console.print(f"{escape(result.out)}: {rows} of {runs}", soft_wrap=True)
    for ours, theirs in result.columns.items():
        console.print(f"  {escape(ours)} is {escape(theirs)}", soft_wrap=True)
    show_notes(console, result.warnings)
    console.print(f"next: ditlaw fit {escape(result.out)}", soft_wrap=True)
