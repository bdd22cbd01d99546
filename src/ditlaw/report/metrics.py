"""Metrics beside the loss: their laws in tables, one of drawn pictures in figures."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ditlaw import text
from ditlaw.metric_laws import FittedMetric, MetricLaws
from ditlaw.observations.metric_names import has_settings, is_drawn
from ditlaw.report.axes import Figure, Trace, layout, log_axis, points, ramp, safe
from ditlaw.report.download import with_download
from ditlaw.report.drawn import metric_curves, span_of
from ditlaw.report.formulas import Formula, metric_formulas
from ditlaw.report.material import Material
from ditlaw.report.rawpoints import run_columns, thinned
from ditlaw.report.tables import Cell, Table, interval
from ditlaw.results import MetricLaw, Note
from ditlaw.tablefile import numbers

THIN = "/30"  # alpha of a band, in hexadecimal


@dataclass(frozen=True)
class MetricsSection:
    """What the section shows; figures are of ``drawn``, the first metric of drawn pictures."""

    laws: Table
    offsets: Table | None
    said: list[str]
    notes: list[Note]
    drawn: str | None
    ranks: str
    figures: list[Figure]
    formulas: list[Formula]


def metrics_section(material: Material) -> MetricsSection | None:
    """The section; None where the table has no metric but the loss."""
    found = material.metric_laws
    if found is None:
        return None
    entries = found.result.metrics
    drawn = next((n for n, f in found.fitted.items() if _can_draw(n, f)), None)
    said = [verdict.text for verdict in found.result.settings]
    said += [f"{e.name}: {e.reason}." for e in entries if e.reason]
    figures: list[Figure] = []
    if drawn is not None:
        figures = [_curves(material, found, drawn), _scatter(material, found, drawn)]
    return MetricsSection(
        laws=_laws(entries, found.result.level),
        offsets=_offsets(entries),
        said=said,
        notes=found.result.warnings,
        drawn=drawn,
        ranks="" if drawn is None else _of_ranks(found.fitted[drawn].entry),
        figures=figures,
        formulas=[] if drawn is None else metric_formulas(found, drawn),
    )


def _laws(entries: list[MetricLaw], level: float) -> Table:
    rows = []
    for entry in entries:
        rank = entry.rank
        rows.append(
            [
                Cell(entry.name, "through the best runs" if entry.basis == "equation" else ""),
                Cell(str(entry.rows)),
                interval(entry.exponent, text.number),
                interval(entry.exponent_difference, _three),
                interval(entry.at_largest, text.number),
                interval(rank.overall if rank else None, _two),
                Cell(
                    "–"
                    if rank is None or rank.within_budgets is None
                    else _two(rank.within_budgets.value)
                ),
            ]
        )
    columns = ["metric", "rows", "exponent in C", "− loss’s", "at the largest budget"]
    columns += ["rank correlation", "in a budget"]
    caption = (
        f"A law for each metric at its own best sizes, {level:.0%} intervals: its mean exponent "
        "over the fitted budgets, that minus the loss’s run by run, and Spearman’s correlation "
        "with the loss"
    )
    return Table(caption, columns, rows)


def _offsets(entries: list[MetricLaw]) -> Table | None:
    rows = [
        [
            Cell(f"{entry.name} − {entry.offset.beside}"),
            interval(entry.offset.at_smallest, _signed),
            interval(entry.offset.at_largest, _signed),
            interval(entry.offset.change, _signed),
            Cell("constant" if entry.offset.constant else "changes"),
        ]
        for entry in entries
        if entry.offset
    ]
    columns = ["offset", "smallest budget", "largest budget", "change", ""]
    caption = "Offsets between curves of one unit, at the best sizes"
    return Table(caption, columns, rows) if rows else None


def _can_draw(name: str, fitted: FittedMetric) -> bool:
    return is_drawn(name) and not has_settings(name) and fitted.entry.basis is not None


def _curves(material: Material, found: MetricLaws, drawn: str) -> Figure:
    """The metric against FLOPs: its best over settings, then each setting, with intervals."""
    span, units = span_of(material), material.units
    curves = list(metric_curves(found, drawn, span))
    traces: list[Trace] = []
    for curve, color in zip(curves, _colors([c.name for c in curves], drawn), strict=True):
        flops, law, name = curve.flops, curve.law, safe(curve.name)
        hover = [
            f"<b>{name}</b><br>{units.said(c)}<br>"
            f"{text.number(v)} [{text.number(a)}, {text.number(b)}]"
            for c, v, a, b in zip(flops, law.value, law.low, law.high, strict=True)
        ]
        shade = "@band" if curve.name == drawn else color + THIN
        bands = span.band(flops, law.low, law.high, f"{name}, interval", shade)
        traces += [trace | {"showlegend": False} for trace in bands]
        lines = span.law(flops, law.value, name, color, hover)
        traces += [lines[0], *(trace | {"showlegend": False} for trace in lines[1:])]
        hover = [
            f"<b>{name}</b><br>best of {units.said(c)}<br>{text.number(v)}"
            for c, v in zip(curve.at, curve.best, strict=True)
        ]
        style: dict[str, Any] = {"color": color, "size": 7}
        at, best = curve.at.tolist(), curve.best.tolist()
        marks = points(at, best, f"{name}, best of a budget", hover, **style)
        traces.append(marks | {"showlegend": False})
    seen = [v for c in curves for v in (c.law.low, c.law.high, c.best)]
    reach = [curve.flops for curve in curves]
    x = units.compute_axis(np.concatenate(reach))
    y = log_axis(drawn, np.concatenate(seen), text.number, 0.04)
    figure = {"id": "metrics", "data": traces, "layout": layout(x, y, **span.shade())}
    return with_download(figure, units)


def _scatter(material: Material, found: MetricLaws, drawn: str) -> Figure:
    """The metric against the loss, a point a row, coloured by budget."""
    frame, units = found.observations.frame, material.units
    values = numbers(frame[drawn])
    frame = frame[(values > 0) & np.isfinite(values)].assign(_value=values)
    frame = thinned(frame)
    budgets = np.unique(frame["budget"].fillna(0.0))
    traces = []
    for budget, color in zip(budgets, ramp(len(budgets)), strict=True):
        rows = frame[frame["budget"].fillna(0.0) == budget]
        hover = [
            f"<b>{safe(row['run'])}</b><br>{units.said(row['flops'])}"
            f"<br>params {text.count(row['params'])}<br>loss {text.loss(row['loss'])}"
            f"<br>{safe(drawn)} {text.number(row['_value'])}"
            for _, row in rows.iterrows()
        ]
        x, y = rows["loss"].tolist(), rows["_value"].tolist()
        style: dict[str, Any] = {"color": color, "size": 7, "opacity": 0.85}
        marks = points(x, y, "runs", hover, run_columns(rows), **style)
        traces.append(marks | (units.named("name", budget) if budget else {}))
    x_axis = log_axis("loss", frame["loss"].to_numpy(dtype=float), text.loss, 0.05)
    y_axis = log_axis(drawn, frame["_value"].to_numpy(dtype=float), text.number, 0.05)
    figure = {"id": "ranks", "data": traces, "layout": layout(x_axis, y_axis)}
    return with_download(figure, units)


def _of_ranks(entry: MetricLaw) -> str:
    """The correlations as a sentence."""
    if entry.rank is None:
        return "Too few rows to rank."
    cell = interval(entry.rank.overall, _two)
    said = f"Rank correlation {cell.text} {cell.small} over {entry.rank.rows} rows"
    if entry.rank.within_budgets:
        cell = interval(entry.rank.within_budgets, _two)
        said += f", {cell.text} {cell.small} within budgets"
    return f"{said}."


def _colors(names: list[str], drawn: str) -> list[str]:
    settings = [name for name in names if name != drawn]
    colors = dict(zip(settings, ramp(len(settings)) if settings else [], strict=True))
    return [colors.get(name, "@law") for name in names]


def _signed(value: float) -> str:
    return f"{value:+.2g}"


def _three(value: float) -> str:
    return f"{value:.3f}"


def _two(value: float) -> str:
    return f"{value:.2f}"
