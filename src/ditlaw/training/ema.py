"""Power-function EMA of the weights: its memory grows with the run, so it needs no horizon."""

import torch
from scipy.optimize import brentq
from torch import Tensor


def exponent(relative_width: float) -> float:
    """γ of the power-function profile t^γ whose standard deviation is that share of the run.

    σ_rel = sqrt((γ+1) / ((γ+2)²(γ+3))); 5 % gives γ = 16.97. Source: Karras et al. 2312.02696,
    equations 121-127.
    """

    def error(gamma: float) -> float:
        return float(((gamma + 1) / ((gamma + 2) ** 2 * (gamma + 3))) ** 0.5 - relative_width)

    return float(brentq(error, 0.0, 1e6))


def decay(gamma: float, step: int) -> float:
    """β_t = (1 − 1/t)^(γ+1) for the t-th update, t from 1."""
    return float((1 - 1 / step) ** (gamma + 1))


class PowerEma:
    """Averages of a list of tensors, updated in place."""

    def __init__(self, tensors: list[Tensor], relative_width: float) -> None:
        self.gamma = exponent(relative_width)
        self.tensors = [t.detach().clone() for t in tensors]

    def share(self, step: int) -> float:
        """What the weights after the ``step``-th optimiser step, from 1, count in the average."""
        return 1 - decay(self.gamma, step)

    def update(self, tensors: list[Tensor], share: float | Tensor) -> None:
        """Fold in weights with that share, a number or a scalar on their device."""
        if isinstance(share, float):
            torch._foreach_lerp_(self.tensors, tensors, share)
            return
        for average, value in zip(self.tensors, tensors, strict=True):
            average.lerp_(value, share)
