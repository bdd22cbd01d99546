"""The joint form: all budgets share one valley, one line of best sizes and one loss law.

L(N, C) = E + a·C^(−b) · (β·e^(−αu) + α·e^(βu))/(α + β), with u = ln N − ln N*(C) and N* = k·C^s.

It is the surface E + A/N^α + B/D^β at D = C/(6N) with two ties cut. There s = β/(α + β) and
b = αβ/(α + β); here best size and loss follow exponents of their own, and no tokens are needed.
"""

from dataclasses import dataclass

import numpy as np

from ditlaw.laws import leastsquares
from ditlaw.laws.line import SLOPE, SLOPE_SPREAD
from ditlaw.laws.losslaws import MAX_SHARE, LossLaws
from ditlaw.laws.noise import Noise, Residuals, misfit
from ditlaw.laws.solver import LOG_EXPONENT_RANGE, LOG_FLOOR_BELOW
from ditlaw.laws.surface import huber_width, rows_of
from ditlaw.laws.table import FloatArray, Table

PARAMETERS = 7
SKEW_SPREAD = 1.0  # prior sd of ln(α/β)
FLOOR_STARTS, VALLEY_STARTS = (0.3, 0.7, 0.9), (0.1, 0.3, 0.9)  # shares of the loss; α = β


@dataclass(frozen=True)
class Joint:
    """θ (draws + 1, 7): ln E, ln a, ln b, n0, s, ln α, ln β about centres; entry 0 the estimate."""

    theta: FloatArray
    log_n: float
    log_c: float
    failed: int  # refits that did not converge and were left out

    def best_size(self, log_c: FloatArray) -> FloatArray:
        """Ln N* at ln C (m,): (draws + 1, m)."""
        away = log_c - self.log_c
        return np.asarray(self.log_n + self.theta[:, 3:4] + self.theta[:, 4:5] * away)

    @property
    def loss_law(self) -> LossLaws:
        """L = E + a·C^(−b) along the best sizes."""
        floor, level, exponent = self.theta[:, 0], self.theta[:, 1], self.theta[:, 2]
        return LossLaws(np.exp(floor), level, np.exp(exponent), self.log_c)

    def best_loss(self, log_c: FloatArray) -> FloatArray:
        """Ln L at the best size: (draws + 1, m)."""
        return self.loss_law(log_c)

    def loss(self, log_n: FloatArray, log_c: FloatArray) -> FloatArray:
        """Ln L of models ln N (m,) or (draws + 1, m) with FLOPs ln C (m,): (draws + 1, m)."""
        return np.log(_terms(self.theta, log_n - self.log_n, log_c - self.log_c)[0])


@dataclass(frozen=True)
class _Model:
    """The form over rows of centred ln N and ln C, for ``leastsquares.refine``."""

    u: FloatArray
    x: FloatArray
    low: FloatArray
    high: FloatArray
    pull: FloatArray
    aim: FloatArray

    def predict(self, theta: FloatArray) -> FloatArray:
        return np.log(_terms(theta, self.u, self.x)[0])

    def derivatives(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        loss, slopes = _terms(theta, self.u, self.x)
        return np.log(loss), np.stack(slopes, axis=1) / loss[:, None, :]


def fit_joint(table: Table, noise: Noise, perturbations: FloatArray) -> Joint | None:
    """The form and its refits to fitted losses + perturbations (draws, n); None if unfittable."""
    rows = rows_of(table)
    if len(rows) < PARAMETERS + 1 or len(np.unique(table.log_c[rows].round(6))) < 3:
        return None
    log_n, log_c, log_loss = table.log_n[rows], table.log_c[rows], table.log_loss[rows]
    model = _model(log_n - log_n.mean(), log_c - log_c.mean(), log_loss, noise.sd)
    delta = huber_width(noise.sd)
    theta, objective, _ = leastsquares.refine(
        model, _starts(model.x, log_loss), log_loss, delta, 200, 1e-12
    )
    best = theta[np.argmin(objective)]
    fitted = model.predict(best[None])[0]
    free = np.full(len(rows), 1 - PARAMETERS / len(rows))
    unfit = misfit(noise, Residuals(log_loss - fitted, log_c, free))
    starts = np.broadcast_to(best, (len(perturbations), PARAMETERS))
    redrawn = fitted + unfit * perturbations[:, rows]
    theta, _, converged = leastsquares.refine(model, starts, redrawn, delta, 60, 1e-6)
    good = np.flatnonzero(converged & np.all(np.isfinite(theta), axis=1))
    if not len(good):
        return None
    # A failed refit's place is taken by a good one, so that every form has as many draws.
    theta = theta[good[np.arange(len(theta)) % len(good)]]
    failed = len(theta) - len(good)
    return Joint(np.vstack([best, theta]), float(log_n.mean()), float(log_c.mean()), failed)


def _model(u: FloatArray, x: FloatArray, log_loss: FloatArray, sd: float) -> _Model:
    smallest = float(log_loss.min())
    low_exponent, high_exponent = LOG_EXPONENT_RANGE
    low = [smallest - LOG_FLOOR_BELOW, -60.0, np.log(1e-3), -30.0, -1.0, *[low_exponent] * 2]
    high = [smallest + np.log(MAX_SHARE), 60.0, high_exponent, 30.0, 2.0, *[high_exponent] * 2]
    pull = np.zeros((2, PARAMETERS))
    pull[0, 4] = sd / SLOPE_SPREAD
    pull[1, 5:] = sd / SKEW_SPREAD * np.array([1.0, -1.0])
    aim = np.array([pull[0, 4] * SLOPE, 0.0])
    return _Model(u, x, np.array(low), np.array(high), pull, aim)


def _starts(x: FloatArray, log_loss: FloatArray) -> FloatArray:
    """θ (9, 7): every floor with the exponent that the overall fall then has, every valley."""
    fall = max(-np.polyfit(x, log_loss, 1)[0], 1e-3)
    middle, smallest = float(np.median(log_loss)), float(log_loss.min())
    starts = []
    for share in FLOOR_STARTS:
        rest = np.exp(middle) - share * np.exp(smallest)
        exponent = fall * np.exp(middle) / rest
        for valley in VALLEY_STARTS:
            shared = [np.log(share) + smallest, np.log(rest), np.log(exponent), 0.0, SLOPE]
            starts.append([*shared, np.log(valley), np.log(valley)])
    return np.array(starts)


def _terms(
    theta: FloatArray, u: FloatArray, x: FloatArray
) -> tuple[FloatArray, tuple[FloatArray, ...]]:
    """L (r, n) and its derivatives in the seven parameters, each (r, n)."""
    e, log_a, log_b, n0, s, log_alpha, log_beta = (theta[:, i : i + 1] for i in range(PARAMETERS))
    b, alpha, beta = np.exp(log_b), np.exp(log_alpha), np.exp(log_beta)
    away = u - n0 - s * x
    # Far from the best size the valley only has to be deep, not right: exponents are capped.
    left, right = np.exp(np.minimum(-alpha * away, 50.0)), np.exp(np.minimum(beta * away, 50.0))
    total = alpha + beta
    valley = (beta * left + alpha * right) / total
    slope = alpha * beta * (right - left) / total
    rest = np.exp(np.clip(log_a - b * x, -200.0, 200.0))
    floor = np.exp(e) * np.ones_like(away)
    slopes = (
        floor,
        rest * valley,
        -b * x * rest * valley,
        -rest * slope,
        -x * rest * slope,
        rest * alpha * (right - beta * away * left - valley) / total,
        rest * beta * (left + alpha * away * right - valley) / total,
    )
    return floor + rest * valley, slopes
