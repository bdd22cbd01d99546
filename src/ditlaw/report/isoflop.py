"""The isoFLOP figure: loss against size, one colour a budget, with the fitted minima."""

import math
from typing import Any

import numpy as np
import pandas as pd

from ditlaw import text
from ditlaw.laws.answers import IsoflopCurve
from ditlaw.report.axes import (
    RAMP,
    Figure,
    Trace,
    layout,
    line,
    log_axis,
    log_ticks,
    points,
    ramp,
    safe,
)
from ditlaw.report.drawn import left_out_rows
from ditlaw.report.labels import SYMBOLS, key, labels
from ditlaw.report.material import Material

MOST_POINTS = 2000  # drawn; a page of a larger table shows an even selection


def isoflop_figure(material: Material) -> Figure:
    """Every row of the fit, the parabolas over their windows, and their minima."""
    law, frame = material.law, material.law.observations.frame
    curves = law.isoflops()
    step = drawn_every(material)
    seeds = sorted(frame["seed"].dropna().unique()) if "seed" in frame else []
    loose = frame.iloc[np.flatnonzero(law.table.group < 0)[::step]]
    traces: list[Trace] = [_loose(material, loose)]
    colors = ramp(len(curves))
    for curve, color in zip(curves, colors, strict=True):
        rows = np.flatnonzero(law.table.group == np.searchsorted(law.table.budgets, curve.budget))
        for used in (False, True):
            chosen = frame.iloc[rows[curve.used == used][::step]]
            traces.append(_rows(material, chosen, seeds, color, used))
        traces += _parabola(curve, color)
    usable = [(c.params_opt, c.loss_opt) for c in curves if c.params_opt and c.loss_opt]
    if usable:
        sizes, losses = np.array(usable).T
        path = line(sizes, losses, "minima", "@muted", width=1, dash="dot")
        traces.append(path | {"showlegend": False})
    left_out = _left_out(material)
    traces.append(left_out)
    y = log_axis(law.metric, [*frame[law.metric], *left_out["y"]], text.loss, 0.04)
    x = log_axis("params", [*frame["params"], *left_out["x"]], text.count, 0.07)
    data = [t for t in traces if t["x"]] + key(seeds, curves)
    return {
        "id": "isoflop",
        "data": data,
        "layout": layout(x, y, annotations=labels(curves, colors, x["range"], y["range"])),
    }


def drawn_every(material: Material) -> int:
    """1 where every row of a budget is drawn, else k: only each k-th is."""
    return math.ceil(len(material.law.observations.frame) / MOST_POINTS)


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
        f"{safe(material.law.metric)} {text.loss(row[material.law.metric])}"
        + (f", seed {seed:g}" if isinstance(seed, (int, float)) and seed == seed else ""),
    ]
    return "<br>".join(parts)


def _rows(
    material: Material, rows: pd.DataFrame, seeds: list[Any], color: str, used: bool
) -> Trace:
    symbols = [_symbol(seeds, row.get("seed"), used) for _, row in rows.iterrows()]
    return points(
        rows["params"].tolist(),
        rows[material.law.metric].tolist(),
        "rows",
        [run_hover(material, row) for _, row in rows.iterrows()],
        color=color,
        symbol=symbols,
        size=7 if used else 6,
        opacity=0.85 if used else 0.7,
        line={"width": 1 if not used else 0, "color": color},
    ) | {"showlegend": False}


def _loose(material: Material, rows: pd.DataFrame) -> Trace:
    """Rows that belong to no budget, coloured by their FLOPs."""
    logs = np.log10(rows["flops"].to_numpy(float))
    bar: dict[str, Any] = {}
    if len(rows):
        ticks = log_ticks(10.0 ** logs.min(), 10.0 ** (logs.max() + 1e-6), 5)
        said = {"tickvals": np.log10(ticks).tolist(), "ticktext": [text.flops(t) for t in ticks]}
        look = {"thickness": 12, "outlinewidth": 0, "title": {"text": "FLOPs"}, **said}
        scale = [[i / (len(RAMP) - 1), color] for i, color in enumerate(RAMP)]
        bar = {"colorscale": scale, "colorbar": look, "showscale": True}
    hover = [run_hover(material, row) for _, row in rows.iterrows()]
    x, y = rows["params"].tolist(), rows[material.law.metric].tolist()
    marks = points(x, y, "rows of no budget", hover, color=logs.tolist(), size=7, **bar)
    return marks | {"showlegend": False}


def _left_out(material: Material) -> Trace:
    """Rows that the fit left out, where they are known and can be drawn."""
    frame, metric = left_out_rows(material), material.law.metric
    hover = [
        f"{run_hover(material, row)}<br>left out: {safe(row['why'])}" for _, row in frame.iterrows()
    ]
    style = {"symbol": "circle-x-open", "size": 8, "color": "@muted"}
    return points(
        frame["params"].tolist(), frame[metric].tolist(), "left out of the fit", hover, **style
    )


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
            f"<b>minimum at {text.flops(curve.budget)} FLOPs</b>"
            f"<br>N* {text.count(curve.params_opt)}<br>{text.loss(curve.loss_opt)}"
        )
        style = {"symbol": "diamond", "size": 12, "color": color}
        outline = {"line": {"color": "@paper", "width": 2}}
        found.append(
            points([curve.params_opt], [curve.loss_opt], "minimum", [hover], **style, **outline)
            | {"showlegend": False}
        )
    return found
