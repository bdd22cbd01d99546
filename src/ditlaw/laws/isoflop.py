"""IsoFLOP curves: in each budget a parabola of ln L in ln N, and whether it can be used.

Source: Hoffmann et al. 2022 (arXiv 2203.15556), approach 2. Only runs near the best one take part:
the far wings are no parabola.
"""

from dataclasses import dataclass

import numpy as np

from ditlaw.laws.noise import Residuals
from ditlaw.laws.table import FloatArray, IntArray, Table

WINDOW = float(np.log(6.0))  # ln N around a budget's best run
MIN_SIZES = 4
OK, EDGE, FLAT, FEW = "ok", "edge", "no curvature", "too few points"
AS_MUCH = 0.1  # a run stops at a whole step, so a budget and its rows differ a little


def stated_budget(budget: float, flops: float) -> float:
    """What to call a group of rows: its budget, unless their FLOPs are something else."""
    return budget if abs(budget / flops - 1) <= AS_MUCH else flops


@dataclass(frozen=True)
class Parabola:
    """ln L = a + b·u + c·u², u = ln N − centre, on ``rows`` of the table; ``log_c`` is their mean.

    ``status`` is "ok", "edge" (minimum outside or at the edge of the sizes), "no curvature" or
    "too few points" (fewer than four sizes).
    """

    budget: float
    log_c: float
    rows: IntArray
    centre: float
    coefficients: tuple[float, float, float]
    status: str

    @property
    def log_n(self) -> float:
        """Ln N of the minimum."""
        _, b, c = self.coefficients
        return self.centre - b / (2 * c)

    @property
    def log_loss(self) -> float:
        """Ln L of the minimum."""
        a, b, c = self.coefficients
        return a - b * b / (4 * c)


def parabolas(table: Table) -> list[Parabola]:
    """One least-squares parabola a budget, in the order of ``table.budgets``."""
    return [
        _parabola(table, np.flatnonzero(table.group == index), float(budget))
        for index, budget in enumerate(table.budgets)
        if np.any(table.group == index)
    ]


def residuals(table: Table, curves: list[Parabola]) -> Residuals | None:
    """Of the usable parabolas; None where their parameters leave none free."""
    usable = [p for p in curves if p.status == OK and len(p.rows) > 3]
    if not usable:
        return None
    return Residuals(
        np.concatenate(
            [table.log_loss[p.rows] - design(table, p) @ np.array(p.coefficients) for p in usable]
        ),
        np.concatenate([np.full(len(p.rows), p.log_c) for p in usable]),
        np.concatenate([np.full(len(p.rows), 1 - 3 / len(p.rows)) for p in usable]),
    )


def window(table: Table, rows: IntArray) -> IntArray:
    """Those of one budget's rows within a factor 6 of its best size (lowest mean over seeds)."""
    sizes, member = np.unique(table.log_n[rows], return_inverse=True)
    mean = np.bincount(member, table.log_loss[rows]) / np.bincount(member)
    near = np.abs(table.log_n[rows] - sizes[mean.argmin()]) <= WINDOW + 1e-9
    return np.asarray(rows[near])


def _parabola(table: Table, rows: IntArray, budget: float) -> Parabola:
    rows = window(table, rows)
    log_n = table.log_n[rows]
    centre = float(log_n.mean())
    log_c = float(table.log_c[rows].mean())
    if len(np.unique(log_n)) < MIN_SIZES:
        return Parabola(budget, log_c, rows, centre, (0.0, 0.0, 0.0), FEW)
    powers = (log_n - centre)[:, None] ** np.arange(3)
    a, b, c = (float(x) for x in np.linalg.lstsq(powers, table.log_loss[rows], rcond=None)[0])
    curve = Parabola(budget, log_c, rows, centre, (a, b, c), OK)
    # Curvature this small is rounding: the sizes' whole span would gain less than 1e-12 of loss.
    if c * np.ptp(log_n) ** 2 <= 1e-12:
        return Parabola(budget, log_c, rows, centre, (a, b, c), FLAT)
    if not log_n.min() < curve.log_n < log_n.max():
        return Parabola(budget, log_c, rows, centre, (a, b, c), EDGE)
    return curve


def design(table: Table, curve: Parabola) -> FloatArray:
    """1, u, u² of a budget's rows in the window: (rows, 3)."""
    return np.asarray((table.log_n[curve.rows] - curve.centre)[:, None] ** np.arange(3))
