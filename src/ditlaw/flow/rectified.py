"""Rectified flow: the straight path between data and noise, and its regression target.

x_t = (1 − t)·x_0 + t·ε with t = 1 noise; the model learns v = dx_t/dt = ε − x_0 by plain squared
error (Liu et al. 2209.03003; the paper, arXiv 2410.08184, uses the same).
"""

from typing import Any, TypeVar

import torch
from torch import Tensor

from ditlaw.models import Condition, Velocity
from ditlaw.study.schema import Timesteps

Time = TypeVar("Time", float, Tensor)


def timesteps(density: Timesteps, quantiles: Tensor, image_tokens: int = 0) -> Tensor:
    """The inverse CDF of the timestep density: quantiles in (0, 1) → t in (0, 1).

    ``image_tokens`` of a sample shift it, where the density says from how many.
    """
    t = quantiles
    if density.density != "uniform":
        t = torch.sigmoid(density.mean + density.std * torch.special.ndtri(quantiles))
    return shifted(t, density.shift(image_tokens)) if image_tokens else t


def shifted(t: Time, shift: float) -> Time:
    """t' = s·t/(1 + (s − 1)·t): 0 and 1 stay, s > 1 moves what lies between towards noise.

    Source: Esser et al. 2403.03206, §5.3.2, equation 23.
    """
    return t if shift == 1 else shift * t / (1 + (shift - 1) * t)


def stratified(count: int, generator: torch.Generator) -> Tensor:
    """One uniform quantile in each of ``count`` equal strata, (count,), in rising order."""
    offsets = torch.rand(count, generator=generator, dtype=torch.float64)
    return ((torch.arange(count, dtype=torch.float64) + offsets) / count).clamp(1e-6, 1 - 1e-6)


def loss(model: Velocity, x0: Tensor, noise: Tensor, t: Tensor, condition: Condition) -> Tensor:
    """Mean squared error of the velocity for each sample, (batch,).

    Args:
        model: the network.
        x0: (batch, channels, [frames,] height, width) data.
        noise: the same shape, standard normal.
        t: (batch,) timesteps.
        condition: what the batch is to show.
    """
    return (model(_between(x0, noise, t), t, condition) - (noise - x0)).square().flatten(1).mean(1)


def training_loss(
    model: Any,
    x0: Tensor,
    noise: Tensor,
    t: Tensor,
    condition: Condition,
    order: Tensor | None,
) -> Tensor:
    """What training minimises for each sample, (batch,): ``loss``, or a masked family's own.

    ``order`` (batch, image tokens) decides at random which tokens a masked family hides.
    """
    if getattr(model, "trains_masked", False):
        masked: Tensor = model(_between(x0, noise, t), t, condition, noise - x0, order)
        return masked
    return loss(model, x0, noise, t, condition)


def _between(x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """The path's point x_t."""
    along = t.view(-1, *[1] * (x0.ndim - 1))
    return (1 - along) * x0 + along * noise
