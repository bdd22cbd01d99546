"""Each cell's best setting: the best tried, the minimum between those tried, and how sure it is."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ditlaw.laws.table import FloatArray
from ditlaw.tuning import curve
from ditlaw.tuning.cells import Cell

Status = Literal["inside", "edge", "cliff", "too few"]
MIN_SETTINGS = 3
# What the spline's minimum errs by without noise, in steps between settings (up to 0.12 in
# ``benchmarks/learning_rates.py``). Half of its variance depends on where between two settings the
# minimum lies, alike in all cells: a wave along the grid, of one phase in each redraw.
OWN_ERROR = 0.08


@dataclass(frozen=True)
class Optimum:
    """A swept cell's optimum; draws along axis 0, entry 0 is the estimate.

    ``status`` is "inside" (lower settings and higher ones are worse), "edge" (the best is the
    lowest or highest), "cliff" (the best is the highest of which no seed diverged, and a higher one
    diverged) or "too few" (fewer than three settings trained). Only inside is the minimum
    interpolated; else the best tried stands for it and ``log_setting`` is None.
    """

    cell: Cell
    status: Status
    log_setting: FloatArray | None  # (draws + 1,)
    log_loss: FloatArray  # (draws + 1,) at the optimum, or at the best tried
    losses: FloatArray  # (draws + 1, k) of the settings
    curvature: float | None

    def at(self, log_setting: float) -> float | None:
        """Ln L at a setting, as the cell's curve has it; None outside those that trained."""
        x = self.cell.log_setting
        if len(x) < 2 or not x[0] - 1e-9 <= log_setting <= x[-1] + 1e-9:
            return None
        inside = float(np.clip(log_setting, x[0], x[-1]))
        return float(curve.value(x, self.losses[:1], inside)[0])

    def excess(self) -> FloatArray:
        """Loss of each setting above the optimum, as a fraction: (draws + 1, k)."""
        return np.asarray(np.expm1(self.losses - self.log_loss[:, None]))


def optimum_of(cell: Cell, losses: FloatArray, own: FloatArray) -> Optimum:
    """The optimum of a swept cell with redraws of its ln losses (draws + 1, k).

    ``own`` (2, draws) is of the spline's own error: a phase that all cells have in common, and a
    standard normal of this cell.
    """
    x, best = cell.log_setting, cell.best
    status = _status(cell)
    if status != "inside":
        return Optimum(cell, status, None, losses[:, best], losses, None)
    at, lowest = curve.minimum(x, losses)
    step = (x[best + 1] - x[best - 1]) / 2
    error = np.sin(2 * np.pi * at[0] / step + own[0]) + own[1] / np.sqrt(2)
    at[1:] = np.clip(at[1:] + OWN_ERROR * step * error, x[0], x[-1])
    return Optimum(cell, status, at, lowest, losses, curve.curvature(x, cell.log_loss))


def _status(cell: Cell) -> Status:
    x, best = cell.log_setting, cell.best
    if len(x) < MIN_SETTINGS:
        return "too few"
    if 0 < best < len(x) - 1:
        return "inside"
    above = any(u.log_setting > x[-1] for u in cell.unstable)
    return "cliff" if best and above else "edge"
