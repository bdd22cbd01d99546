"""The variational bound on −log p of one sample, in nats, by stratified draws of t.

With α = 1 − t and σ = t the bound of a diffusion model in continuous time (Kingma et al.
2107.00630, eq. 11 and 17) is, for the velocity v = ε − x_0 and the model's v̂,

    ∫ (1 − t)/t · E‖v − v̂‖² dt  over [t_min, 1]
    + d/2 · (1 + log 2π + 2 log(t_min/(1 − t_min)))

and no prior term, since x_1 is noise exactly. The derivation is in docs/metrics.md.
"""

import math

import torch
from torch import Tensor

from ditlaw.flow.noise import normal, uniform
from ditlaw.models import Condition, Velocity

T_MIN = 1e-3
STRATA = 32
NOISE_SEED, TIME_SEED = 0x71B0, 0x71B1


@torch.no_grad()
def variational_bound(
    model: Velocity,
    x0: Tensor,
    condition: Condition,
    *,
    start: int = 0,
    strata: int = STRATA,
    t_min: float = T_MIN,
) -> Tensor:
    """An unbiased estimate of the bound for each sample, (batch,) float64 nats on the CPU.

    t is drawn once in each of ``strata`` equal parts of log t, where the integrand is
    (1 − t)·‖v − v̂‖². Times and noise of sample i are functions of (start + i, stratum) alone.

    Args:
        model: the network.
        x0: (batch, channels, [frames,] height, width) data.
        condition: what the model is told.
        start: number of the first sample.
        strata: of log t.
        t_min: where the integral ends and reconstruction begins.
    """
    batch, shape = len(x0), tuple(x0.shape[1:])
    offsets = uniform(TIME_SEED, start, batch, (strata,)).to(torch.float64)
    total = torch.zeros(batch, dtype=torch.float64)
    for stratum in range(strata):
        log_t = math.log(t_min) * (1 - (stratum + offsets[:, stratum]) / strata)
        t = log_t.exp().to(x0.dtype).to(x0.device)
        rows = range(start, start + batch)
        noise = torch.cat([normal(NOISE_SEED, row * strata + stratum, 1, shape) for row in rows])
        noise = noise.to(x0)
        along = t.view(-1, *[1] * len(shape))
        error = model((1 - along) * x0 + along * noise, t, condition) - (noise - x0)
        squares = error.flatten(1).double().square().sum(1)
        total += ((1 - t.double()) * squares).cpu()
    integral = total * (-math.log(t_min) / strata)
    return integral + reconstruction(math.prod(shape), t_min)


def reconstruction(dimensions: int, t_min: float) -> float:
    """E[−log N(x_0; x_t/α, (σ/α)²)] at t_min, in nats: the error there is noise of just that size.

    α = 1 − t_min and σ = t_min.
    """
    return dimensions / 2 * (1 + math.log(2 * math.pi) + 2 * math.log(t_min / (1 - t_min)))
