"""The isoFLOP figure: loss against size, one colour a budget, with the fitted minima."""

from typing import Any

import numpy as np
import pandas as pd

from ditlaw import text
from ditlaw.laws.answers import IsoflopCurve
from ditlaw.report.axes import Figure, Trace, layout, line, log_axis, log_ticks, points, ramp, safe
from ditlaw.report.download import with_download
from ditlaw.report.drawn import left_out_rows
from ditlaw.report.labels import SYMBOLS, key, labels
from ditlaw.report.material import Material
from ditlaw.report.rawpoints import drawn_every, run_columns, run_hovers

SHADES = 7  # of the colour bar


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
        traces += _parabola(material, curve, color)
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
    told = labels(curves, colors, x["range"], y["range"], material.units)
    figure = {"id": "isoflop", "data": data, "layout": layout(x, y, annotations=told)}
    return with_download(figure, material.units)


def _rows(
    material: Material, rows: pd.DataFrame, seeds: list[Any], color: str, used: bool
) -> Trace:
    symbols = [_symbol(seeds, row.get("seed"), used) for _, row in rows.iterrows()]
    return points(
        rows["params"].tolist(),
        rows[material.law.metric].tolist(),
        "used by its parabola" if used else "outside its parabola's window",
        run_hovers(material, rows),
        run_columns(rows),
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
        scale = [[place, f"@ramp:{place}"] for place in np.linspace(0, 1, SHADES).tolist()]
        bar = {"colorscale": scale, "colorbar": look, "showscale": True}
    x, y = rows["params"].tolist(), rows[material.law.metric].tolist()
    hover, more = run_hovers(material, rows), run_columns(rows)
    marks = points(x, y, "rows of no budget", hover, more, color=logs.tolist(), size=7, **bar)
    return marks | {"showlegend": False}


def _left_out(material: Material) -> Trace:
    """Rows that the fit left out, where they are known and can be drawn."""
    frame, metric = left_out_rows(material), material.law.metric
    why = frame["why"].astype(str).tolist() if len(frame) else []
    hover = [
        f"{said}<br>left out: {safe(reason)}"
        for said, reason in zip(run_hovers(material, frame), why, strict=True)
    ]
    told = [row | {"left_out": reason} for row, reason in zip(run_columns(frame), why, strict=True)]
    style = {"symbol": "circle-x-open", "size": 8, "color": "@muted"}
    x, y = frame["params"].tolist(), frame[metric].tolist()
    return points(x, y, "left out of the fit", hover, told, **style)


def _symbol(seeds: list[Any], seed: Any, used: bool) -> str:
    symbol = SYMBOLS[seeds.index(seed) % len(SYMBOLS)] if seed in seeds else SYMBOLS[0]
    return symbol if used else f"{symbol}-open"


def _parabola(material: Material, curve: IsoflopCurve, color: str) -> list[Trace]:
    if curve.coefficients is None:
        return []
    grid = np.geomspace(*curve.window, 60)
    usable = curve.params_opt is not None and curve.loss_opt is not None
    style = {"width": 1.75} if usable else {"width": 1.25, "dash": "dash"}
    at = f"at {text.flops(curve.budget)} FLOPs"
    drawn = line(grid, curve.loss(grid), f"parabola {at}", color, **style)
    found = [drawn | {"showlegend": False}]
    if curve.params_opt is not None and curve.loss_opt is not None:
        hover = (
            f"<b>minimum at {material.units.said(curve.budget)}</b>"
            f"<br>N* {text.count(curve.params_opt)}"
            f"<br>{safe(material.law.metric)} {text.loss(curve.loss_opt)}"
        )
        style = {"symbol": "diamond", "size": 12, "color": color}
        outline = {"line": {"color": "@paper", "width": 2}}
        found.append(
            points(
                [curve.params_opt],
                [curve.loss_opt],
                f"minimum {at}",
                [hover],
                [{"training_flops": curve.flops}],
                **style,
                **outline,
            )
            | {"showlegend": False}
        )
    return found
