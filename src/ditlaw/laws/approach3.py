"""L = E + A/N^α + B/D^β through every row at once, as others publish it: to compare with them.

``fit`` minimises Σ Huber(ln L̂ − ln L) at a stated width, the objective of Hoffmann et al. 2022
(arXiv 2203.15556, approach 3). ``fit_likelihood`` is the form of Besiroglu et al. 2024 (arXiv
2404.10102): the residuals ÷ σ have a density ∝ exp(−Huber), and σ is fitted too. The tool's own
laws choose their rows and the width themselves (``surface``).
"""

from dataclasses import dataclass, replace

import numpy as np

from ditlaw.errors import Refused
from ditlaw.laws import leastsquares, solver
from ditlaw.laws.table import FloatArray

HOFFMANN_WIDTH = 1e-3
MIN_ROWS, MIN_DISTINCT = 6, 3
STEPS, TOLERANCE = 400, 1e-13
ALTERNATIONS = 200  # between the five parameters and σ
NARROWING = 10**-0.5  # of the Huber width, from one warm start to the next
NARROWEST = 1e-12  # residuals of exact data are rounding, which has no scale


@dataclass(frozen=True)
class FivePoint:
    """Coefficients with N in params and D in tokens, residuals ln L − ln L̂ (n,) and objective.

    ``scale`` is σ of the likelihood form; None where the width was stated.
    """

    E: float
    A: float
    B: float
    alpha: float
    beta: float
    objective: float
    residuals: FloatArray
    scale: float | None = None


def fit(
    log_n: FloatArray, log_d: FloatArray, log_loss: FloatArray, width: float = HOFFMANN_WIDTH
) -> FivePoint:
    """The five parameters of least Σ Huber, ½r² within ``width`` of ln L; arguments (n,), logs.

    Raises:
        Refused: fewer than 6 rows, or fewer than 3 sizes or amounts of data.
    """
    return _Rows(log_n, log_d, log_loss).best(width)[1]


def fit_likelihood(
    log_n: FloatArray, log_d: FloatArray, log_loss: FloatArray, width: float = HOFFMANN_WIDTH
) -> FivePoint:
    """The most likely five parameters and σ, where (ln L − ln L̂)/σ has density ∝ exp(−Huber).

    ``width`` is that Huber's, in units of σ. ``objective`` is Σ Huber(r/σ) + n·ln σ. With a width
    far below 1 nearly all residuals are in the tails, and the fit is of least absolute deviations.
    The width in ln L is therefore narrowed in steps, each fit started from the one before.

    Raises:
        Refused: as ``fit``.
    """
    rows = _Rows(log_n, log_d, log_loss)
    reach = HOFFMANN_WIDTH
    theta, found = rows.best(reach)
    for _ in range(ALTERNATIONS):
        last, reach = reach, max(width * _scale(found.residuals, width), reach * NARROWING)
        theta, found = rows.refined(theta, reach)
        if reach < NARROWEST or abs(reach - last) <= 1e-9 * last:
            break
    scale = max(_scale(found.residuals, width), NARROWEST)
    value = float(leastsquares.huber(found.residuals / scale, width)) + len(log_n) * np.log(scale)
    return replace(found, objective=value, scale=scale)


@dataclass(frozen=True)
class _Rows:
    """The rows of one fit, checked to be able to hold five parameters."""

    log_n: FloatArray
    log_d: FloatArray
    log_loss: FloatArray

    def __post_init__(self) -> None:
        distinct = min(len(np.unique(logs.round(9))) for logs in (self.log_n, self.log_d))
        if len(self.log_n) < MIN_ROWS or distinct < MIN_DISTINCT:
            raise Refused(
                f"a surface needs {MIN_ROWS} rows with {MIN_DISTINCT} sizes and {MIN_DISTINCT} "
                f"amounts of tokens; there are {len(self.log_n)} rows"
            )

    def best(self, width: float) -> tuple[FloatArray, FivePoint]:
        """From a grid of starts."""
        u, v = self._centred()
        return self.refined(solver.best_start(u, v, self.log_loss), width)

    def refined(self, starts: FloatArray, width: float) -> tuple[FloatArray, FivePoint]:
        """The best θ (1, 5) from starts (s, 5), and its meaning."""
        u, v = self._centred()
        theta, objective, _ = solver.refine(starts, u, v, self.log_loss, width, STEPS, TOLERANCE)
        best = theta[[objective.argmin()]]
        found = solver.coefficients(best, float(self.log_n.mean()), float(self.log_d.mean()))
        return best, FivePoint(
            **{name: float(value[0]) for name, value in found.items()},
            objective=float(objective.min()),
            residuals=self.log_loss - np.log(sum(solver.predict(best, u, v)))[0],
        )

    def _centred(self) -> tuple[FloatArray, FloatArray]:
        return self.log_n - self.log_n.mean(), self.log_d - self.log_d.mean()


def _scale(residuals: FloatArray, width: float) -> float:
    """σ of greatest likelihood: n = Σ |r/σ|·min(|r/σ|, width), a fixed point from the tails' σ."""
    size = np.abs(residuals)
    scale = max(width * float(size.mean()), 1e-300)
    for _ in range(100):
        new = float(np.sqrt(np.mean(size * np.minimum(size, width * scale))))
        if abs(new - scale) <= 1e-12 * scale or new == 0:
            break
        scale = new
    return scale
