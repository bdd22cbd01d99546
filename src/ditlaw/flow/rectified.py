"""Rectified flow: the straight path between data and noise, and its regression target.

x_t = (1 − t)·x_0 + t·ε with t = 1 noise; the model learns v = dx_t/dt = ε − x_0 by plain squared
error (Liu et al. 2209.03003; the paper, arXiv 2410.08184, uses the same).
"""

import torch
from torch import Tensor

from ditlaw.models import Velocity
from ditlaw.study.schema import Timesteps


def timesteps(density: Timesteps, quantiles: Tensor) -> Tensor:
    """The inverse CDF of the timestep density: quantiles in (0, 1) → t in (0, 1)."""
    if density.density == "uniform":
        return quantiles
    return torch.sigmoid(density.mean + density.std * torch.special.ndtri(quantiles))


def stratified(count: int, generator: torch.Generator) -> Tensor:
    """One uniform quantile in each of ``count`` equal strata, (count,), in rising order."""
    offsets = torch.rand(count, generator=generator, dtype=torch.float64)
    return ((torch.arange(count, dtype=torch.float64) + offsets) / count).clamp(1e-6, 1 - 1e-6)


def loss(model: Velocity, x0: Tensor, noise: Tensor, t: Tensor, text: Tensor | None) -> Tensor:
    """Mean squared error of the velocity for each sample, (batch,).

    Args:
        model: the network.
        x0: (batch, channels, height, width) data.
        noise: the same shape, standard normal.
        t: (batch,) timesteps.
        text: the caption, as the model takes it.
    """
    along = t[:, None, None, None]
    x_t = (1 - along) * x0 + along * noise
    return (model(x_t, t, text) - (noise - x0)).square().flatten(1).mean(1)
