"""The budgets' minima with draws: where each isoFLOP parabola is lowest, and how surely.

Two things that few runs determine badly are shared between budgets. A budget's curvature is drawn
towards the trend of all of them. And half of the draws let every valley lean: a parabola with a
cubic term whose ratio to the curvature is common to all budgets. A leaning valley moves the minimum
that a parabola finds, to the same side in every budget (Czech et al. 2026, arXiv 2603.22339, on the
bias of approach 2). The estimate stays the parabola's, as in the field; its interval holds both.
"""

from dataclasses import dataclass

import numpy as np

from ditlaw.laws.isoflop import OK, Parabola, design
from ditlaw.laws.noise import Noise
from ditlaw.laws.table import FloatArray, Table

MIN_BUDGETS = 3  # a line or a loss law through fewer is no law
CURVATURE_SPREAD = 0.5  # prior sd of one budget's curvature about the trend, relative
TREND_SPREAD = 0.3  # prior sd of the trend: d ln curvature / d ln C
# Prior sd of the lean, cubic ÷ quadratic coefficient. On a surface it is (β − α)/3; published ones
# have |β − α| of about 0.2.
LEAN_SPREAD = 0.07


@dataclass(frozen=True)
class Valley:
    """Curvature c of ln L in ln N: ln c is a line in ln C, held flat outside ``reach``."""

    level: float
    slope: float
    reference: float
    reach: tuple[float, float]

    def curvature(self, log_c: FloatArray) -> FloatArray:
        """C of ln L = ln L* + c·(ln N − ln N*)² at ln C, any shape."""
        inside = np.clip(log_c, *self.reach)
        return np.asarray(np.exp(self.level + self.slope * (inside - self.reference)))


@dataclass(frozen=True)
class Minima:
    """Minima of B budgets; draws along axis 0, entry 0 is the estimate.

    ``variance_n`` and ``variance_loss`` (B,) are those of run noise alone. ``valley`` is None where
    nothing is known of the loss off the best size.
    """

    log_c: FloatArray  # (B,)
    log_n: FloatArray  # (draws + 1, B)
    log_loss: FloatArray  # (draws + 1, B)
    variance_n: FloatArray
    variance_loss: FloatArray
    valley: Valley | None


@dataclass(frozen=True)
class _Budget:
    """One budget's shrunk fit: everything is linear in ln L, so one small matrix serves all draws.

    The prior of the curvature is one more observation below the rows, with a row's noise.
    """

    curve: Parabola
    matrix: FloatArray  # (rows, 3)
    solve: FloatArray  # (3, rows + 1)
    target: FloatArray  # (rows + 1,)
    changes: FloatArray  # (draws, rows + 1)
    cube: FloatArray  # (rows + 1,) what one unit of lean adds
    left: FloatArray  # (rows + 1,) what a parabola leaves of that
    weight: float  # 1 ÷ variance of a row
    trend: float


def parabola_minima(
    table: Table,
    curves: list[Parabola],
    noise: Noise,
    perturbations: FloatArray,
    rng: np.random.Generator,
) -> Minima:
    """Minima of the usable parabolas, refitted under ``perturbations`` (draws, n rows of ln L)."""
    usable = [p for p in curves if p.status == OK]
    sds = noise.at(np.array([p.log_c for p in usable]))
    valley = valley_of(table, usable, sds)
    budgets = [
        _budget(table, curve, float(sd), valley, perturbations, rng)
        for curve, sd in zip(usable, sds, strict=True)
    ]
    lean = _lean(budgets)
    found = [_minimum(budget, lean) for budget in budgets]
    log_n, log_loss = (np.stack(part, axis=1) for part in zip(*found, strict=True))
    straight = slice(2, None, 2)  # the draws whose valleys do not lean
    return Minima(
        log_c=np.array([p.log_c for p in usable]),
        log_n=log_n,
        log_loss=log_loss,
        variance_n=log_n[straight].var(axis=0),
        variance_loss=log_loss[straight].var(axis=0),
        valley=valley,
    )


def valley_of(table: Table, usable: list[Parabola], sds: FloatArray) -> Valley:
    """Trend of the curvature: weighted least squares of ln c on ln C, with a prior slope of 0."""
    log_c = np.array([p.log_c for p in usable])
    c = np.array([p.coefficients[2] for p in usable])
    spread = [
        sd * np.sqrt(np.linalg.pinv(matrix.T @ matrix)[2, 2])
        for sd, matrix in zip(sds, (design(table, p) for p in usable), strict=True)
    ]
    weight = 1 / ((np.array(spread) / c) ** 2 + 0.2**2)
    reference = float(np.average(log_c, weights=weight))
    x = log_c - reference
    level = float(np.average(np.log(c), weights=weight))
    slope = float(np.sum(weight * x * np.log(c)) / (np.sum(weight * x * x) + TREND_SPREAD**-2))
    return Valley(level, slope, reference, (float(log_c.min()), float(log_c.max())))


def _budget(
    table: Table,
    curve: Parabola,
    sd: float,
    valley: Valley,
    perturbations: FloatArray,
    rng: np.random.Generator,
) -> _Budget:
    trend = float(valley.curvature(np.array(curve.log_c)))
    matrix = design(table, curve)
    pull = sd / (CURVATURE_SPREAD * trend)
    augmented = np.vstack([matrix, [0.0, 0.0, pull]])
    solve = np.linalg.pinv(augmented)
    own = sd * rng.standard_normal(len(perturbations))
    cube = np.append(trend * matrix[:, 1] ** 3, 0.0)
    return _Budget(
        curve=curve,
        matrix=matrix,
        solve=solve,
        target=np.append(table.log_loss[curve.rows], pull * trend),
        changes=np.column_stack([perturbations[:, curve.rows], own]),
        cube=cube,
        left=cube - augmented @ (solve @ cube),
        weight=max(sd, 1e-12) ** -2,
        trend=trend,
    )


def _lean(budgets: list[_Budget]) -> FloatArray:
    """Cubic ÷ quadratic of all budgets: (draws + 1,), 0 for the estimate and every other draw."""
    precision = LEAN_SPREAD**-2 + sum(b.weight * float(b.left @ b.left) for b in budgets)
    at = sum(b.weight * float(b.left @ b.target) for b in budgets)
    moved = sum(b.weight * (b.changes @ b.left) for b in budgets)
    lean = np.append(0.0, (at + moved) / precision)
    lean[2::2] = 0.0
    return np.asarray(lean)


def _minimum(budget: _Budget, lean: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Ln N* and ln L* of one budget: (draws + 1,) each."""
    changes = np.vstack([np.zeros(len(budget.target)), budget.changes])
    rest = budget.target + changes - np.outer(lean, budget.cube)
    a, b, c = (rest @ budget.solve.T).T
    c = np.maximum(c, 0.1 * budget.trend)
    d = lean * budget.trend
    inside = c * c - 3 * d * b
    # No minimum with that lean: the valley does not lean as far out as that.
    d = np.where(inside > 0, d, 0.0)
    # The root of b + 2cu + 3du² that is −b/2c without lean.
    u = -b / (c + np.sqrt(np.where(inside > 0, inside, c * c)))
    low, high = budget.matrix[:, 1].min(), budget.matrix[:, 1].max()
    u = np.clip(u, low - (high - low), high + (high - low))
    return budget.curve.centre + u, a + b * u + c * u * u + d * u**3
