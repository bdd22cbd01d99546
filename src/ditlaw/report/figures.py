"""The figures of the laws: loss, N* and D* against FLOPs."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ditlaw import text
from ditlaw.laws.answers import Curve
from ditlaw.laws.ensemble import Band
from ditlaw.laws.table import FloatArray
from ditlaw.report.axes import Figure, Trace, band, bars, layout, line, log_axis, points, safe
from ditlaw.report.checks import check_traces, hours_said
from ditlaw.report.drawn import law_curve, optima
from ditlaw.report.material import Material

# Of the forms that are weighed; joint stands in for isoflop, never beside it.
DASHES = {"isoflop": "dot", "joint": "dot", "surface": "longdashdot"}


def law_figures(material: Material) -> list[Figure]:
    """Loss, N* and D* against FLOPs, over one grid."""
    curve = law_curve(material)
    return [
        _loss_figure(material, curve),
        _size_figure(material, curve),
        _tokens_figure(material, curve),
    ]


def _loss_figure(material: Material, curve: Curve) -> Figure:
    law, level = material.law, f"{material.fit.level:.0%}"
    hover = [
        f"<b>{text.flops(c)} FLOPs</b>, {hours_said(material, c)}<br>"
        f"{safe(law.metric)} {text.loss(v)}<br>law [{text.loss(a)}, {text.loss(b)}]<br>"
        f"one new run [{text.loss(p)}, {text.loss(q)}]"
        for c, v, a, b, p, q in zip(
            curve.flops,
            curve.loss.value,
            curve.loss.low,
            curve.loss.high,
            curve.run.low,
            curve.run.high,
            strict=True,
        )
    ]
    weights = {e.form: e.loss_weight for e in material.fit.evidence}
    flops, best = optima(material)
    data: list[Trace] = [
        band(curve.flops, curve.run.low, curve.run.high, f"one new run, {level}", "@wide"),
        band(curve.flops, curve.loss.low, curve.loss.high, f"law, {level}", "@band"),
        *_forms(curve.flops, curve.loss_forms, weights),
        *_central(material, curve, curve.loss.value, hover, "law"),
        *_marks(flops, best["loss"], safe(law.metric), text.loss),
        *check_traces(material),
    ]
    seen = [t["y"] for t in data if t["mode"] == "markers"]
    shown = np.concatenate([curve.run.low, curve.run.high, *seen])
    y = log_axis(law.metric, shown, text.loss, 0.03)
    x = log_axis("training FLOPs", curve.flops, text.flops, 0.0)
    top = x | {
        "overlaying": "x",
        "side": "top",
        "matches": "x",
        "ticktext": [text.hours(material.hours(v)) for v in x["tickvals"]],
        "title": x["title"] | {"text": f"time on one {material.answer.gpu}"},
        "showgrid": False,
    }
    data.append(  # an axis without a trace is not drawn; this one is unseen
        {"x": [material.target], "y": [None], "xaxis": "x2", "showlegend": False, "mode": "markers"}
    )
    look = layout(x, y, xaxis2=top, **_ranges(material))
    look["margin"] = look["margin"] | {"t": 72}
    return {"id": "loss", "data": data, "layout": look}


def _size_figure(material: Material, curve: Curve) -> Figure:
    weights = {e.form: e.params_weight for e in material.fit.evidence}
    forms = _forms(curve.flops, curve.params_forms, weights)
    return _power_figure(material, "params", "best params N*", curve, curve.params, forms)


def _tokens_figure(material: Material, curve: Curve) -> Figure:
    return _power_figure(material, "tokens", "best tokens D*", curve, curve.tokens, [])


def _power_figure(
    material: Material, name: str, title: str, curve: Curve, values: Band, forms: list[Trace]
) -> Figure:
    short = title.split()[-1]
    hover = []
    for c, v, a, b in zip(curve.flops, values.value, values.low, values.high, strict=True):
        said = f"<b>{text.flops(c)} FLOPs</b>, {hours_said(material, c)}<br>{short} {text.count(v)}"
        said += f" [{text.count(a)}, {text.count(b)}]"
        images = material.images(v) if name == "tokens" else None
        hover.append(said + (f"<br>images {text.count(images)}" if images else ""))
    flops, best = optima(material)
    data: list[Trace] = [
        band(curve.flops, values.low, values.high, f"{material.fit.level:.0%} interval", "@band"),
        *forms,
        *_central(material, curve, values.value, hover, short),
        *_marks(flops, best[name], short, text.count),
    ]
    seen = [values.low, values.high, best[name].low, best[name].high]
    x = log_axis("training FLOPs", curve.flops, text.flops, 0.0)
    y = log_axis(title, np.concatenate(seen), text.count, 0.03)
    return {"id": name, "data": data, "layout": layout(x, y, **_ranges(material))}


def _forms(
    flops: FloatArray, forms: dict[str, FloatArray], weights: dict[str, float]
) -> list[Trace]:
    """Each form alone as a thin line; its weight in the mixture is in its name.

    Where there is one form it is the law itself, and has no line of its own.
    """
    found: list[Trace] = []
    if len(forms) == 1:
        return found
    for form, values in forms.items():
        name = f"{safe(form)} alone ({weights.get(form, 0):.0%})"
        found.append(line(flops, values, name, "@muted", width=1.1, dash=DASHES[form]))
    return found


def _central(
    material: Material, curve: Curve, values: FloatArray, hover: list[str], name: str
) -> list[Trace]:
    """The law: solid where fitted, dashed beyond."""
    border = material.law.largest_flops
    halves = [(curve.flops <= border, name, "solid"), (curve.flops >= border, "beyond", "dash")]
    found = []
    for mask, label, dash in halves:
        said = [hover[i] for i in np.flatnonzero(mask)]
        trace = line(curve.flops[mask], values[mask], label, "@law", said, dash=dash)
        found.append(trace | {"legendrank": 900})
    return found


def _marks(flops: FloatArray, best: Band, name: str, form: Callable[[float], str]) -> list[Trace]:
    if not len(flops):
        return []
    hover = [
        f"<b>best of {text.flops(c)} FLOPs</b><br>{name} {form(v)} [{form(a)}, {form(b)}]"
        for c, v, a, b in zip(flops, best.value, best.low, best.high, strict=True)
    ]
    value, low, high = best.value.tolist(), best.low.tolist(), best.high.tolist()
    marks = points(
        flops.tolist(), value, "best of a budget", hover, symbol="diamond", size=9, color="@law"
    )
    return [marks | {"error_y": bars(value, low, high, "@law")}]


def _ranges(material: Material) -> dict[str, Any]:
    """The fitted range shaded and named."""
    low, high = material.fit.range.flops[0], material.law.largest_flops
    box = {"type": "rect", "xref": "x", "yref": "paper", "y0": 0, "y1": 1, "layer": "below"}
    label = {
        "x": float(np.log10(high)),
        "y": 1,
        "yref": "paper",
        "yanchor": "top",
        "yshift": -3,
        "showarrow": False,
        "font": {"color": "@muted", "size": 11},
    }
    return {
        "shapes": [{**box, "x0": low, "x1": high, "fillcolor": "@shade", "line": {"width": 0}}],
        "annotations": [
            {**label, "text": "fitted", "xanchor": "right", "xshift": -4},
            {**label, "text": "extrapolated", "xanchor": "left", "xshift": 4},
        ],
    }
