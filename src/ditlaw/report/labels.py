"""What names the marks of the isoFLOP figure: a label on each curve, and a key."""

from typing import Any

import numpy as np

from ditlaw.laws.answers import IsoflopCurve
from ditlaw.report.axes import Trace, safe
from ditlaw.report.units import Units

SYMBOLS = ["circle", "square", "triangle-up", "pentagon", "hexagon"]  # of seeds
WIDE, HIGH = 0.11, 0.055  # room of a label as shares of the axes; where there is none, no label


def labels(
    curves: list[IsoflopCurve],
    colors: list[str],
    x_range: list[float],
    y_range: list[float],
    units: Units,
) -> list[dict[str, Any]]:
    """Each budget's name at the right end of its curve, else at the left, where there is room."""
    found: list[dict[str, Any]] = []
    taken: list[tuple[float, float]] = []
    for curve, color in zip(curves, colors, strict=True):
        if curve.coefficients is None:
            continue
        for side, size in (("left", curve.window[1]), ("right", curve.window[0])):
            x, y = float(np.log10(size)), float(np.log10(curve.loss(np.array([size]))[0]))
            shift = WIDE / 2 if side == "left" else -WIDE / 2
            at = ((x - x_range[0]) / np.ptp(x_range) + shift, (y - y_range[0]) / np.ptp(y_range))
            if any(abs(at[0] - u) < WIDE and abs(at[1] - v) < HIGH for u, v in taken):
                continue
            taken.append(at)
            found.append(
                {
                    "x": x,
                    "y": y,
                    **units.named("text", curve.budget, "<b>{}</b>".format, unit=""),
                    "showarrow": False,
                    "xanchor": side,
                    "xshift": 8 if side == "left" else -8,
                    "font": {"color": color, "size": 12},
                    "bgcolor": "@veil",
                    "borderpad": 1,
                }
            )
            break
    return found


def key(seeds: list[Any], curves: list[IsoflopCurve]) -> list[Trace]:
    """Legend entries that say what the marks mean."""
    unused = any(not curve.used.all() for curve in curves)
    minima = any(curve.params_opt is not None for curve in curves)

    def entry(name: str, **style: Any) -> Trace:
        return {"x": [None], "y": [None], "name": name, "hoverinfo": "skip", **style}

    marks = [(f"seed {s:g}" if isinstance(s, (int, float)) else safe(f"seed {s}")) for s in seeds]
    found = [
        entry(name, mode="markers", marker={"symbol": symbol, "color": "@muted", "size": 8})
        for name, symbol in zip(marks[:5], SYMBOLS, strict=False)
    ]
    if unused:
        style = {"symbol": "circle-open", "color": "@muted", "size": 8}
        found.append(entry("outside the parabola's window", mode="markers", marker=style))
    if minima:
        found.append(entry("fitted parabola", mode="lines", line={"color": "@muted", "width": 2}))
        style = {"symbol": "diamond", "color": "@muted", "size": 11}
        found.append(entry("its minimum", mode="markers", marker=style))
    return found
