"""Depth, width and other axes at fixed FLOPs: which ratios are within tolerance, in a figure."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ditlaw import text
from ditlaw.aspect import ShapeStudy, words
from ditlaw.aspect.fit import GRID, ShapeFit
from ditlaw.report.axes import Figure, Trace, band, layout, line, log_axis, points, ramp, safe
from ditlaw.report.download import with_download
from ditlaw.report.formulas import Formula, shape_formula
from ditlaw.report.rawpoints import run_columns
from ditlaw.report.tables import Cell, Table, interval
from ditlaw.report.units import Units
from ditlaw.results import Note, RatioRange, ShapeAxis, ShapeLaw
from ditlaw.results.shapes import Standing
from ditlaw.study import hardware_of

THIN = "/28"  # alpha of the largest budget's band, in hexadecimal
MOODS: dict[Standing, Literal["", "good", "bad"]] = {
    "within": "good",
    "worse": "bad",
    "undecided": "",
}


@dataclass(frozen=True)
class ShapesSection:
    """What the section shows: sentences, the budgets, the ratios tried, each axis, the figure."""

    said: list[str]
    tolerance: str
    budgets: Table | None
    tried: Table | None
    axes: list[Table]
    notes: list[Note]
    figures: list[Figure]
    formulas: list[Formula]


def shapes_section(study: ShapeStudy | None) -> ShapesSection | None:
    """The section; None where the table is no shape study."""
    if study is None:
        return None
    result, law = study.result, study.result.law
    said = [] if law is None else [words.within(law.budgets[-1], result.tolerance), _says(law)]
    return ShapesSection(
        said=[*said, *(axis.text for axis in result.axes)],
        tolerance=text.share(result.tolerance),
        budgets=None if law is None else _budgets(law, result.level, result.tolerance),
        tried=None if law is None else _tried(law),
        axes=[_axis(axis, result.metric) for axis in result.axes],
        notes=result.warnings,
        figures=[] if study.fit is None else [_figure(study, study.fit)],
        formulas=[] if study.fit is None else [shape_formula(study.fit, result.level)],
    )


def _says(law: ShapeLaw) -> str:
    exponents = [
        f"{name} {text.with_interval(found.exponent, _two)}"
        for name, found in (
            ("width/depth", law.ratio),
            ("depth", law.depth),
            ("width", law.width),
        )
        if found is not None
    ]
    grow = f" Exponents in C of the best: {', '.join(exponents)}." if exponents else ""
    return words.evidence(law) + grow


def _budgets(law: ShapeLaw, level: float, tolerance: float) -> Table:
    rows = [
        [
            Cell(text.flops(budget.flops)),
            interval(budget.best_ratio, words.ratio),
            _range(budget.within),
            interval(budget.best_depth, text.number),
            interval(budget.best_width, text.number),
            interval(budget.best_params),
        ]
        for budget in law.budgets
    ]
    within = f"within {text.share(tolerance)}"
    columns = ["FLOPs", "best width/depth", within, "best depth", "best width", "best params"]
    caption = (
        f"The best shape of each budget, {level:.0%} intervals; * and ? where only the edge of "
        "what was tried bounds it"
    )
    return Table(caption, columns, rows)


def _range(found: RatioRange) -> Cell:
    low, high = words.ratio(found.low.value), words.ratio(found.high.value)
    bounds = f"{text.bounds(found.low, words.ratio)}, {text.bounds(found.high, words.ratio)}"
    return Cell(f"{low}{'*' * found.low_at_edge} to {high}{'*' * found.high_at_edge}", bounds)


def _tried(law: ShapeLaw) -> Table:
    largest = law.budgets[-1]
    rows = [
        [
            Cell(words.ratio(tried.ratio)),
            Cell(str(tried.runs)),
            interval(tried.regret, _percent),
            _verdict(tried.standing),
        ]
        for tried in largest.tried
    ]
    caption = f"What each ratio gives away at {text.flops(largest.flops)} FLOPs at its best size"
    return Table(caption, ["width/depth", "runs", "above the best, %", ""], rows)


def _axis(axis: ShapeAxis, metric: str) -> Table:
    rows = []
    for budget in axis.budgets:
        for i, value in enumerate(budget.values):
            rows.append(
                [
                    Cell("" if i else text.flops(budget.flops)),
                    Cell(value.value, "" if i else words.BASES[budget.basis]),
                    Cell(text.loss(value.loss)),
                    interval(value.difference, _percent) if i else Cell("–"),
                    _verdict(value.standing) if i else Cell("best"),
                ]
            )
    columns = ["FLOPs", axis.axis, metric, "above the best, %", ""]
    return Table(f"{axis.axis} at fixed FLOPs, all else matched", columns, rows)


def _verdict(standing: Standing) -> Cell:
    told = "within tolerance" if standing == "within" else standing
    return Cell(told, mood=MOODS[standing])


def _figure(study: ShapeStudy, fit: ShapeFit) -> Figure:
    """Loss above the best ratio's against width/depth: the law, and runs as it leaves them."""
    design, count = fit.design, len(fit.design.t)
    observations = study.shapes.observations
    hardware = hardware_of(observations.study)
    units = Units(hardware.gpu, hardware.mfu, observations.tokens_per_image())
    grid = np.linspace(design.low, design.high, GRID // 4 + 1)
    curves, rows = fit.above_best(grid), fit.above_best(np.repeat(design.y[:, None], count, axis=1))
    level, tolerance = study.result.level, study.result.tolerance
    seen = np.exp(np.concatenate([design.y, grid.ravel()]) + design.middle)
    data: list[Trace] = []
    shown = [np.array([0.0, 150 * tolerance])]
    frame = study.shapes.frame.iloc[design.rows]
    for i, color in enumerate(ramp(count)):
        budget, at = float(np.exp(design.log_c[i])), np.exp(grid[:, i] + design.middle)
        name = f"{text.flops(budget)} FLOPs"
        above = 100 * np.expm1(curves[:, :, i])
        if i == count - 1:
            low, high = np.quantile(above[1:], [(1 - level) / 2, (1 + level) / 2], axis=0)
            told = units.named("name", budget, f"{{}}, {level:.0%}".format)
            data.append(band(at, low, high, name, color + THIN) | told)
            shown.append(high)
        hover = [
            f"<b>{name}</b><br>width/depth {words.ratio(r)}<br>{v:.2f} % above the best"
            for r, v in zip(at, above[0], strict=True)
        ]
        data.append(line(at, above[0], name, color, hover) | units.named("name", budget))
        mine = np.flatnonzero(design.group == i)
        left = 100 * np.expm1(rows[0, mine, i] + fit.with_shape.residual[mine])
        hover = [
            f"<b>{safe(row['run'])}</b><br>depth {row['depth']:g}, width {row['width']:g}"
            f"<br>params {text.count(row['params'])}"
            f"<br>{safe(study.result.metric)} {text.loss(row[study.result.metric])}"
            for _, row in frame.iloc[mine].iterrows()
        ]
        x = np.exp(design.y[mine] + design.middle)
        data.append(
            points(
                x.tolist(),
                left.tolist(),
                f"runs at {name}",
                hover,
                run_columns(frame.iloc[mine]),
                color=color,
                size=6,
                opacity=0.7,
            )
            | {"showlegend": False}
        )
        shown += [above[0], left]
    x_axis = log_axis("width/depth", seen, words.ratio, 0.04)
    heights = np.concatenate(shown)
    margin = 0.04 * float(np.ptp(heights))
    look = {k: v for k, v in x_axis.items() if k not in ("type", "range", "tickvals", "ticktext")}
    y_axis = look | {
        "column": f"{study.result.metric}_above_best_percent",
        "range": [float(heights.min()) - margin, float(heights.max()) + margin],
        "title": x_axis["title"] | {"text": f"{study.result.metric} above the best, %"},
    }
    box = {
        "type": "rect",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "layer": "below",
        "line": {"width": 0},
    }
    shade = {**box, "y0": 0, "y1": 100 * tolerance, "fillcolor": "@shade"}
    label = {
        "text": f"within {text.share(tolerance)}",
        "xref": "paper",
        "x": 0.995,
        "xanchor": "right",
        "y": 100 * tolerance,
        "yanchor": "top",
        "showarrow": False,
        "font": {"color": "@muted", "size": 11},
    }
    found = layout(x_axis, y_axis, shapes=[shade], annotations=[label])
    return with_download({"id": "shapes", "data": data, "layout": found}, units)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2f}"


def _two(value: float) -> str:
    return f"{value:.2f}"
