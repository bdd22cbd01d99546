"""Rows of the table as marks of a figure: each tells its run and values, and is in the download."""

import math
from typing import Any

import numpy as np
import pandas as pd

from ditlaw import text
from ditlaw.report.axes import Trace, points, safe
from ditlaw.report.material import Material

MOST_POINTS = 600  # drawn; of a larger table an even selection, to keep the page small
COLUMNS = ("budget", "params", "tokens", "images", "seed", "learning_rate", "batch")


def drawn_every(material: Material) -> int:
    """1 where every row of a budget is drawn, else k: only each k-th is."""
    return _step(material.law.observations.frame)


def thinned(rows: pd.DataFrame) -> pd.DataFrame:
    """All rows, or an even selection of very many."""
    return rows.iloc[:: _step(rows)]


def run_hovers(material: Material, rows: pd.DataFrame) -> list[str]:
    """Each row in words."""
    return [_hover(material, row) for _, row in rows.iterrows()]


def run_columns(rows: pd.DataFrame, **more: Any) -> list[dict[str, Any]]:
    """Each row's columns for the download."""
    known = [column for column in COLUMNS if column in rows]
    return [
        {"run": row["run"], "training_flops": row["flops"]}
        | {column: _known(row[column]) for column in known}
        | more
        for _, row in rows.iterrows()
    ]


def run_trace(material: Material) -> Trace:
    """The rows of the fit against FLOPs, faint beside the law."""
    frame = thinned(material.law.observations.frame)
    x, y = frame["flops"].tolist(), frame[material.law.metric].tolist()
    style = {"symbol": "circle-open", "size": 5, "color": "@muted", "opacity": 0.55}
    return points(x, y, "runs", run_hovers(material, frame), run_columns(frame), **style)


def _step(rows: pd.DataFrame) -> int:
    return max(1, math.ceil(len(rows) / MOST_POINTS))


def _hover(material: Material, row: Any) -> str:
    images = row.get("images")
    if not _is_number(images):
        images = material.units.images(row["tokens"])
    metric, seed = material.law.metric, row.get("seed")
    parts = [
        f"<b>{safe(row['run'])}</b>",
        f"params {text.count(row['params'])}, tokens {text.count(row['tokens'])}"
        + (f", images {text.count(images)}" if images is not None else ""),
        material.units.said(row["flops"]),
        f"{safe(metric)} {text.loss(row[metric])}"
        + (f", seed {seed:g}" if _is_number(seed) else ""),
    ]
    return "<br>".join(parts)


def _known(value: Any) -> Any:
    if isinstance(value, (np.generic, float, int)):
        return None if value != value else float(value)
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)
