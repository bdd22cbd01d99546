"""The smallest total of training and generation along a curve of equal loss."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ditlaw.laws.table import FloatArray
from ditlaw.lifetime.forms import Form

MOST_TRAINING = np.log(1e3)  # training FLOPs ÷ X, at most
STEPS = 160  # of training FLOPs in between, closer to each other near X, where the curve is steep
FINE = 4001
SMALLEST, HALVINGS = 12.0, 44  # how far below N* a size is searched, in ln N, and how finely
CENTRE = "centre"  # beside the forms' names: the estimate that is theirs together
Cost = Callable[[FloatArray], FloatArray]  # ln N, any shape → ln of all generation FLOPs


@dataclass(frozen=True)
class Optimum:
    """Ln of params, training FLOPs and generation FLOPs: the estimate, then draws (k + 1,)."""

    log_n: FloatArray
    log_c: FloatArray
    log_g: FloatArray

    @property
    def total(self) -> FloatArray:
        """FLOPs of both (k + 1,)."""
        return np.asarray(np.exp(self.log_c) + np.exp(self.log_g))


def optima(
    forms: Mapping[str, Form],
    weights: Mapping[str, float],
    errors: Mapping[str, FloatArray],
    log_x: float,
    cost: Cost,
) -> tuple[dict[str, Optimum], dict[str, Optimum]]:
    """The compute-optimal models and those that are best for a lifetime, by form and together.

    Each form's own draws follow its own curve of equal loss. The estimate follows one curve: N* of
    all forms, moved as the mean of theirs. So it is N* where nothing is generated, and its total
    never above that of N*.

    Args:
        forms: that are heard.
        weights: theirs, any scale.
        errors: the model error of ln N* in the draws (k + 1, 1) of each.
        log_x: ln of the budget whose best loss is kept.
        cost: ln of what a size costs to generate with.
    """
    position = np.linspace(0.0, 1.0, STEPS)
    log_c = log_x + MOST_TRAINING * position**2
    curves = {name: _equal_loss(form, log_c) for name, form in forms.items()}
    whole = sum(weights[name] for name in forms)
    mean = sum(weights[name] / whole * curve[:1] for name, curve in curves.items())
    moved = {name: curve + errors[name] for name, curve in curves.items()}
    moved[CENTRE] = np.asarray(mean)
    fine = np.linspace(0.0, 1.0, FINE)
    at = log_x + MOST_TRAINING * fine**2
    best, found = {}, {}
    for name, curve in moved.items():
        sizes = np.array([np.interp(fine, position, row) for row in curve])
        generation = cost(sizes)
        least = np.logaddexp(at, generation).argmin(axis=1)
        rows = np.arange(len(sizes))
        start = np.full(len(sizes), log_x)
        best[name] = Optimum(sizes[:, 0], start, generation[:, 0])
        found[name] = Optimum(sizes[rows, least], at[least], generation[rows, least])
    return best, found


def _equal_loss(form: Form, log_c: FloatArray) -> FloatArray:
    """Ln N of the smallest model that reaches the best loss of the first ln C: (k + 1, m).

    Halving between a size that is far too small and the best size of each ln C, which does better.
    """
    target = form.best_loss(log_c[:1])
    high = form.best_size(log_c)
    first = high[:, :1].copy()
    low = np.broadcast_to(first - SMALLEST, high.shape)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        with np.errstate(over="ignore"):
            reached = form.loss(middle, log_c) <= target
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    high[:, :1] = first
    return high
