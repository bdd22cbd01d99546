"""Loss laws through the budgets' minima: L = a·C^(−b), and L = E + a·C^(−b) with a floor.

One law through all budgets, or what the latest budgets say: where a law bends inside the data, the
end of the data knows more about what follows than its beginning.

All draws are fitted at once: for a given floor the law is a weighted straight line in closed form,
so only the floor is searched, as a share of the smallest loss.
"""

from dataclasses import dataclass

import numpy as np

from ditlaw.laws.table import FloatArray

MAX_SHARE = 0.98  # a numerical guard: a floor at the smallest loss would fit it with infinite slope
GRID = 49
GOLDEN = (np.sqrt(5) - 1) / 2
# The latest budgets: weights fall by e every so many e-folds of compute below the last one, and the
# share of the law with a floor in the blend. Both from hold-outs of public language sweeps that
# leave their three largest budgets out.
MEMORY = 1.5
FLOOR_SHARE = 0.65
# A diffusion loss has a floor, the variance of the target that the input leaves open, and small
# studies see it.
DIFFUSION_FLOOR_SHARE = 1.0


@dataclass(frozen=True)
class LossLaws:
    """ln(L − floor) = level − exponent·(ln C − reference); each field (draws + 1,)."""

    floor: FloatArray
    level: FloatArray
    exponent: FloatArray
    reference: float

    def __call__(self, log_c: FloatArray) -> FloatArray:
        """Ln L at ln C (m,): (draws + 1, m)."""
        x = log_c - self.reference
        with np.errstate(divide="ignore"):  # no floor: ln 0
            floor = np.log(self.floor[:, None])
        return np.logaddexp(floor, self.level[:, None] - self.exponent[:, None] * x)

    @property
    def log_coefficient(self) -> FloatArray:
        """Ln a in L = floor + a·C^(−b), C in FLOPs."""
        return np.asarray(self.level + self.exponent * self.reference)


def fit_power(log_c: FloatArray, log_loss: FloatArray, weight: FloatArray) -> LossLaws:
    """Least squares of ln L (draws + 1, B) on ln C (B,), no floor; budgets weigh (B,)."""
    reference = float(log_c.mean())
    weights = np.broadcast_to(weight, log_loss.shape)
    _, level, slope = _line(log_c - reference, log_loss, weights)
    return LossLaws(np.zeros(len(log_loss)), level, -slope, reference)


def fit_floor(log_c: FloatArray, log_loss: FloatArray, weight: FloatArray) -> LossLaws:
    """Least squares in ln L, to first order, of L = E + a·C^(−b) with 0 ≤ E ≤ 0.98·min L.

    Budgets weigh (B,).
    """
    reference = float(log_c.mean())
    x, smallest = log_c - reference, log_loss.min(axis=1)
    # In units of the smallest; no loss is e^300 times that, but a wild redraw may be.
    loss = np.exp(np.minimum(log_loss - smallest[:, None], 300.0))

    def at(share: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Objective, level and slope for floor shares of shape (draws + 1, g)."""
        rest = loss[:, None, :] - share[:, :, None]
        # An error in ln L is this much of one in ln(L − E).
        return _line(x, np.log(rest), weight * (rest / loss[:, None, :]) ** 2)

    grid = np.linspace(0.0, MAX_SHARE, GRID)
    best = at(np.broadcast_to(grid, (len(loss), GRID)))[0].argmin(axis=1)
    low = grid[np.maximum(best - 1, 0)][:, None]
    high = grid[np.minimum(best + 1, GRID - 1)][:, None]
    for _ in range(44):  # golden section down to 1e-9 of a grid step
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        falls = at(right)[0] < at(left)[0]
        low, high = np.where(falls, left, low), np.where(falls, high, right)
    share = 0.5 * (low + high)
    ends = np.concatenate([share, np.zeros_like(share)], axis=1)
    share = np.take_along_axis(ends, at(ends)[0].argmin(axis=1)[:, None], axis=1)
    _, level, slope = at(share)
    floor = share[:, 0] * np.exp(smallest)
    return LossLaws(floor, level[:, 0] + smallest, -slope[:, 0], reference)


@dataclass(frozen=True)
class Recent:
    """What the latest budgets say: a blend of a law with a floor and one without.

    Near its end a law that bends looks straight, so its floor is overrated there.
    """

    floor: LossLaws
    power: LossLaws
    floor_share: float

    def __call__(self, log_c: FloatArray) -> FloatArray:
        """Ln L at ln C (m,): (draws + 1, m)."""
        return self.floor_share * self.floor(log_c) + (1 - self.floor_share) * self.power(log_c)


def fit_recent(
    log_c: FloatArray, log_loss: FloatArray, weight: FloatArray, floor_share: float
) -> Recent:
    """Both laws through (draws + 1, B); weights (B,) fall with distance below the last."""
    weight = weight * np.exp((log_c - log_c.max()) / MEMORY)
    return Recent(
        fit_floor(log_c, log_loss, weight), fit_power(log_c, log_loss, weight), floor_share
    )


def _line(
    x: FloatArray, y: FloatArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weighted straight lines over the last axis: residual sum of squares, level at 0, slope."""
    total = weight.sum(axis=-1)
    mean_x = (weight * x).sum(axis=-1) / total
    mean_y = (weight * y).sum(axis=-1) / total
    dx, dy = x - mean_x[..., None], y - mean_y[..., None]
    slope = (weight * dx * dy).sum(axis=-1) / (weight * dx * dx).sum(axis=-1)
    rss = (weight * (dy - slope[..., None] * dx) ** 2).sum(axis=-1)
    return rss, mean_y - slope * mean_x, slope
