"""Does the law bend inside the data? A broken power law against the floor law, on budgets' minima.

The broken law (Caballero et al. 2022, arXiv 2210.14891, with a turn of a fixed width) has one
parameter more than the floor law. It is believed if Akaike's criterion, with the scatter of each
minimum known from run noise, prefers it by a margin, and if it also forecasts every budget but the
first better than the floor law, each from all the others. The place of a break is no ordinary
parameter, a search over it finds something in any noise, so the margin is larger than the usual 2;
``benchmarks/bends.py`` prints how often it then appears for laws that do not bend, and for laws
that do.
"""

from dataclasses import dataclass

import numpy as np

from ditlaw import text
from ditlaw.laws.ensemble import of_draws
from ditlaw.laws.losslaws import fit_floor
from ditlaw.laws.minima import Minima
from ditlaw.laws.table import FloatArray
from ditlaw.results import Note, Quantity

MIN_BUDGETS = 6
WIDTH = 0.2  # e-folds: the turn lies between two budgets
PLACES = 201  # where a break is looked for
MARGIN = 3.0  # of Akaike's criterion
EXACT = 1e-6  # relative scatter that is rounding, not noise
PARAMETERS = 4


@dataclass(frozen=True)
class Bend:
    """Where a law bends, in FLOPs; d ln L/d ln C before and after; how much better it fits."""

    flops: Quantity
    before: float
    after: float
    gain: float

    def note(self) -> Note:
        """In words."""
        return Note(
            code="law-bends",
            text=f"the best loss bends at {text.with_interval(self.flops, text.flops)} FLOPs: it "
            f"falls as C^-{self.before:.3g} before and C^-{self.after:.3g} after. No form behind a "
            "forecast bends, they only listen more to the latest budgets; fit those above it "
            "alone to compare.",
        )


@dataclass(frozen=True)
class _Broken:
    """ln L = t0 + t1·x + t2·w·ln(1 + e^((x − d)/w)) of r sets of minima; t (r, 3), d (r,)."""

    t: FloatArray
    at: FloatArray

    def __call__(self, x: FloatArray) -> FloatArray:
        return np.asarray(np.einsum("rmk,rk->rm", _basis(x, self.at), self.t))


def find_bend(minima: Minima, level: float) -> Bend | None:
    """The bend of the minima of six budgets or more, or None; the interval is of that level."""
    if len(minima.log_c) < MIN_BUDGETS:
        return None
    order = np.argsort(minima.log_c)
    log_c, y = minima.log_c[order], minima.log_loss[:, order]
    weight = 1 / np.maximum(minima.variance_loss[order], EXACT**2)
    plain = float(np.sum(weight * (fit_floor(log_c, y[:1], weight)(log_c)[0] - y[0]) ** 2))
    if plain <= MARGIN:  # nothing that a bend could explain
        return None
    broken = _fit_broken(log_c, y[:1], weight)
    bent = float(np.sum(weight * (broken(log_c)[0] - y[0]) ** 2))
    gain = (plain - bent) / max(1.0, bent / (len(log_c) - PARAMETERS)) - 2
    if gain <= MARGIN or not _forecasts_better(log_c, y[:1], weight):
        return None
    at = np.append(broken.at, _fit_broken(log_c, y[1:], weight).at)
    before, more = -broken.t[0, 1], -broken.t[0, 2]
    return Bend(of_draws(np.exp(at), level), float(before), float(before + more), gain)


def _forecasts_better(log_c: FloatArray, y: FloatArray, weight: FloatArray) -> bool:
    """Whether the broken law errs less at the budgets, each forecast from all the others.

    The first is not asked for: laws are made to go up, and down there both go wrong most.
    """
    errors = np.zeros(2)
    for j in range(1, len(log_c)):
        rest = np.arange(len(log_c)) != j
        given = log_c[rest], y[:, rest], weight[rest]
        found = [law(log_c[[j]])[0, 0] for law in (_fit_broken(*given), fit_floor(*given))]
        errors += weight[j] * (np.array(found) - y[0, j]) ** 2
    return bool(errors[0] < errors[1])


def _fit_broken(x: FloatArray, y: FloatArray, weight: FloatArray) -> _Broken:
    """Weighted least squares of y (r, B), one law for each of the r: the break by search.

    It has two budgets at least on either side: beyond them it could not be told from an outlier.
    """
    places = np.linspace(x[1], x[-2], PLACES)
    root = np.sqrt(weight)
    q, r = np.linalg.qr(_basis(x, places) * root[:, None])
    scaled = y * root
    inside = np.einsum("pbk,rb->rpk", q, scaled)
    left = np.sum((scaled[:, None] - np.einsum("pbk,rpk->rpb", q, inside)) ** 2, axis=2)
    best = left.argmin(axis=1)
    t = np.linalg.solve(r[best], inside[np.arange(len(y)), best, :, None])[:, :, 0]
    return _Broken(t, places[best])


def _basis(x: FloatArray, at: FloatArray) -> FloatArray:
    """1, x and the turn at each break (p,), at x (m,): (p, m, 3)."""
    turn = WIDTH * np.logaddexp(0.0, (x - at[:, None]) / WIDTH)
    return np.stack([np.ones_like(turn), np.broadcast_to(x, turn.shape), turn], axis=2)
