"""A check of updates over widths as a table made for 80 columns."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ditlaw.cli.table_parts import make_table
from ditlaw.results import CoordinateCheck, CoordinatesResult, PartMoves, StepMove


def show_coordinates(console: Console, result: CoordinatesResult) -> None:
    """A table a family: for each part the steepest slope of its steps, by parametrization."""
    console.print(
        f"[bold]{escape(result.study)}[/]: {result.steps} steps on batches of {result.batch} of "
        f"{escape(result.inputs)}, widths {', '.join(map(str, result.widths))}, "
        f"seeds {', '.join(map(str, result.seeds))}. Slopes of ln(move) against ln(width), the "
        f"steepest of the steps; within ±{result.tolerance:g} is flat.",
        soft_wrap=True,
    )
    families = list(dict.fromkeys(check.family for check in result.checks))
    for family in families:
        checks = [check for check in result.checks if check.family == family]
        console.print(f"\n{_title(checks)}", soft_wrap=True)
        console.print(_table(checks))


def _title(checks: list[CoordinateCheck]) -> str:
    first = checks[0]
    single = f" + {first.single_depth} single" if first.single_depth else ""
    found = ", ".join(f"{check.parametrization} {check.trend}" for check in checks)
    family = f"[bold]{escape(first.family)}[/]"
    return f"{family}, depth {first.depth}{single}, heads of {first.head_size}: {found}"


def _table(checks: list[CoordinateCheck]) -> Table:
    columns = [
        column
        for check in checks
        for column in (check.parametrization.partition(":")[0], "own", " ")
    ]
    table = make_table("part", *columns, left=("part", " "))
    for number, part in enumerate(checks[0].parts):
        cells = []
        for check in checks:
            found = check.parts[number]
            slopes = [_steepest(made, found.trend) for made in (found.moved, found.own)]
            cells += [*slopes, _word(found)]
        table.add_row(escape(part.part), *cells)
    return table


def _steepest(made: list[StepMove], trend: str) -> str:
    """The slope farthest from 0; of a part that grows the largest, where steps differ."""
    slopes = [move.slope for move in made if move.slope is not None]
    if not slopes:
        return "-"
    chosen = {"grows": max, "shrinks": min}.get(trend)
    return f"{chosen(slopes) if chosen else max(slopes, key=abs):+.2f}"


def _word(part: PartMoves) -> str:
    return part.trend if part.trend in ("flat", "still") else f"[bold]{part.trend}[/]"
