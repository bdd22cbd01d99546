"""Tables of real runs as series of isoFLOP budgets, and what a held-out budget says by itself."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.interpolate import Akima1DInterpolator

from ditlaw.observations import Observations, load_groups, load_observations

WINDOW = np.log(6.0)
MIN_RUNS, MIN_BUDGETS = 4, 3
LARGEST = 3  # budgets held out at most


@dataclass(frozen=True)
class Target:
    """A held-out budget. ``akima`` is the minimum of a spline, which assumes no shape."""

    flops: float
    log_n: float
    loss: float
    parabola: np.ndarray
    akima: float | None


@dataclass(frozen=True)
class Task:
    """One forecast to make: the rows up to ``last``, and the budgets beyond it."""

    series: str
    held_out: int
    last: float
    rows: Observations
    targets: list[Target]


def load(spec):
    """Series of ``CSV[:COLUMN[:COL=VALUE]]``: COLUMN splits the table, COL=VALUE keeps rows."""
    path, *rest = spec.split(":")
    column, where = [*rest, "", ""][:2]
    kept = [where] if where else []
    if not column:
        return {Path(path).stem: load_observations(path, kept)}
    groups, _ = load_groups(path, column, kept)
    return {f"{Path(path).stem}:{value}": rows for value, rows in groups.items()}


def tasks(name, rows, *, inner=False):
    """Hold-outs of the largest 1, 2 and 3 budgets; ``inner``: without those three to begin with."""
    frame = rows.frame
    known = {c: target(part) for c, part in frame.groupby("budget") if len(part) >= MIN_RUNS}
    usable = sorted(c for c, found in known.items() if found)
    usable = usable[:-LARGEST] if inner else usable
    for held_out in range(1, LARGEST + 1):
        if len(usable) - held_out < MIN_BUDGETS:
            return
        last = usable[-held_out - 1]
        part = replace(rows, frame=frame[frame["budget"] <= 1.001 * last])
        yield Task(name, held_out, last, part, [known[c] for c in usable[-held_out:]])


def target(part):
    """The minimum of one budget's runs, by a parabola within a factor 6 of the best; or None."""
    order = np.argsort(part["params"].to_numpy(), kind="stable")
    x = np.log(part["params"].to_numpy(dtype=float))[order]
    loss = part["loss"].to_numpy(dtype=float)[order]
    near = np.abs(x - x[loss.argmin()]) <= WINDOW
    if near.sum() < MIN_RUNS:
        near = np.ones(len(x), dtype=bool)
    if len(np.unique(x[near].round(6))) < MIN_RUNS:
        return None
    parabola = np.polyfit(x[near], loss[near], 2)
    vertex = -parabola[1] / (2 * parabola[0])
    if parabola[0] <= 0 or not x[near].min() - 0.3 <= vertex <= x[near].max() + 0.3:
        return None
    least = float(np.polyval(parabola, vertex))
    flops = float(part["budget"].iloc[0])
    return Target(flops, float(vertex), least, parabola, _akima(x, loss))


def _akima(x, loss):
    means = pd.Series(loss).groupby(x.round(3)).mean()
    if len(means) < MIN_RUNS:
        return None
    grid = np.linspace(means.index[0], means.index[-1], 2001)
    values = Akima1DInterpolator(means.index.to_numpy(), means.to_numpy())(grid)
    best = int(np.nanargmin(values))
    return float(grid[best]) if 0 < best < 2000 else None
