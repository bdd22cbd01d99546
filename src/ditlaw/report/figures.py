"""The figures of the laws: loss, N* and D* against FLOPs, and forecasts beside measured runs."""

from typing import Any

import numpy as np

from ditlaw import text
from ditlaw.laws.answers import Curve
from ditlaw.laws.ensemble import Band
from ditlaw.laws.table import FloatArray
from ditlaw.report.axes import Figure, Trace, band, bars, layout, line, log_axis, points, safe
from ditlaw.report.material import Material
from ditlaw.results import Quantity

GRID = 90
DASHES = {"power": "dot", "floor": "dash", "surface": "longdashdot"}


def law_figures(material: Material) -> list[Figure]:
    """Loss, N* and D* against FLOPs, over one grid."""
    curve = material.law.curve(_grid(material))
    return [
        _loss_figure(material, curve),
        _size_figure(material, curve),
        _tokens_figure(material, curve),
    ]


def check_figure(material: Material) -> Figure | None:
    """Every verifying run beside the forecast for its shape; None where there is none."""
    runs = [(c, run) for c in material.checks for run in c.runs]
    if not runs:
        return None
    labels = [f"{safe(r.id)} at {text.flops(r.measured.flops)}" for _, r in runs]
    value = [r.forecast_loss.value for _, r in runs]
    low = [r.forecast_loss.low for _, r in runs]
    high = [r.forecast_loss.high for _, r in runs]
    place = list(range(len(runs)))
    forecast = points(value, place, "forecast for its shape", labels, **_hollow())
    data: list[Trace] = [forecast | {"error_x": bars(value, low, high, "@check") | {"width": 6}}]
    for inside, name, symbol in ((True, "measured, inside", "star"), (False, "measured, outside", "x")):
        chosen = [i for i, (_, r) in enumerate(runs) if r.inside == inside]
        loss = [runs[i][1].measured.loss for i in chosen]
        hover = [f"<b>{labels[i]}</b><br>measured {runs[i][1].measured.loss:.4g}" for i in chosen]
        color = "@good" if inside else "@bad"
        data.append(points(loss, chosen, name, hover, color=color, symbol=symbol, size=13))
    seen = [*value, *(v for v in (*low, *high) if v), *(r.measured.loss for _, r in runs)]
    x = log_axis(material.law.metric, seen, lambda v: f"{v:.4g}", 0.08)
    y = {
        "tickvals": place,
        "ticktext": labels,
        "range": [len(runs) - 0.4, -0.6],
        "automargin": True,
        "gridcolor": "@grid",
        "zeroline": False,
    }
    return {"id": "check", "data": [t for t in data if t["x"]], "layout": layout(x, y)}


def _grid(material: Material) -> FloatArray:
    low, high = material.fit.range.flops
    ends = [high, material.target, *(c.forecast.flops for c in material.checks)]
    grid = np.geomspace(low * 0.8, max(ends) * 1.8, GRID)
    return np.unique([*grid, material.law.largest_flops])


def _halves(material: Material, curve: Curve) -> tuple[FloatArray, FloatArray]:
    """Where the law was fitted, and where it is drawn out; both hold the border."""
    border = material.law.largest_flops
    return np.flatnonzero(curve.flops <= border), np.flatnonzero(curve.flops >= border)


def _central(
    material: Material, curve: Curve, values: FloatArray, hover: list[str], name: str
) -> list[Trace]:
    """The law: solid where fitted, dashed beyond."""
    found = []
    for rows, label, style in zip(
        _halves(material, curve), (name, "extrapolated"), ("solid", "dash"), strict=True
    ):
        said = [hover[i] for i in rows]
        found.append(line(curve.flops[rows], values[rows], label, "@law", said, dash=style))
    return found


def _loss_figure(material: Material, curve: Curve) -> Figure:
    law, level = material.law, f"{material.fit.level:.0%}"
    hover = [
        f"<b>{text.flops(c)} FLOPs</b>, {_hours(material, c)}<br>{safe(law.metric)} {v:.4g}"
        f"<br>law [{a:.4g}, {b:.4g}]<br>one new run [{p:.4g}, {q:.4g}]"
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
    data: list[Trace] = [
        band(curve.flops, curve.run.low, curve.run.high, f"one new run, {level}", "@wide"),
        band(curve.flops, curve.loss.low, curve.loss.high, f"law, {level}", "@band"),
    ]
    for name, values in curve.loss_forms.items():
        style = {"width": 1.1, "dash": DASHES.get(name, "dot")}
        data.append(line(curve.flops, values, f"{safe(name)} form alone", "@muted", **style))
    data += _central(material, curve, curve.loss.value, hover, "law")
    optima = [(b.flops, b.loss_opt) for b in material.fit.budgets if b.loss_opt]
    data += _optima(optima, "best loss of a budget", "loss")
    data += _checks(material)
    data.append(  # an unseen trace: an axis without one is not drawn
        {"x": [material.target], "y": [None], "xaxis": "x2", "showlegend": False, "mode": "markers"}
    )
    seen = np.concatenate([curve.run.low, curve.run.high, *(t["y"] for t in data[-4:-1])])
    y = log_axis(law.metric, seen[seen > 0], lambda v: f"{v:.4g}", 0.03)
    x = log_axis("training FLOPs", curve.flops, text.flops, 0.0)
    top = x | {
        "overlaying": "x",
        "side": "top",
        "matches": "x",
        "ticktext": [text.hours(material.hours(v)) for v in x["tickvals"]],
        "title": {"text": f"time on one {material.answer.gpu}", "standoff": 8},
        "showgrid": False,
    }
    shape = layout(x, y, xaxis2=top, **_ranges(material))
    shape["margin"] = shape["margin"] | {"t": 72}
    return {"id": "loss", "data": data, "layout": shape}


def _size_figure(material: Material, curve: Curve) -> Figure:
    data = _with_band(material, curve, curve.params, "N*")
    for name, values in curve.params_forms.items():
        style = {"width": 1.1, "dash": DASHES.get(name, "dot")}
        data.append(line(curve.flops, values, f"{safe(name)} alone", "@muted", **style))
    optima = [(b.flops, b.params_opt) for b in material.fit.budgets if b.params_opt]
    data += _optima(optima, "best size of a budget", "N*")
    return _power_figure(material, "params", "best params N*", curve, data)


def _tokens_figure(material: Material, curve: Curve) -> Figure:
    data = _with_band(material, curve, curve.tokens, "D*")
    kappa = material.law.kappa

    def tokens(flops: float, params: float | None) -> float | None:
        if params is None:
            return None
        return float(np.exp(kappa.log_tokens(np.log(params), np.log(flops))))

    optima = []
    for b in material.fit.budgets:
        if b.params_opt:
            value, low, high = (
                tokens(b.flops, v)
                for v in (b.params_opt.value, b.params_opt.high, b.params_opt.low)
            )
            assert value is not None
            optima.append(
                (b.flops, Quantity(value=value, low=low, high=high, level=b.params_opt.level))
            )
    data += _optima(optima, "at the best size of a budget", "D*")
    return _power_figure(material, "tokens", "best tokens D*", curve, data)


def _with_band(material: Material, curve: Curve, values: Band, name: str) -> list[Trace]:
    hover = []
    for c, v, a, b in zip(curve.flops, values.value, values.low, values.high, strict=True):
        said = f"<b>{text.flops(c)} FLOPs</b>, {_hours(material, c)}<br>{name} {text.count(v)}"
        said += f" [{text.count(a)}, {text.count(b)}]"
        images = material.images(v) if name == "D*" else None
        hover.append(said + (f"<br>images {text.count(images)}" if images else ""))
    level = f"{material.fit.level:.0%}"
    return [
        band(curve.flops, values.low, values.high, f"{level} interval", "@band"),
        *_central(material, curve, values.value, hover, name),
    ]


def _power_figure(
    material: Material, name: str, title: str, curve: Curve, data: list[Trace]
) -> Figure:
    seen = np.concatenate([np.asarray(t["y"], float) for t in data])
    x = log_axis("training FLOPs", curve.flops, text.flops, 0.0)
    y = log_axis(title, seen, text.count, 0.03)
    return {"id": name, "data": data, "layout": layout(x, y, **_ranges(material))}


def _optima(optima: list[tuple[float, Quantity]], name: str, symbol: str) -> list[Trace]:
    if not optima:
        return []
    form = (lambda v: f"{v:.4g}") if symbol == "loss" else text.count
    x, y = [flops for flops, _ in optima], [q.value for _, q in optima]
    hover = [f"<b>budget {text.flops(c)}</b><br>{symbol} {form(q.value)}" for c, q in optima]
    marks = points(x, y, name, hover, symbol="diamond", size=9, color="@law")
    errors = bars(y, [q.low for _, q in optima], [q.high for _, q in optima], "@law")
    return [marks | {"error_y": errors}]


def _hollow() -> dict[str, Any]:
    return {"symbol": "diamond-open", "size": 12, "color": "@check", "line": {"width": 2}}


def _checks(material: Material) -> list[Trace]:
    """The forecast of the target, frozen ones, and what their runs measured."""
    answers = [c.forecast for c in material.checks]
    if material.check is None:
        answers.append(material.answer)
    hover = [
        f"<b>forecast at {text.flops(a.flops)} FLOPs</b>, {_hours(material, a.flops)}<br>"
        f"{a.loss.value:.4g} [{_bound(a.loss.low)}, {_bound(a.loss.high)}]"
        for a in answers
    ]
    value = [a.loss.value for a in answers]
    name = "frozen forecast" if len(answers) == len(material.checks) else "forecast"
    marks = points([a.flops for a in answers], value, name, hover, **_hollow())
    low, high = [a.loss.low for a in answers], [a.loss.high for a in answers]
    found = [marks | {"error_y": bars(value, low, high, "@check") | {"thickness": 2, "width": 6}}]
    runs = [run for c in material.checks for run in c.runs]
    for inside, name, symbol in ((True, "measured, inside", "star"), (False, "measured, outside", "x")):
        chosen = [r for r in runs if r.inside == inside]
        if chosen:
            said = [f"<b>{safe(r.id)}</b><br>measured {r.measured.loss:.4g}" for r in chosen]
            x, y = [r.measured.flops for r in chosen], [r.measured.loss for r in chosen]
            color = "@good" if inside else "@bad"
            outline = {"line": {"color": "@paper", "width": 1}}
            style = {"symbol": symbol, "size": 13, "color": color}
            found.append(points(x, y, name, said, **style, **outline))
    return found


def _bound(value: float | None) -> str:
    return "?" if value is None else f"{value:.4g}"


def _hours(material: Material, flops: float) -> str:
    return f"{text.hours(material.hours(flops))} of one {material.answer.gpu}"


def _ranges(material: Material) -> dict[str, Any]:
    """The fitted range shaded and named."""
    low, high = material.fit.range.flops[0], material.law.largest_flops
    label = {"showarrow": False, "yref": "paper", "y": 1, "yanchor": "top", "yshift": -3}
    font = {"font": {"color": "@muted", "size": 11}}
    return {
        "shapes": [
            {
                "type": "rect",
                "xref": "x",
                "yref": "paper",
                "x0": low,
                "x1": high,
                "y0": 0,
                "y1": 1,
                "fillcolor": "@shade",
                "line": {"width": 0},
                "layer": "below",
            }
        ],
        "annotations": [
            {"x": float(np.log10(high)), "text": "fitted", "xanchor": "right", **label, **font}
            | {"xshift": -4},
            {"x": float(np.log10(high)), "text": "extrapolated", "xanchor": "left", **label, **font}
            | {"xshift": 4},
        ],
    }
