"""Two laws' loss curves on one grid of ln C: ratios of compute, crossings and slopes, per draw.

Arrays of draws are (draws + 1, m): row 0 is the estimate, the others are equally likely curves of
ln L. Rows of two laws are paired at random, so the laws are taken to be independent.
"""

from dataclasses import dataclass

import numpy as np

from ditlaw.laws.ensemble import of_draws
from ditlaw.laws.table import FloatArray
from ditlaw.results import Quantity


@dataclass(frozen=True)
class Curves:
    """Ln L of laws a and b over ``log_c`` (m,)."""

    log_c: FloatArray
    a: FloatArray
    b: FloatArray
    level: float

    def at(self, log_c: float) -> tuple[FloatArray, FloatArray]:
        """Ln L of a and b at one ln C: (draws + 1,) each."""
        return at(self.a, self.log_c, log_c), at(self.b, self.log_c, log_c)

    def difference(self, log_c: float) -> Quantity:
        """L_b − L_a."""
        a, b = self.at(log_c)
        return of_draws(np.exp(b) - np.exp(a), self.level)

    def compute_ratio(self, log_c: float) -> Quantity | None:
        """b's FLOPs ÷ a's for the loss that a has at ``log_c``; None if b never has it.

        A bound is None where b has it beyond the grid's end.
        """
        wanted, _ = self.at(log_c)
        return quantity_or_none(np.exp(first_reach(self.b, self.log_c, wanted) - log_c), self.level)

    def exponent_difference(self, log_c: float, step: float = 0.1) -> Quantity:
        """b − a of the local exponent −d ln L / d ln C."""
        after, before = self.at(log_c + step), self.at(log_c - step)
        a, b = ((before[k] - after[k]) / (2 * step) for k in (0, 1))
        return of_draws(b - a, self.level)

    def crossing(self) -> Quantity | None:
        """FLOPs at which the two are equal; None where the estimates are not, on this grid.

        A draw that crosses in the same direction counts where it does so nearest to the estimates'
        crossing. One that does not lies to one side of the grid, by which law is better in it; if
        that is more than half of them nothing is stated, and a bound that falls among them is None.
        """
        gap = self.b - self.a
        centre = crossings(gap[0], self.log_c)
        if not centre:
            return None
        middle = (self.log_c[0] + self.log_c[-1]) / 2
        where, rising = min(centre, key=lambda found: abs(found[0] - middle))
        logs = np.array([_nearest_crossing(row, self.log_c, where, rising) for row in gap[1:]])
        if np.mean(np.isfinite(logs)) < 0.5:
            return None
        return quantity_or_none(np.exp(np.append(where, logs)), self.level)


def at(curves: FloatArray, grid: FloatArray, log_c: float) -> FloatArray:
    """Curves (k, m) at one ln C inside the grid, linear between its points: (k,)."""
    j = int(np.clip(np.searchsorted(grid, log_c), 1, len(grid) - 1))
    share = (log_c - grid[j - 1]) / (grid[j] - grid[j - 1])
    return np.asarray(curves[:, j - 1] + share * (curves[:, j] - curves[:, j - 1]))


def first_reach(curves: FloatArray, grid: FloatArray, wanted: FloatArray) -> FloatArray:
    """Ln C at which each curve (k, m) first comes down to its own ``wanted`` (k,): (k,).

    −inf where it is there at the grid's start, +inf where it never is.
    """
    best = np.minimum.accumulate(curves, axis=1)
    there = best <= wanted[:, None]
    j = np.clip(there.argmax(axis=1), 1, None)
    rows = np.arange(len(curves))
    upper, lower = best[rows, j - 1], best[rows, j]
    fall = np.where(upper > lower, upper - lower, 1.0)
    found = grid[j - 1] + (upper - wanted) / fall * (grid[j] - grid[j - 1])
    found = np.where(there.any(axis=1), found, np.inf)
    return np.asarray(np.where(there[:, 0], -np.inf, found))


def crossings(gap: FloatArray, grid: FloatArray) -> list[tuple[float, bool]]:
    """Each ln C at which a gap (m,) changes sign, and whether it rises there."""
    found = []
    for j in np.flatnonzero((gap[:-1] < 0) != (gap[1:] < 0)):
        share = gap[j] / (gap[j] - gap[j + 1])
        found.append((float(grid[j] + share * (grid[j + 1] - grid[j])), bool(gap[j] < 0)))
    return found


def _nearest_crossing(gap: FloatArray, grid: FloatArray, where: float, rising: bool) -> float:
    found = [c for c, up in crossings(gap, grid) if up == rising]
    if found:
        return min(found, key=lambda c: abs(c - where))
    # Already over at the start if it ends up on the far side of zero, else still to come.
    return -np.inf if (at(gap[None], grid, where)[0] > 0) == rising else np.inf


def quantity_or_none(values: FloatArray, level: float) -> Quantity | None:
    """As ``of_draws`` for positive values of which 0 and inf mean beyond the grid."""
    if not 0 < values[0] < np.inf:
        return None
    # Quantiles between two draws would mix a number with infinity: take draws themselves.
    low = np.quantile(values[1:], (1 - level) / 2, method="lower")
    high = np.quantile(values[1:], (1 + level) / 2, method="higher")
    value = float(values[0])
    return Quantity(
        value=value,
        low=min(float(low), value) if low > 0 else None,
        high=max(float(high), value) if np.isfinite(high) else None,
        level=level,
    )
