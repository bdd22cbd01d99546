"""The isoFLOP figure: loss against size, one colour a budget, with the fitted minima."""

import math
from typing import Any

import numpy as np
import pandas as pd

from ditlaw import text
from ditlaw.laws.answers import IsoflopCurve
from ditlaw.report.axes import Figure, Trace, layout, line, log_axis, points, ramp, safe
from ditlaw.report.material import Material

SYMBOLS = ["circle", "square", "triangle-up", "pentagon", "hexagon"]
MOST_POINTS = 3000  # drawn; a page of a larger table shows an even selection
LABEL_GAP = 0.05  # direct labels nearer than this share of the height are left out


def isoflop_figure(material: Material) -> Figure:
    """Every row of the fit, the parabolas over their windows, and their minima."""
    law, frame = material.law, material.law.observations.frame
    curves = law.isoflops()
    step = math.ceil(len(frame) / MOST_POINTS)
    seeds = sorted(frame["seed"].dropna().unique()) if "seed" in frame else []
    traces: list[Trace] = []
    loose = np.flatnonzero(law.table.group < 0)[::step]
    if len(loose):
        traces.append(_rows(material, frame.iloc[loose], "rows of no budget", seeds, "@muted", True))
    colors = ramp(len(curves))
    for curve, color in zip(curves, colors, strict=True):
        rows = np.flatnonzero(law.table.group == np.searchsorted(law.table.budgets, curve.budget))
        for used in (False, True):
            chosen = frame.iloc[rows[curve.used == used][::step]]
            name = f"{text.flops(curve.budget)} FLOPs"
            traces.append(_rows(material, chosen, name, seeds, color, used))
        traces += _parabola(curve, color)
    usable = [c for c in curves if c.params_opt is not None and c.loss_opt is not None]
    if usable:
        traces.append(
            line(
                np.array([c.params_opt for c in usable]),
                np.array([c.loss_opt for c in usable]),
                "minima",
                "@muted",
                width=1,
                dash="dot",
            )
            | {"showlegend": False}
        )
    losses = frame[law.metric].to_numpy(float)
    y = log_axis(law.metric, losses, lambda v: f"{v:.4g}", 0.04)
    x = log_axis("params", frame["params"].to_numpy(float), text.count, 0.05)
    x["range"][1] += 0.08 * (x["range"][1] - x["range"][0])  # room for the labels
    return {
        "id": "isoflop",
        "data": [t for t in traces if t["x"]] + _key(seeds, bool(usable), _any_unused(curves)),
        "layout": layout(x, y, annotations=_labels(curves, colors, y["range"])),
    }


def run_hover(material: Material, row: Any) -> str:
    """One row in words."""
    images = row.get("images")
    if images is None or not math.isfinite(images):
        images = material.images(row["tokens"])
    seed = row.get("seed")
    parts = [
        f"<b>{safe(row['run'])}</b>",
        f"params {text.count(row['params'])}, tokens {text.count(row['tokens'])}",
        f"FLOPs {text.flops(row['flops'])}"
        + (f", images {text.count(images)}" if images is not None else ""),
        f"{safe(material.law.metric)} {row[material.law.metric]:.4g}"
        + (f", seed {seed:g}" if isinstance(seed, (int, float)) and seed == seed else ""),
    ]
    return "<br>".join(parts)


def _rows(
    material: Material, rows: pd.DataFrame, name: str, seeds: list[Any], color: str, used: bool
) -> Trace:
    symbols = [_symbol(seeds, row.get("seed"), used) for _, row in rows.iterrows()]
    return points(
        rows["params"].tolist(),
        rows[material.law.metric].tolist(),
        name,
        [run_hover(material, row) for _, row in rows.iterrows()],
        color=color,
        symbol=symbols,
        size=7 if used else 6,
        opacity=0.85 if used else 0.7,
        line={"width": 1 if not used else 0, "color": color},
    ) | {"showlegend": False}


def _symbol(seeds: list[Any], seed: Any, used: bool) -> str:
    symbol = SYMBOLS[seeds.index(seed) % len(SYMBOLS)] if seed in seeds else SYMBOLS[0]
    return symbol if used else f"{symbol}-open"


def _parabola(curve: IsoflopCurve, color: str) -> list[Trace]:
    if curve.coefficients is None:
        return []
    grid = np.geomspace(*curve.window, 60)
    usable = curve.params_opt is not None and curve.loss_opt is not None
    style = {"width": 1.75} if usable else {"width": 1.25, "dash": "dash"}
    found = [line(grid, curve.loss(grid), "parabola", color, **style) | {"showlegend": False}]
    if curve.params_opt is not None and curve.loss_opt is not None:
        hover = (
            f"<b>minimum at {text.flops(curve.budget)} FLOPs</b><br>N* {text.count(curve.params_opt)}"
            f"<br>loss {curve.loss_opt:.4g}"
        )
        style = {"symbol": "diamond", "size": 12, "color": color}
        outline = {"line": {"color": "@paper", "width": 2}}
        found.append(
            points([curve.params_opt], [curve.loss_opt], "minimum", [hover], **style, **outline)
            | {"showlegend": False}
        )
    return found


def _labels(
    curves: list[IsoflopCurve], colors: list[str], y_range: list[float]
) -> list[dict[str, Any]]:
    """Each budget's name at the right end of its curve, where there is room for it."""
    found: list[dict[str, Any]] = []
    gap = LABEL_GAP * (y_range[1] - y_range[0])
    for curve, color in zip(curves, colors, strict=True):
        if curve.coefficients is None:
            continue
        end = np.array([curve.window[1]])
        x, y = float(np.log10(end[0])), float(np.log10(curve.loss(end)[0]))
        if any(abs(y - other["y"]) < gap for other in found):
            continue
        found.append(
            {
                "x": x,
                "y": y,
                "text": f"<b>{text.flops(curve.budget)}</b>",
                "showarrow": False,
                "xanchor": "left",
                "xshift": 8,
                "font": {"color": color, "size": 12},
                "bgcolor": "@veil",
                "borderpad": 1,
            }
        )
    return found


def _any_unused(curves: list[IsoflopCurve]) -> bool:
    return any(not curve.used.all() for curve in curves)


def _key(seeds: list[Any], minima: bool, unused: bool) -> list[Trace]:
    """Legend entries that say what the marks mean."""

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
