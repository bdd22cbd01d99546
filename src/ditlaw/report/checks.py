"""Forecasts beside measured runs: as a figure of their own, and as marks on the loss law."""

from typing import Any

from ditlaw import text
from ditlaw.report.axes import Figure, Trace, bars, layout, log_axis, points, safe
from ditlaw.report.download import with_download
from ditlaw.report.material import Material
from ditlaw.report.tables import interval
from ditlaw.results import Quantity, VerifiedRun, known

OUTCOMES = [(True, "measured, inside", "star", "@good"), (False, "measured, outside", "x", "@bad")]


def check_figure(material: Material) -> Figure | None:
    """Every verifying run beside the forecast for its shape; None where there is none."""
    runs = [run for check in material.checks for run in check.runs]
    if not runs:
        return None
    units = material.units
    labels = [f"{safe(r.id)}<br>at {text.flops(r.measured.flops)}" for r in runs]
    timed = [f"{safe(r.id)}<br>at {units.time(r.measured.flops)}" for r in runs]
    place = [float(i) for i in range(len(runs))]
    forecasts = [r.forecast_loss for r in runs]
    hover = [f"<b>{safe(r.id)}</b><br>forecast {_said(r.forecast_loss)}" for r in runs]
    value = [q.value for q in forecasts]
    ahead = points(value, place, "forecast for its shape", hover, _columns(runs), **_hollow())
    data = [ahead | {"error_x": _bars(forecasts)}]
    for inside, name, symbol, color in OUTCOMES:
        chosen = [i for i, r in enumerate(runs) if r.inside == inside]
        measured = [runs[i].measured.loss for i in chosen]
        mine = [runs[i] for i in chosen]
        told, columns = [_measured(material, run) for run in mine], _columns(mine)
        style = {"symbol": symbol, "size": 13, "color": color}
        data.append(points(measured, [place[i] for i in chosen], name, told, columns, **style))
    seen = [*value, *(r.measured.loss for r in runs)]
    seen += [bound for q in forecasts for bound in (q.low, q.high) if bound is not None]
    y = {
        "tickvals": place,
        "ticktext": labels,
        "units": {"hours": {"ticktext": timed}},
        "column": "place_in_figure",
        "range": [len(runs) - 0.4, -0.6],
        "automargin": True,
        "gridcolor": "@grid",
        "zeroline": False,
    }
    look = layout(log_axis(material.law.metric, seen, text.loss, 0.08), y)
    figure = {"id": "check", "data": [t for t in data if t["x"]], "layout": look}
    return with_download(figure, units)


def check_traces(material: Material) -> list[Trace]:
    """The forecast of the target, frozen ones, and what their runs measured."""
    answers = [c.forecast for c in material.checks]
    if material.check is None:
        answers.append(material.answer)
    hover = [
        f"<b>forecast at {material.units.said(a.flops)}</b><br>{_said(known(a.loss))}"
        for a in answers
    ]
    name = "forecast" if material.check is None else "frozen forecast"
    x, y = [a.flops for a in answers], [known(a.loss).value for a in answers]
    found = [
        points(x, y, name, hover, **_hollow())
        | {"error_y": _bars([known(a.loss) for a in answers])}
    ]
    runs = [run for c in material.checks for run in c.runs]
    for inside, name, symbol, color in OUTCOMES:
        chosen = [r for r in runs if r.inside == inside]
        if chosen:
            hover = [_measured(material, r) for r in chosen]
            x, y = [r.measured.flops for r in chosen], [r.measured.loss for r in chosen]
            style = {"symbol": symbol, "size": 13, "color": color}
            outline = {"line": {"color": "@paper", "width": 1}}
            found.append(points(x, y, name, hover, _columns(chosen), **style, **outline))
    return found


def _measured(material: Material, run: VerifiedRun) -> str:
    seen, low, high = run.measured, run.forecast_loss.low, run.forecast_loss.high
    assert low is not None
    assert high is not None
    return (
        f"<b>{safe(run.id)}</b><br>{material.units.said(seen.flops)}"
        f"<br>measured {safe(material.law.metric)} {text.loss(seen.loss)}"
        f"<br>forecast for its shape [{text.loss(low)}, {text.loss(high)}]"
    )


def _columns(runs: list[VerifiedRun]) -> list[dict[str, Any]]:
    return [
        {"run": r.id, "training_flops": r.measured.flops, "tokens": r.measured.tokens} for r in runs
    ]


def _said(quantity: Quantity) -> str:
    cell = interval(quantity, text.loss)
    return f"{cell.text} {cell.small}"


def _hollow() -> dict[str, Any]:
    return {"symbol": "diamond-open", "size": 12, "color": "@check", "line": {"width": 2}}


def _bars(quantities: list[Quantity]) -> dict[str, Any]:
    value, low, high = ([getattr(q, end) for q in quantities] for end in ("value", "low", "high"))
    return bars(value, low, high, "@check") | {"thickness": 2, "width": 6}
