"""Runs at one budget that differ in nothing but one axis, and what least squares makes of them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ditlaw.aspect.rows import DESIGN, Shapes, words_of
from ditlaw.laws.isoflop import window
from ditlaw.laws.noise import Noise, Residuals, from_residuals
from ditlaw.laws.table import BoolArray, FloatArray, IntArray

Words = NDArray[np.str_]
MIN_FREE = 2  # degrees of freedom; fewer say too little about the scatter


def matched_by(shapes: Shapes, axis: str) -> IntArray:
    """A number for what is matched: all settings and the shape, the axis left out: (n,)."""
    columns = [c for c in DESIGN if c != axis]
    frame = pd.DataFrame({c: words_of(shapes.frame, c) for c in columns})
    return np.asarray(frame.groupby(columns, sort=True).ngroup(), dtype=np.int64)


@dataclass(frozen=True)
class Matches:
    """Rows at one budget that are matched, their design and its inverse; values come last."""

    rows: IntArray
    values: list[str]
    member: IntArray
    shapes: int
    design: FloatArray
    inverse: FloatArray

    @property
    def free(self) -> int:
        """Rows less what can be told of levels and values."""
        return len(self.rows) - int(np.linalg.matrix_rank(self.design))


def match_runs(shapes: Shapes, group: int, values: Words, match: IntArray) -> Matches | None:
    """The largest set of values that runs near the best size connect; None where there is none."""
    table = shapes.table
    rows = np.flatnonzero((table.group == group) & (values != ""))
    rows = window(table, rows) if len(rows) else rows
    frame = pd.DataFrame({"row": rows, "value": values[rows], "match": match[rows]})
    frame = frame[frame.groupby("match")["value"].transform("nunique") > 1]
    if frame.empty:
        return None
    frame = frame[_connected(frame)]
    rows = frame["row"].to_numpy(dtype=np.int64)
    names, member = np.unique(frame["value"], return_inverse=True)
    levels, level = np.unique(frame["match"], return_inverse=True)
    one = (level[:, None] == np.arange(len(levels))).astype(float)
    other = (member[:, None] == np.arange(len(names))).astype(float)
    both = np.hstack([one, other])  # one too many: losses are read off with levels at their mean
    return Matches(rows, names.tolist(), member, len(levels), both, np.linalg.pinv(both))


def _connected(frame: pd.DataFrame) -> BoolArray:
    """Rows of the largest set of values that matches join, directly or through others."""
    kin = {v: {v} for v in frame["value"]}
    for _, group in frame.groupby("match"):
        joined = set().union(*(kin[v] for v in group["value"]))
        kin |= dict.fromkeys(joined, joined)
    most = max(kin.values(), key=lambda found: (int(frame["value"].isin(found).sum()), len(found)))
    return frame["value"].isin(most).to_numpy(dtype=bool)


def matched_noise(shapes: Shapes, matched: list[Matches]) -> Noise | None:
    """The scatter that matched runs leave; None where they leave no degree of freedom."""
    parts = []
    for m in matched:
        y = shapes.table.log_loss[m.rows]
        if m.free:
            left = y - m.design @ (m.inverse @ y)
            parts.append((left, shapes.table.log_c[m.rows], np.full(len(y), m.free / len(y))))
    if sum(float(df.sum()) for _, _, df in parts) < MIN_FREE:
        return None
    return from_residuals(Residuals(*(np.concatenate(p) for p in zip(*parts, strict=True))))
