"""IsoFLOP curves: in each budget a parabola of ln L in ln N, and its minimum.

Source: Hoffmann et al. 2022 (arXiv 2203.15556), approach 2. Two changes that hold-outs favour: only
runs near the best one take part (the far wings are no parabola), and a budget's curvature is drawn
towards the trend of all budgets, since it is what few runs determine least.
"""

from dataclasses import dataclass

import numpy as np

from ditlaw.laws.table import FloatArray, IntArray, Table

WINDOW = float(np.log(6.0))  # ln N around a budget's best run
MIN_SIZES = 4
CURVATURE_SPREAD = 0.5  # prior sd of one budget's curvature about the trend, relative
TREND_SPREAD = 0.3  # prior sd of the trend: d ln curvature / d ln C
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


def residuals(table: Table, curves: list[Parabola]) -> tuple[FloatArray, int]:
    """Residuals of the usable parabolas in ln L, and how many parameters they took."""
    parts = [
        table.log_loss[p.rows] - design(table, p) @ np.array(p.coefficients)
        for p in curves
        if p.status == OK
    ]
    return (np.concatenate(parts) if parts else np.zeros(0)), 3 * len(parts)


@dataclass(frozen=True)
class Vertices:
    """Minima of the usable budgets, B of them; draws along axis 0, entry 0 is the estimate."""

    log_c: FloatArray  # (B,)
    log_n: FloatArray  # (draws + 1, B)
    log_loss: FloatArray  # (draws + 1, B)
    coefficients: FloatArray  # (B, 3): the shrunk parabola about ``centre``
    centre: FloatArray  # (B,)
    valley: tuple[float, float, float]  # ln curvature = level + slope·(ln C − reference)

    def curvature(self, log_c: FloatArray) -> FloatArray:
        """The trend of the curvature at ln C; held constant outside the budgets."""
        level, slope, reference = self.valley
        inside = np.clip(log_c, self.log_c.min(), self.log_c.max())
        return np.exp(level + slope * (inside - reference))


def vertices(
    table: Table, curves: list[Parabola], sd: float, noise: FloatArray, rng: np.random.Generator
) -> Vertices:
    """Shrunk parabolas and their minima, refitted under ``noise`` (draws, n rows of ln L).

    ``sd`` is the scatter that ``noise`` was drawn with. Without noise the shrinkage vanishes.
    """
    usable = [p for p in curves if p.status == OK]
    valley = _curvature_trend(table, usable, sd)
    draws, log_n, log_loss, kept = len(noise), [], [], []
    for curve in usable:
        level, slope, reference = valley
        trend = float(np.exp(level + slope * (curve.log_c - reference)))
        matrix = design(table, curve)
        pull = sd / (CURVATURE_SPREAD * trend)
        # The prior is one more observation: pull·c = pull·trend, with the same noise as a row.
        augmented = np.vstack([matrix, [0.0, 0.0, pull]])
        solve = np.linalg.pinv(augmented)
        target = np.append(table.log_loss[curve.rows], pull * trend)
        fitted = solve @ target
        redrawn = np.column_stack([noise[:, curve.rows], sd * rng.standard_normal(draws)])
        a, b, c = np.vstack([fitted, fitted + redrawn @ solve.T]).T
        c = np.maximum(c, 0.1 * trend)
        span = np.ptp(matrix[:, 1])
        u = np.clip(-b / (2 * c), matrix[:, 1].min() - span, matrix[:, 1].max() + span)
        log_n.append(curve.centre + u)
        log_loss.append(a + b * u + c * u * u)
        kept.append(fitted)
    return Vertices(
        log_c=np.array([p.log_c for p in usable]),
        log_n=np.stack(log_n, axis=1),
        log_loss=np.stack(log_loss, axis=1),
        coefficients=np.array(kept),
        centre=np.array([p.centre for p in usable]),
        valley=valley,
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


def _curvature_trend(table: Table, usable: list[Parabola], sd: float) -> tuple[float, float, float]:
    """(level, slope, reference) of ln c on ln C: weighted least squares with a prior slope of 0."""
    log_c = np.array([p.log_c for p in usable])
    c = np.array([p.coefficients[2] for p in usable])
    spread = np.array(
        [sd * np.sqrt(np.linalg.pinv(d.T @ d)[2, 2]) for d in (design(table, p) for p in usable)]
    )
    weight = 1 / ((spread / c) ** 2 + 0.2**2)
    reference = float(np.average(log_c, weights=weight))
    x = log_c - reference
    level = float(np.average(np.log(c), weights=weight))
    slope = float(np.sum(weight * x * np.log(c)) / (np.sum(weight * x * x) + TREND_SPREAD**-2))
    return level, slope, reference
