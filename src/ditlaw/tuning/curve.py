"""Loss against a setting at one size and budget: an Akima spline of ln L in ln of the setting.

The valley is steep above its minimum, where training becomes unstable, and shallow below. A
parabola's minimum errs by that lean; on grids as wide as sweeps have, the spline errs less
(``benchmarks/learning_rates.py``), and one curve gives the minimum, the loss at any setting and the
range that is near-optimal.
"""

import numpy as np
from scipy.interpolate import Akima1DInterpolator

from ditlaw.laws.table import FloatArray

STEPS = 400  # of the grid between the smallest and largest setting


def minimum(x: FloatArray, log_loss: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Where each of r curves is lowest, and how low: (r,) each.

    Args:
        x: (k,) ln of the settings, rising, at least two.
        log_loss: (r, k).
    """
    grid = np.linspace(x[0], x[-1], STEPS + 1)
    values = Akima1DInterpolator(x, log_loss.T)(grid)
    best = values.argmin(axis=0)
    return grid[best], np.asarray(values.min(axis=0))


def value(x: FloatArray, log_loss: FloatArray, at: float) -> FloatArray:
    """Ln L of r curves (r, k) at one setting between the smallest and largest: (r,)."""
    return np.asarray(Akima1DInterpolator(x, log_loss.T)(at))


def near(
    x: FloatArray, log_loss: FloatArray, tolerance: float
) -> tuple[float | None, float | None]:
    """Ln of the settings about the minimum of one curve (k,) that give away ``tolerance`` at most.

    None on a side where the range goes on to the last setting tried. A best setting at an end is
    part of the range, whatever the spline does beside it.
    """
    grid = np.linspace(x[0], x[-1], STEPS + 1)
    values = Akima1DInterpolator(x, log_loss)(grid)
    best, lowest = int(values.argmin()), int(log_loss.argmin())
    if lowest in (0, len(x) - 1):
        best = STEPS if lowest else 0
    above = np.flatnonzero(values > values[best] + np.log1p(tolerance))
    below, beyond = above[above < best], above[above > best]
    return (
        float(grid[below[-1] + 1]) if len(below) else None,
        float(grid[beyond[0] - 1]) if len(beyond) else None,
    )


def curvature(x: FloatArray, log_loss: FloatArray) -> float:
    """C of ln L = ln L* + c·(x − x*)², over the settings next to the best one, (k,) with k ≥ 3."""
    (at,), (lowest,) = minimum(x, log_loss[None])
    best = int(np.clip(log_loss.argmin(), 1, len(x) - 2))
    around = slice(best - 1, best + 2)
    square = (x[around] - at) ** 2
    return float(np.sum(square * (log_loss[around] - lowest)) / np.sum(square**2))
