"""The loss surface L(N, D) = E + A/N^α + B/D^β and the best size along a compute budget."""

from dataclasses import dataclass

import numpy as np

from ditlaw.laws import solver
from ditlaw.laws.isoflop import window
from ditlaw.laws.kappa import Kappa
from ditlaw.laws.noise import Noise, Residuals, misfit
from ditlaw.laws.table import FloatArray, IntArray, Table

HUBER_SDS = 1.5  # in standard deviations of a run; rows further out count less
MIN_HUBER = 1e-3  # in ln L
MIN_ROWS = 8
PARAMETERS = 5
SIZES_BELOW, SIZES_ABOVE, SIZE_STEP = 8.0, 18.0, 0.1  # grid of ln N around the data
FURTHEST = 100.0  # and one point that far, in ln N: κ is constant out there, the path straight


@dataclass(frozen=True)
class Surface:
    """θ (draws + 1, 5) of ``solver`` about centres of ln N and ln D; entry 0 is the estimate."""

    theta: FloatArray
    log_n: float
    log_d: float
    sizes: tuple[float, float]  # smallest and largest ln N fitted
    kappa: Kappa
    failed: int  # refits that did not converge and were left out

    def loss(self, log_n: FloatArray, log_c: FloatArray) -> FloatArray:
        """Ln L of models ln N (m,) or (draws + 1, m) with FLOPs ln C (m,): (draws + 1, m)."""
        log_d = self.kappa.log_tokens(log_n, log_c)
        terms = solver.predict(self.theta, log_n - self.log_n, log_d - self.log_d)
        return np.asarray(np.log(sum(terms)))

    def best_size(self, log_c: FloatArray) -> FloatArray:
        """Ln N that minimises L(N, C/(κ(N)·N)) at ln C (m,): (draws + 1, m).

        Setting the derivative to zero gives C in closed form for every N:
        ln C = g + [ln(βB·g') − ln(αA) + α·ln N]/β with g(ln N) = ln N + ln κ. That is tabulated
        and read backwards.
        """
        low, high = self.sizes
        near = np.arange(low - SIZES_BELOW, high + SIZES_ABOVE, SIZE_STEP)
        grid = np.concatenate([[low - FURTHEST], near, [high + FURTHEST]])
        g = grid + self.kappa.log(grid)
        rise = np.maximum(1 + self.kappa.slope(grid), 1e-3)
        _, a, b, log_alpha, log_beta = self.theta.T[:, :, None]
        alpha, beta = np.exp(log_alpha), np.exp(log_beta)
        balance = log_beta + b + np.log(rise) - log_alpha - a + alpha * (grid - self.log_n)
        path = np.maximum.accumulate(g + self.log_d + balance / beta, axis=1)
        return np.array([np.interp(log_c, row, grid) for row in path])

    def best_loss(self, log_c: FloatArray) -> FloatArray:
        """Ln L at each draw's own best size: (draws + 1, m)."""
        return self.loss(self.best_size(log_c), log_c)

    def coefficients(self) -> dict[str, FloatArray]:
        """E, A, B, α, β with N in params and D in tokens, each (draws + 1,)."""
        return solver.coefficients(self.theta, self.log_n, self.log_d)


def huber_width(sd: float) -> float:
    """In ln L, for runs that scatter by ``sd``."""
    return max(HUBER_SDS * sd, MIN_HUBER)


def rows_of(table: Table) -> IntArray:
    """Rows that a surface is fitted to: each budget's window, and all rows without a budget."""
    groups = [np.flatnonzero(table.group == g) for g in np.unique(table.group[table.group >= 0])]
    near = [window(table, rows) for rows in groups]
    return np.sort(np.concatenate([np.flatnonzero(table.group < 0), *near]))


def fit_point(table: Table, rows: IntArray, sd: float) -> tuple[FloatArray, FloatArray] | None:
    """θ (5,) and residuals in ln L, or None where the rows do not determine a surface.

    ``sd`` sets the Huber width; with 0 it is taken from the residuals themselves.
    """
    if len(rows) < MIN_ROWS:
        return None
    u, v, y = _centred(table, rows)
    if len(np.unique(u.round(9))) < 3 or len(np.unique(v.round(9))) < 3:
        return None
    delta = huber_width(sd) if sd > 0 else 1.0
    start = solver.best_start(u, v, y)
    theta, objective, _ = solver.refine(start, u, v, y, delta, 120, 1e-13)
    best = theta[np.argmin(objective)]
    residual = y - np.log(sum(solver.predict(best[None], u, v)))[0]
    if sd <= 0:
        scale = 1.4826 * float(np.median(np.abs(residual)))
        return fit_point(table, rows, scale) if scale > 1e-6 else (best, residual)
    return best, residual


def fit_surface(
    table: Table, kappa: Kappa, noise: Noise, perturbations: FloatArray
) -> Surface | None:
    """The surface and its refits to fitted losses + perturbations (draws, n); None if unfittable.

    Perturbations grow by the surface's own lack of fit where its residuals exceed run noise.
    """
    rows = rows_of(table)
    point = fit_point(table, rows, noise.sd)
    if point is None:
        return None
    best, residual = point
    u, v, y = _centred(table, rows)
    free = np.full(len(rows), 1 - PARAMETERS / len(rows))
    unfit = misfit(noise, Residuals(residual, table.log_c[rows], free))
    redrawn = (y - residual) + unfit * perturbations[:, rows]
    delta = huber_width(noise.sd)
    start = np.broadcast_to(best, (len(redrawn), PARAMETERS)).copy()
    theta, _, converged = solver.refine(start, u, v, redrawn, delta, 100, 1e-5)
    good = converged & np.all(np.isfinite(theta), axis=1)
    failed = int(np.sum(~good))
    if failed == len(theta):
        return None
    # A failed refit's place is taken by a good one, so that every form has as many draws.
    theta = theta[good][np.arange(len(theta)) % int(good.sum())]
    return Surface(
        theta=np.vstack([best, theta]),
        log_n=float(table.log_n[rows].mean()),
        log_d=float(table.log_d[rows].mean()),
        sizes=(float(table.log_n[rows].min()), float(table.log_n[rows].max())),
        kappa=kappa,
        failed=failed,
    )


def _centred(table: Table, rows: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    log_n, log_d = table.log_n[rows], table.log_d[rows]
    return log_n - log_n.mean(), log_d - log_d.mean(), table.log_loss[rows]
