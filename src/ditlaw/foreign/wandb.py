"""CSV exports of Weights & Biases: the runs table, a chart, one run's history."""

import ast
import re
from pathlib import Path
from typing import Any

import pandas as pd

from ditlaw.errors import BadInput

BETWEEN = " - "  # a chart's column is "RUN - METRIC"
SPREAD = ("__MIN", "__MAX")  # beside each curve, of the points that one stands for
NESTED = ("config", "summary")  # columns of dictionaries, as the example of W&B's docs exports them
STEP = "_step"


def is_chart(frame: pd.DataFrame) -> bool:
    """Whether it is what a line plot exports: an axis, then a column for each run and metric."""
    first, *others = map(str, frame.columns)
    return BETWEEN not in first and bool(others) and all(BETWEEN in name for name in others)


def chart_curves(frame: pd.DataFrame) -> pd.DataFrame:
    """The curves of a chart: run, axis, then the metrics; a row a point."""
    axis, *others = map(str, frame.columns)
    by_run: dict[str, dict[str, str]] = {}
    for column in others:
        if not column.endswith(SPREAD):
            run, _, metric = column.rpartition(BETWEEN)
            by_run.setdefault(run, {})[column] = metric
    curves = []
    for run, metrics in by_run.items():
        curve = frame[[axis, *metrics]].rename(columns=metrics)
        curve = curve.dropna(how="all", subset=list(metrics.values()))
        curve.insert(0, "run", run)
        curves.append(curve)
    return pd.concat(curves, ignore_index=True)


def is_history(frame: pd.DataFrame) -> bool:
    """Whether it is the history of one run, as ``run.history()`` gives it."""
    return STEP in frame and not {"run", "name", "Name"} & set(frame)


def history_curves(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """That run's curves, called as the file, or as its folder where files have one name."""
    name = path.parent.name if path.stem.startswith("wandb-") else path.stem
    others = [column for column in frame.columns if column != STEP]
    curves = frame[[STEP, *others]]
    curves.insert(0, "run", name)
    return curves


def unnested(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """A table with ``config.x`` and ``summary.x`` in place of cells that are dictionaries.

    Raises:
        BadInput: a cell is no dictionary where others are.
    """
    for name in [c for c in frame.columns if c.lower() in NESTED and _of_dictionaries(frame[c])]:
        cells = [_dictionary(cell, name, row, path) for row, cell in enumerate(frame[name], 1)]
        inner = pd.json_normalize(cells).add_prefix(f"{name}.").set_axis(frame.index)
        frame = frame.drop(columns=name).join(inner)
    return frame


def _of_dictionaries(cells: "pd.Series[Any]") -> bool:
    first = next(iter(cells.dropna()), None)
    return isinstance(first, dict) or str(first).startswith("{")


def _dictionary(cell: Any, column: str, row: int, path: Path) -> dict[str, Any]:
    if isinstance(cell, float):  # an empty cell
        return {}
    try:
        # As Python writes it, but for numbers that are none.
        written = re.sub(r"(?<![\w'\"])-?(nan|inf)\b", "None", str(cell))
        found = cell if isinstance(cell, dict) else ast.literal_eval(written)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadInput(f"{path}: row {row}, column '{column}': not a dictionary, as others are")
    return found
