"""The figures of the laws: loss, N* and D* against FLOPs."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ditlaw import text
from ditlaw.laws.answers import Curve
from ditlaw.laws.ensemble import Band
from ditlaw.laws.table import FloatArray
from ditlaw.report.axes import Figure, Trace, bars, layout, line, log_axis, points, safe
from ditlaw.report.checks import check_traces
from ditlaw.report.download import with_download
from ditlaw.report.drawn import law_curve, optima, span_of
from ditlaw.report.material import Material
from ditlaw.report.rawpoints import run_trace
from ditlaw.report.spans import Span

# Of the forms that are weighed; joint stands in for isoflop, never beside it.
DASHES = {"isoflop": "dot", "joint": "dot", "surface": "longdashdot"}
WHOLE = 0.995  # a weight that reads as 100%


def law_figures(material: Material) -> list[Figure]:
    """Loss, N* and D* against FLOPs, over one grid."""
    span = span_of(material)
    curve = law_curve(material)
    made = [
        _loss_figure(material, span, curve),
        _size_figure(material, span, curve),
        _tokens_figure(material, span, curve),
    ]
    return [with_download(figure, material.units) for figure in made]


def _loss_figure(material: Material, span: Span, curve: Curve) -> Figure:
    law, level = material.law, f"{material.fit.level:.0%}"
    loss, run = curve.loss, curve.run
    hover = [
        f"<b>{material.units.said(c)}</b><br>"
        f"{safe(law.metric)} {text.loss(v)}<br>law [{text.loss(a)}, {text.loss(b)}]<br>"
        f"one new run [{text.loss(p)}, {text.loss(q)}]"
        for c, v, a, b, p, q in zip(
            span.flops, loss.value, loss.low, loss.high, run.low, run.high, strict=True
        )
    ]
    weights = {e.form: e.loss_weight for e in material.fit.evidence}
    data: list[Trace] = [
        *span.band(span.flops, run.low, run.high, f"one new run, {level}", "@wide"),
        *span.band(span.flops, loss.low, loss.high, f"law, {level}", "@band"),
        *_forms(span.flops, curve.loss_forms, weights),
        *span.law(span.flops, loss.value, "law", "@law", hover),
        run_trace(material),
        *_marks(material, "loss", safe(law.metric), text.loss),
        *check_traces(material),
    ]
    seen = [t["y"] for t in data if t["mode"] == "markers"]
    y = log_axis(law.metric, np.concatenate([run.low, run.high, *seen]), text.loss, 0.03)
    x = material.units.compute_axis(span.flops)
    return {"id": "loss", "data": data, "layout": layout(x, y, **span.shade())}


def _size_figure(material: Material, span: Span, curve: Curve) -> Figure:
    weights = {e.form: e.params_weight for e in material.fit.evidence}
    forms = _forms(span.flops, curve.params_forms, weights)

    data = _power_traces(material, span, "params", "N*", text.count, curve.params, forms)
    y = log_axis("best params N*", _reach(material, "params", curve.params), text.count, 0.03)
    look = layout(material.units.compute_axis(span.flops), y | {"column": "params"}, **span.shade())
    return {"id": "params", "data": data, "layout": look}


def _tokens_figure(material: Material, span: Span, curve: Curve) -> Figure:
    units = material.units
    data = _power_traces(material, span, "tokens", "D*", units.samples, curve.tokens, [])
    y = units.tokens_axis("best training data D*", _reach(material, "tokens", curve.tokens), 0.03)
    look = layout(units.compute_axis(span.flops), y, **span.shade())
    return {"id": "tokens", "data": data, "layout": look}


def _power_traces(
    material: Material,
    span: Span,
    name: str,
    short: str,
    form: Callable[[float], str],
    values: Band,
    forms: list[Trace],
) -> list[Trace]:
    flops = span.flops
    hover = [
        f"<b>{material.units.said(c)}</b><br>{short} {form(v)}<br>[{form(a)}, {form(b)}]"
        for c, v, a, b in zip(flops, values.value, values.low, values.high, strict=True)
    ]
    interval = f"{material.fit.level:.0%} interval"
    return [
        *span.band(flops, values.low, values.high, interval, "@band"),
        *forms,
        *span.law(flops, values.value, short, "@law", hover),
        *_marks(material, name, short, form),
    ]


def _reach(material: Material, name: str, values: Band) -> FloatArray:
    """All that an axis must hold."""
    best = optima(material)[1][name]
    return np.concatenate([values.low, values.high, best.low, best.high])


def _forms(
    flops: FloatArray, forms: dict[str, FloatArray], weights: dict[str, float]
) -> list[Trace]:
    """Each form alone as a thin line; its weight in the mixture is in its name.

    A form that has all the weight is the law itself, and has no line of its own.
    """
    found: list[Trace] = []
    if len(forms) == 1:
        return found
    for form, values in forms.items():
        if weights.get(form, 0) >= WHOLE:
            continue
        name = f"{safe(form)} alone ({weights.get(form, 0):.0%})"
        found.append(line(flops, values, name, "@muted", width=1.1, dash=DASHES[form]))
    return found


def _marks(
    material: Material, quantity: str, name: str, form: Callable[[float], str]
) -> list[Trace]:
    """The budgets' minima with their intervals."""
    flops, minima = optima(material)
    if not len(flops):
        return []
    best = minima[quantity]
    hover = [
        f"<b>best of {material.units.said(c)}</b><br>{name} {form(v)}<br>[{form(a)}, {form(b)}]"
        for c, v, a, b in zip(flops, best.value, best.low, best.high, strict=True)
    ]
    value, low, high = best.value.tolist(), best.low.tolist(), best.high.tolist()
    style: dict[str, Any] = {"symbol": "diamond", "size": 9, "color": "@law"}
    marks = points(flops.tolist(), value, "best of a budget", hover, **style)
    return [marks | {"error_y": bars(value, low, high, "@law")}]
