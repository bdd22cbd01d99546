"""The tables of the page, as rows of cells."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ditlaw import text
from ditlaw.laws.answers import Optimum
from ditlaw.report.material import Material
from ditlaw.results import Forecast, Quantity, known, scaled

Mood = Literal["", "good", "bad"]
MOST_ROWS = 400  # of a table's own rows that are listed


@dataclass(frozen=True)
class Cell:
    """A value, a smaller remark beside it, and whether it is good or bad news."""

    text: str
    small: str = ""
    mood: Mood = ""


@dataclass(frozen=True)
class Table:
    """A caption, column names, rows of cells and which rows stand out; ``left`` aligned columns."""

    caption: str
    columns: list[str]
    rows: list[list[Cell]]
    strong: frozenset[int] = frozenset()
    left: frozenset[int] = frozenset({0})


def interval(q: Quantity | None, form: Callable[[float], str] = text.count) -> Cell:
    """A value with its interval; an unknown bound is a question mark."""
    if q is None:
        return Cell("–")
    return Cell(form(q.value), text.bounds(q, form))


def yes(flag: bool) -> Cell:
    """Inside or outside, in words and colour."""
    return Cell("inside", mood="good") if flag else Cell("outside", mood="bad")


def budget_table(material: Material) -> Table:
    """What a handful of budgets buy, from the fitted range to beyond the target."""
    budgets = _budgets(material)
    answers = [_answer(material, flops) for flops in budgets]
    each = material.law.observations.tokens_per_image()
    rows = []
    for answer in answers:
        tokens = known(answer.tokens)
        row = [Cell(text.flops(answer.flops), _where(answer)), interval(answer.params)]
        if each:
            row.append(interval(scaled(tokens, 1 / each)))
        # One column, one clock: the study's hardware may have changed since an answer was frozen.
        hours = Cell(text.hours(material.hours(answer.flops)))
        rows.append([*row, interval(tokens), interval(answer.loss, text.loss), hours])
    images = ["images"] if each else []
    metric = material.law.metric
    return Table(
        f"Values with {material.fit.level:.0%} intervals; the {metric} is that of one new run at "
        "the best size. The target is in bold.",
        ["FLOPs", "best params", *images, "tokens", metric, f"time, one {material.answer.gpu}"],
        rows,
        strong=frozenset({budgets.index(material.target)}),
    )


def _budgets(material: Material) -> list[float]:
    low = min((b.flops for b in material.fit.budgets), default=material.fit.range.flops[0])
    high = material.law.largest_flops
    checked = [c.forecast.flops for c in material.checks]
    between = [float(f"{np.sqrt(low * high):.2g}")] if high > 1.5 * low else []
    further = float(f"{3 * max(material.target, high):.2g}")
    return sorted({float(f"{low:.3g}"), *between, high, *checked, material.target, further})


def _answer(material: Material, flops: float) -> Forecast | Optimum:
    frozen = [c.forecast for c in material.checks if c.forecast.flops == flops]
    if frozen:
        return frozen[0]
    return material.answer if flops == material.target else material.law.optimum(flops)


def _where(answer: Forecast | Optimum) -> str:
    assert answer.beyond is not None
    return "fitted" if answer.beyond <= 1.005 else f"{answer.beyond:.3g}× beyond"


def check_table(material: Material) -> Table | None:
    """Verifying runs beside the forecasts for their shapes."""
    rows = []
    for check in material.checks:
        for run in check.runs:
            images = material.images(run.measured.tokens)
            rows.append(
                [
                    Cell(run.id, f"seed {run.seed}"),
                    Cell(check.frozen_at.partition("T")[0] or "–"),
                    Cell(text.flops(run.measured.flops), _where(check.forecast)),
                    Cell(text.count(run.measured.params)),
                    Cell("–" if images is None else text.count(images)),
                    interval(run.forecast_loss, text.loss),
                    Cell(text.loss(run.measured.loss)),
                    Cell(text.percent(run.error), f"{run.half_widths:+.1f} half-widths"),
                    yes(run.inside),
                ]
            )
    columns = [
        "run",
        "frozen",
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
            Cell(text.flops(b.flops)),
            Cell("used" if b.status == "ok" else f"not used: {b.status}"),
            Cell(str(b.points)),
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
            Cell("–" if e.loss_error is None else f"{e.loss_error:.2%}"),
            Cell(f"{e.loss_weight:.0%}"),
            Cell("–" if e.params_error is None else f"{e.params_error:.0%}"),
            Cell(f"{e.params_weight:.0%}"),
        ]
        for e in material.fit.evidence
    ]
    columns = ["form", "loss error", "loss weight", "N* error", "N* weight"]
    return Table("Forms: root mean square backtest error, and weight in the mixture", columns, rows)


def backtest_table(material: Material) -> Table | None:
    """Forecasts of held-out budgets."""
    rows = [
        [
            Cell(text.flops(b.held_out)),
            Cell(f"{b.beyond:.3g}×"),
            Cell(text.percent(b.params_error)),
            yes(b.params_covered),
            Cell(text.percent(b.loss_error)),
            yes(b.loss_covered),
        ]
        for b in material.fit.backtest
    ]
    columns = ["held out", "beyond", "N* error", "N* interval", "loss error", "loss interval"]
    caption = "Backtests: each line forecasts a budget from those at least that far below it alone"
    return Table(caption, columns, rows) if rows else None


def dropped_table(material: Material) -> Table | None:
    """Rows that were left out, and why."""
    rows = [[Cell(str(n)), Cell(run), Cell(why)] for run, n, why in material.dropped[:MOST_ROWS]]
    left = frozenset({0, 1, 2})
    return Table("Rows left out", ["row", "run", "why"], rows, left=left) if rows else None
