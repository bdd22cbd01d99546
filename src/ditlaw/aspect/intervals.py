"""Draws as quantities whose bounds are null where the rows set none, and verdicts from them."""

import numpy as np

from ditlaw.laws.ensemble import of_draws
from ditlaw.laws.table import BoolArray, FloatArray
from ditlaw.results import Quantity
from ditlaw.results.shapes import Standing

EDGE = 1e-6  # of ln ratio: this near an end is at it


def standing(difference: Quantity, tolerance: float) -> Standing:
    """Whether a loss above the best is within the tolerance, by its interval."""
    assert difference.low is not None
    assert difference.high is not None
    if difference.high <= tolerance:
        return "within"
    return "worse" if difference.low > tolerance else "undecided"


def open_ended(
    values: FloatArray, level: float, lost: BoolArray | None, *, exp: bool = False
) -> Quantity:
    """``of_draws``, an end null where lost draws reach it."""
    share = (1 - level) / 2
    gone = np.zeros(len(values), dtype=bool) if lost is None else lost
    low = np.quantile(np.where(gone, -np.inf, values)[1:], share, method="lower")
    high = np.quantile(np.where(gone, np.inf, values)[1:], 1 - share, method="higher")
    value = float(values[0])
    ends = [min(float(low), value), value, max(float(high), value)]
    if exp:
        with np.errstate(over="ignore"):
            ends = [float(np.exp(end)) for end in ends]
    known = [end if np.isfinite(end) and (end > 0 or not exp) else None for end in ends]
    return Quantity(
        value=max(ends[1], 1e-300) if exp else value, low=known[0], high=known[2], level=level
    )


def bounded(values: FloatArray, low: float, high: float, middle: float, level: float) -> Quantity:
    """A ratio from ln ratios that cannot leave [low, high]: a bound that is at an end is null."""
    found = of_draws(values, level)
    assert found.low is not None
    assert found.high is not None
    return Quantity(
        value=float(np.exp(found.value + middle)),
        low=None if found.low <= low + EDGE else float(np.exp(found.low + middle)),
        high=None if found.high >= high - EDGE else float(np.exp(found.high + middle)),
        level=level,
    )


def exponential(values: FloatArray, level: float) -> Quantity:
    """e to the power of draws, the estimate first."""
    return of_draws(np.exp(values), level)
