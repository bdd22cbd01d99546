"""What a size costs that is not the best one: near-optimal sizes, and the regret of any size."""

import numpy as np
from scipy.special import ndtri

from ditlaw.errors import BadInput
from ditlaw.laws.ensemble import Ensemble, band
from ditlaw.laws.table import FloatArray
from ditlaw.results import Quantity, SizeRange

SPAN, STEP = 5.0, 0.01  # of the grid of ln N about the best size
NODES = 9  # places at which the model error of N* is sampled, equally likely
NONE = 1e-12  # a regret this small is rounding


def near_optimal(
    ensemble: Ensemble, log_n: float, log_c: float, tolerance: float
) -> SizeRange | None:
    """Sizes about ln N* whose central loss is within ``tolerance`` of the smallest one.

    None where they reach further than e^5 to one side, or where nothing is known off the best.

    Raises:
        BadInput: the tolerance is not between 0 and 1.
    """
    if not 0.0 < tolerance < 1.0:
        raise BadInput(f"tolerance: {tolerance:g} is not between 0 and 1; use 0.0025 for 0.25 %")
    grid, losses = _valley(ensemble, log_n, log_c)
    if np.isnan(losses).any():
        return None
    near = grid[losses <= losses.min() + np.log1p(tolerance)]
    if near[0] == grid[0] or near[-1] == grid[-1]:
        return None
    return SizeRange(low=float(np.exp(near[0])), high=float(np.exp(near[-1])), tolerance=tolerance)


def regret(ensemble: Ensemble, best: float, log_n: float, log_c: float, level: float) -> Quantity:
    """Loss of a size ln N above the best at that budget, as a fraction; ``best`` is ln N*.

    The value is read off the central curve that ``near_optimal`` reads. The interval is that of
    each draw's own loss above its own best, so what moves both cancels: run noise and the model
    error of the loss. The model error of N* does not, and moves the valley sideways.
    """
    _, losses = _valley(ensemble, best, log_c)
    here = ensemble.central_loss(np.array([log_n]), np.array([log_c]))
    value = float(np.expm1(here[0] - min(losses.min(), here[0])))
    weights, forms = ensemble.size_weights, ensemble.forms
    at = np.array([log_c])
    variance = sum(w * forms[n].size_model_sd(at)[0] ** 2 for n, w in weights.items() if w)
    moved = log_n - np.sqrt(variance) * ndtri((np.arange(NODES) + 0.5) / NODES)
    draws = {}
    for name, form in forms.items():
        above = form.loss(moved, np.full(NODES, log_c)) - form.best_loss(at)
        above = np.maximum(np.nan_to_num(above[1:], nan=0.0, posinf=700.0), 0.0)
        # Entry 0 is the estimate of a form, which here is everyone's.
        draws[name] = np.concatenate([[np.log1p(value)], above.ravel()])[:, None]
    found = band(draws, ensemble.loss_weights, level)
    value, low, high = (float(end[0]) - 1 for end in (found.value, found.low, found.high))
    value, low, high = (0.0 if end < NONE else end for end in (value, low, high))
    return Quantity(value=value, low=low, high=high, level=level)


def _valley(ensemble: Ensemble, log_n: float, log_c: float) -> tuple[FloatArray, FloatArray]:
    """A grid of ln N about a size and the central ln L there."""
    grid = log_n + np.linspace(-SPAN, SPAN, round(2 * SPAN / STEP) + 1)
    return grid, ensemble.central_loss(grid, np.full(len(grid), log_c))
