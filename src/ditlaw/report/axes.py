"""Shared parts of the figures: log axes with readable ticks, bands, colours, safe labels.

Colours are names such as ``@ink`` under keys that end in ``color``; ``figures.js`` puts in those of
the light or dark theme. ``@ramp:0.5`` lies half along the theme's ramp from small to large budgets,
``@kind:1`` is the second of its colours for things without an order; ``/30`` after it is an alpha.
"""

import html
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ditlaw.laws.table import FloatArray

Trace = dict[str, Any]
Figure = dict[str, Any]
MULTIPLES: list[list[float]] = [
    [1, 1.5, 2, 3, 4, 5, 6, 8],
    [1, 1.5, 2, 3, 5, 7],
    [1, 2, 5],
    [1, 3],
    [1],
]
NARROW = 2.2  # high ÷ low below which a log axis has evenly spaced ticks


def safe(label: object) -> str:
    """User text for a Plotly label, whose ``<b>`` and ``<a>`` would otherwise be obeyed."""
    return html.escape(str(label), quote=False)


def ramp(count: int) -> list[str]:
    """``count`` colours along the ramp of budgets."""
    at = np.linspace(0, 1, count) if count != 1 else [0.5]
    return [f"@ramp:{place:.3g}" for place in at]


def log_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers between low and high: at most ``most``, and at least two if there are any."""
    if high < NARROW * low:
        return _even_ticks(low, high)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for multiples in MULTIPLES:
        found = [m * 10.0**d for d in decades for m in multiples]
        found = [v for v in found if low <= v <= high]
        if len(found) <= most:
            return found
    return found[:: math.ceil(len(found) / most)]


def _even_ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / 6.5
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(m * scale for m in (1, 2, 2.5, 5, 10) if m * scale >= rough)
    return [round(i * step, 12) for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def log_axis(
    title: str, values: Sequence[float] | FloatArray, form: Callable[[float], str], pad: float
) -> dict[str, Any]:
    """A log axis that spans values, widened by ``pad`` of the span on both sides."""
    logs = np.log10(np.asarray(values, float))
    margin = pad * max(float(np.ptp(logs)), 0.02)
    low, high = float(logs.min()) - margin, float(logs.max()) + margin
    ticks = log_ticks(10**low, 10**high)
    return {
        "column": title.replace(" ", "_"),
        "type": "log",
        "range": [low, high],
        "tickvals": ticks,
        "ticktext": [form(v) for v in ticks],
        "title": {"text": title, "standoff": 10, "font": {"size": 13}},
        "gridcolor": "@grid",
        "linecolor": "@line",
        "tickcolor": "@line",
        "ticks": "outside",
        "showline": True,
        "zeroline": False,
        "automargin": True,
    }


def layout(x: dict[str, Any], y: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The common look."""
    return {
        "xaxis": x,
        "yaxis": y,
        "font": {"color": "@ink", "size": 12.5, "family": "system-ui, sans-serif"},
        "paper_bgcolor": "@clear",
        "plot_bgcolor": "@clear",
        "margin": {"l": 64, "r": 24, "t": 16, "b": 56},
        "hoverlabel": {"bgcolor": "@paper", "bordercolor": "@line", "font": {"color": "@ink"}},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 0,
            "yref": "container",
            "yanchor": "bottom",
            "font": {"size": 12},
        },
        "modebar": {"bgcolor": "@clear", "color": "@muted", "activecolor": "@ink"},
        "hovermode": "closest",
        "autosize": True,
        **more,
    }


def band(x: FloatArray, low: FloatArray, high: FloatArray, name: str, color: str) -> Trace:
    """A shaded interval."""
    return {
        "x": [*x.tolist(), *x[::-1].tolist()],
        "y": [*high.tolist(), *low[::-1].tolist()],
        "fill": "toself",
        "fillcolor": color,
        "line": {"width": 0},
        "mode": "lines",
        "name": name,
        "hoverinfo": "skip",
    }


def line(
    x: FloatArray,
    y: FloatArray,
    name: str,
    color: str,
    hover: list[str] | None = None,
    **style: Any,
) -> Trace:
    """A line; without ``hover`` it keeps quiet."""
    say: Trace = {"hoverinfo": "skip"}
    if hover is not None:
        say = {"text": hover, "hovertemplate": "%{text}<extra></extra>"}
    return {
        "x": x.tolist(),
        "y": y.tolist(),
        "mode": "lines",
        "name": name,
        "line": {"color": color, "width": 2.25, **style},
        **say,
    }


def points(
    x: Sequence[float],
    y: Sequence[float],
    name: str,
    hover: list[str],
    rows: list[dict[str, Any]] | None = None,
    **marker: Any,
) -> Trace:
    """Markers with a hover text each; ``rows`` are further columns of the download."""
    return {
        "rows": rows,
        "x": [float(v) for v in x],
        "y": [float(v) for v in y],
        "mode": "markers",
        "name": name,
        "text": hover,
        "hovertemplate": "%{text}<extra></extra>",
        "marker": marker,
    }


def bars(
    value: Sequence[float], low: Sequence[float | None], high: Sequence[float | None], color: str
) -> dict[str, Any]:
    """Error bars from intervals; an unknown bound has none."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [0.0 if h is None else h - v for v, h in zip(value, high, strict=True)],
        "arrayminus": [0.0 if w is None else v - w for v, w in zip(value, low, strict=True)],
        "color": color,
        "thickness": 1.25,
        "width": 3,
    }
