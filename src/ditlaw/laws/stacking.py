"""Weights of the forms from their backtests: stacking.

Source: Breiman 1996, "Stacked regressions". The weights are those whose mixture would have erred
least, not those of the forms that erred least alone: two forms that err to opposite sides are
better together than either. Bayesian here: the mean of the weights under their likelihood, so that
few or noisy backtests leave them near the prior's.
"""

import itertools

import numpy as np

from ditlaw.laws.table import FloatArray

STEPS = 20  # weights are multiples of 5 %


def stack(errors: FloatArray, variance: FloatArray, prior: FloatArray) -> FloatArray:
    """Posterior mean weights (f,), which sum to 1.

    Args:
        errors: (n, f) signed errors of each form in ln units.
        variance: (n,) of an error that a right form would have.
        prior: (f,) Dirichlet parameters of the weights, 1 or more.
    """
    grid = simplex(errors.shape[1])
    score = -0.5 * np.sum((grid @ errors.T) ** 2 / variance, axis=1)
    # The density of a step's middle: a weight of exactly 0 must stay possible.
    score += np.log(np.maximum(grid, 0.5 / STEPS)) @ (prior - 1)
    likelihood = np.exp(score - score.max())
    return np.asarray(likelihood @ grid / likelihood.sum())


def simplex(forms: int) -> FloatArray:
    """All weights in steps of 5 % that sum to 1: (k, forms)."""
    shares = itertools.product(range(STEPS + 1), repeat=forms - 1)
    rows = [(*s, STEPS - sum(s)) for s in shares if sum(s) <= STEPS]
    return np.array(rows, dtype=float) / STEPS
