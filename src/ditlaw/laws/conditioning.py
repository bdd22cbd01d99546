"""What a law expects of new runs together, and what it says once some of them are known.

The law's error is shared by all of them, the effect of a trunk by the points of one run, and each
point has a share of its own (``noise``). So the first points of a run tell of its later ones, and
runs that check a law tell of the law. To learn from them is linear regression on the possible
values: a miss of many half-widths moves the answer too, where reweighing the draws would leave one
of them.
"""

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from ditlaw.laws.table import FloatArray, IntArray
from ditlaw.results import Quantity

if TYPE_CHECKING:
    from ditlaw.laws.law import Law

REPEATS = 10  # of run noise on each draw of the law


def possible(
    law: "Law", expected: FloatArray, log_c: FloatArray, trunk: IntArray, seed: int = 0
) -> FloatArray:
    """Equally likely ln L of m points of new runs, run noise included: (draws·REPEATS, m).

    Args:
        law: whose scatter of runs it is.
        expected: (draws, m) equally likely curves of the law itself.
        log_c: (m,) ln C of the points.
        trunk: (m,) which run each is of, from 0.
        seed: of the run noise.
    """
    candidates = law.fitted.ensemble.candidates
    curves, sds = (np.repeat(part, REPEATS, axis=0) for part in (expected, candidates.sd_draws))
    rng = np.random.default_rng(seed)
    return np.asarray(curves + candidates.noise.perturbations(trunk, log_c, sds, rng))


def learn(
    values: FloatArray, seen: FloatArray, misses: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Shift and sd of ln L of t points, from what k others missed their forecasts by.

    Args:
        values: (draws, t) possible ln L of the points that are asked about.
        seen: (draws, k) of the points that are known.
        misses: (k,) ln of measured ÷ forecast.
    """
    there, here = seen - seen.mean(axis=0), values - values.mean(axis=0)
    gain = np.linalg.pinv(there.T @ there, rcond=1e-10, hermitian=True) @ (there.T @ here)
    return misses @ gain, np.std(here - there @ gain, axis=0)


def about(value: float, sd: float, level: float) -> Quantity:
    """A value with the interval of a normal error of its logarithm."""
    wide = float(ndtri((1 + level) / 2)) * sd
    return Quantity(value=value, low=value * np.exp(-wide), high=value * np.exp(wide), level=level)


def loss_with(
    law: "Law", target: float, *, params: FloatArray, flops: FloatArray, loss: FloatArray
) -> Quantity:
    """Loss of one new run at the best size of a budget, had the law known k more runs.

    Args:
        law: the law, which does not hold them.
        target: FLOPs.
        params: (k,) of the runs, as are ``flops`` and ``loss``.
        flops: what each was trained with.
        loss: what each reached.

    Raises:
        BadInput, Refused: as ``Law.loss_at``.
    """
    shapes = law.draws_at(params, flops)
    expected = np.column_stack([shapes, law.loss_draws(target)])
    log_c = np.log([*flops, target])
    drawn = possible(law, expected, log_c, np.arange(len(log_c)))
    misses = np.log(loss) - law.losses_at(params, flops)
    shift, sd = learn(drawn[:, -1:], drawn[:, :-1], misses)
    best = law.optimum(target).loss.value
    return about(best * float(np.exp(shift[0])), float(sd[0]), law.level)
