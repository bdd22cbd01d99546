"""The tables of the page, as rows of cells."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from ditlaw import text
from ditlaw.report.budget_grid import Bought, BudgetGrid
from ditlaw.report.material import Material
from ditlaw.results import Quantity

Mood = Literal["", "good", "bad"]
MOST_ROWS = 700  # of a table's own rows that are listed


@dataclass(frozen=True)
class Cell:
    """A value, a smaller remark beside it, and whether it is good or bad news.

    ``value``, ``low`` and ``high`` are the number itself and its interval, for sorting and CSV.
    """

    text: str
    small: str = ""
    mood: Mood = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Table:
    """A caption, column names, rows of cells and which rows stand out; ``left`` aligned columns.

    ``kinds`` names what each row is, where a reader may choose among them; such a table sorts too.
    ``saved_as`` names columns in the CSV, where their numbers have a unit that the words differ in.
    """

    caption: str
    columns: list[str]
    rows: list[list[Cell]]
    strong: frozenset[int] = frozenset()
    left: frozenset[int] = frozenset({0})
    kinds: list[str] = field(default_factory=list)
    saved_as: dict[str, str] = field(default_factory=dict)


def interval(q: Quantity | None, form: Callable[[float], str] = text.count) -> Cell:
    """A value with its interval; an unknown bound is a question mark."""
    if q is None:
        return Cell("–")
    unknown = q.low is None and q.high is None
    small = "" if unknown else text.bounds(q, form)
    return Cell(form(q.value), small, value=q.value, low=q.low, high=q.high)


def number(value: float | None, form: Callable[[float], str], small: str = "") -> Cell:
    """A number without an interval; a dash where there is none."""
    if value is None or value != value:
        return Cell("–", small)
    return Cell(form(value), small, value=float(value))


def yes(flag: bool) -> Cell:
    """Inside or outside, in words and colour."""
    return Cell("inside", mood="good") if flag else Cell("outside", mood="bad")


def budget_table(grid: BudgetGrid) -> Table:
    """What a handful of budgets buy, from the fitted range to beyond the target."""
    material = grid.material
    hours = next(row for row in grid.bought if row.name == "hours")
    exact = all(q is None or q.low is None for q in hours.at)
    time = "Time is FLOPs ÷ (peak × MFU), so it has no interval. " if exact else ""
    caption = (
        f"Values with {material.law.level:.0%} intervals; the {material.law.metric} is that of one "
        f"new run at the best size. {time}The target is in bold."
    )
    return _bought(grid, caption, [row for row in grid.bought if not row.is_metric])


def budget_metric_table(grid: BudgetGrid) -> Table | None:
    """The other metrics at the same budgets; None where there are none."""
    rows = [row for row in grid.bought if row.is_metric]
    level = grid.material.law.level
    caption = f"Other metrics of one new run at the best size, {level:.0%} intervals"
    return _bought(grid, caption, rows) if rows else None


def _bought(grid: BudgetGrid, caption: str, columns: list[Bought]) -> Table:
    rows = []
    for flops in grid.handful:
        at = grid.flops.index(flops)
        cells = [interval(column.at[at], column.written) for column in columns]
        rows.append([number(flops, text.flops, where(flops / grid.material.law.largest_flops))])
        rows[-1] += cells
    strong = frozenset({grid.handful.index(grid.material.target)})
    hours = {c.label: c.label.replace("time", "hours") for c in columns if c.form == "hours"}
    names = ["FLOPs", *(column.label for column in columns)]
    return Table(caption, names, rows, strong, saved_as=hours)


def where(beyond: float) -> str:
    """Whether a budget lies in the fitted range, and how far beyond it else."""
    return "fitted" if beyond <= 1.005 else f"{beyond:.3g}× beyond"


def check_table(material: Material) -> Table | None:
    """Verifying runs beside the forecasts for their shapes."""
    rows = []
    for check in material.checks:
        for run in check.runs:
            far = run.measured.flops / material.law.largest_flops
            rows.append(
                [
                    Cell(run.id, f"seed {run.seed}"),
                    number(run.measured.flops, text.flops, where(far)),
                    number(run.measured.params, text.count),
                    number(material.images(run.measured.tokens), text.count),
                    interval(run.forecast_loss, text.loss),
                    number(run.measured.loss, text.loss),
                    number(run.error, text.percent, f"{run.half_widths:+.1f} half-widths"),
                    yes(run.inside),
                ]
            )
    columns = [
        "run",
        "FLOPs",
        "params",
        "images",
        "forecast for its shape",
        "measured",
        "error",
        "result",
    ]
    return (
        Table("Each verifying run beside the forecast for its shape", columns, rows)
        if rows
        else None
    )


def optimum_table(material: Material) -> Table | None:
    """The minimum of each budget."""
    rows = [
        [
            number(b.flops, text.flops),
            Cell("used" if b.status == "ok" else f"not used: {b.status}"),
            number(b.points, str),
            interval(b.params_opt),
            interval(b.loss_opt, text.loss),
        ]
        for b in material.fit.budgets
    ]
    columns = ["budget", "status", "points", "N*", material.law.metric]
    caption = "The minimum of each isoFLOP curve"
    return Table(caption, columns, rows, left=frozenset({0, 1})) if rows else None


def evidence_table(material: Material) -> Table:
    """How each form did in the backtests, and its say."""
    rows = [
        [
            Cell(e.form),
            number(e.loss_error, "{:.2%}".format),
            number(e.loss_weight, "{:.0%}".format),
            number(e.params_error, "{:.0%}".format),
            number(e.params_weight, "{:.0%}".format),
        ]
        for e in material.fit.evidence
    ]
    columns = ["form", "loss error", "loss weight", "N* error", "N* weight"]
    return Table("Forms: root mean square backtest error, and weight in the mixture", columns, rows)


def backtest_table(material: Material) -> Table | None:
    """Forecasts of held-out budgets."""
    rows = [
        [
            number(b.held_out, text.flops),
            number(b.beyond, "{:.3g}×".format),
            number(b.params_error, text.percent),
            yes(b.params_covered),
            number(b.loss_error, text.percent),
            yes(b.loss_covered),
        ]
        for b in material.fit.backtest
    ]
    columns = ["held out", "beyond", "N* error", "N* interval", "loss error", "loss interval"]
    caption = "Backtests: each line forecasts a budget from those at least that far below it alone"
    return Table(caption, columns, rows) if rows else None


def dropped_table(material: Material) -> Table | None:
    """Rows that were left out, and why."""
    rows = [[number(n, str), Cell(run), Cell(why)] for run, n, why in material.dropped[:MOST_ROWS]]
    left = frozenset({0, 1, 2})
    return Table("Rows left out", ["row", "run", "why"], rows, left=left) if rows else None
