"""Two laws side by side: their values at targets, where they cross, and what is equal."""

from typing import Literal

import numpy as np

from ditlaw.answering import AnsweringLaw
from ditlaw.comparison.curves import Curves
from ditlaw.comparison.equal_time import EqualTime, device_of, equal_time
from ditlaw.laws.law import REACH
from ditlaw.laws.table import FloatArray
from ditlaw.results import Pair, Quantity, Target, verdict_of

WIDER = np.log(1e3)  # how far beyond data and targets crossings and equal losses are looked for
POINTS = 241
Named = tuple[str, AnsweringLaw]


def pair_of(a: Named, b: Named, flops: list[float]) -> Pair:
    """Two named laws at budgets, smallest first."""
    curves = _curves(a[1], b[1], flops)
    timed = equal_time(a[1], b[1], curves)
    crossing = curves.crossing()
    return Pair(
        a_name=a[0],
        b_name=b[0],
        at=[_target(curves, timed, x) for x in flops],
        crossing=crossing,
        crossing_beyond=_side(crossing, [a[1], b[1]]),
        crossing_at_equal_time=timed.crossing() if timed else None,
        device=device_of([a[1], b[1]]) if timed else None,
        exponent_difference=curves.exponent_difference(float(np.log(flops[-1]))),
    )


def _side(crossing: Quantity | None, laws: list[AnsweringLaw]) -> Literal["below", "above"] | None:
    """On which side of all fitted ranges a crossing lies; None inside one, or where one lacks."""
    ranges = [r for law in laws if (r := law.observations.flops_range())]
    if crossing is None or len(ranges) < len(laws):
        return None
    if crossing.value < min(low for low, _ in ranges):
        return "below"
    return "above" if crossing.value > max(high for _, high in ranges) else None


def _curves(a: AnsweringLaw, b: AnsweringLaw, flops: list[float]) -> Curves:
    known = [r for r in (a.observations.flops_range(), b.observations.flops_range()) if r]
    ends = np.log([*flops, *(x for r in known for x in r)])
    # No further than both laws answer, by a hair.
    reach = np.log(REACH) - 1e-6
    low = max(ends.min() - WIDER, *(np.log(r[0]) - reach for r in known), -np.inf)
    high = min(ends.max() + WIDER, *(np.log(r[1]) + reach for r in known), np.inf)
    grid = np.linspace(low, high, POINTS)
    # The targets are points of the grid, so that their values are the forecasts' own.
    log_c = np.union1d(grid, np.log(flops))
    rows = [_rows(law, log_c, seed) for seed, law in enumerate((a, b))]
    draws = max(len(r) for r in rows) - 1
    rows = [np.vstack([r[:1], r[1:][np.arange(draws) % (len(r) - 1)]]) for r in rows]
    # Between two published laws the interval is all that rounding allows; with a fitted one in the
    # pair it is of that law's level.
    return Curves(log_c, rows[0], rows[1], min(a.level, b.level))


def _rows(law: AnsweringLaw, log_c: FloatArray, seed: int) -> FloatArray:
    """Ln L: the estimate, then draws in an order of their own, independent of the other law's."""
    flops = np.exp(log_c)
    draws = law.loss_draws(flops)
    shuffled = np.random.default_rng(seed).permutation(len(draws))
    loss = law.curve(flops).loss
    assert loss is not None  # or there had been no draws
    return np.vstack([np.log(loss.value)[None], draws[shuffled]])


def _target(curves: Curves, timed: EqualTime | None, flops: float) -> Target:
    log_c = float(np.log(flops))
    a, b = (float(np.exp(x[0])) for x in curves.at(log_c))
    difference = curves.difference(log_c)
    return Target(
        flops=flops,
        a=a,
        b=b,
        difference=difference,
        compute_ratio=curves.compute_ratio(log_c),
        verdict=verdict_of(difference),
        at_equal_time=timed.at(flops) if timed else None,
    )
