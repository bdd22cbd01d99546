"""Drawing pictures: steps along the learned velocity, with classifier-free guidance."""

from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from ditlaw.flow.rectified import shifted
from ditlaw.models import Condition, Velocity

Sampler = Literal["euler", "heun"]


@torch.no_grad()
def sample(
    model: Velocity,
    noise: Tensor,
    condition: Condition,
    *,
    sampler: Sampler = "euler",
    steps: int,
    guidance: float,
    shift: float = 1.0,
) -> Tensor:
    """Integrate dx/dt = v from t = 1 (noise) to t = 0 (data).

    ``euler`` is of first order and asks the model once a step; ``heun`` (the trapezium rule with an
    Euler step as predictor) is of second order and asks twice.

    Args:
        model: the network.
        noise: (batch, channels, [frames,] height, width), standard normal.
        condition: what the pictures are to show.
        sampler: the rule.
        steps: number of steps.
        guidance: scale; see ``guided``.
        shift: of the times; see ``rectified.shifted``.
    """
    velocity = guided(model, condition, guidance)
    x = noise
    for now, then in pairwise(times(steps, shift)):
        v = velocity(x, now)
        ahead = x + (then - now) * v
        x = ahead if sampler == "euler" else x + (then - now) * (v + velocity(ahead, then)) / 2
    return x


def times(steps: int, shift: float = 1.0) -> list[float]:
    """The steps + 1 times from noise to data: in equal steps, then shifted."""
    return [shifted(1 - step / steps, shift) for step in range(steps + 1)]


def guided(
    model: Velocity, condition: Condition, guidance: float
) -> Callable[[Tensor, float], Tensor]:
    """The velocity v(∅) + guidance·(v(condition) − v(∅)) at (x, t), where ∅ says nothing.

    Guidance 1 is the plain model and needs no second pass. Source: Ho & Salimans 2207.12598.
    """

    def velocity(x: Tensor, at: float) -> Tensor:
        t = torch.full((len(x),), at, dtype=x.dtype, device=x.device)
        if guidance == 1:
            return model(x, t, condition)
        both = model(torch.cat([x, x]), torch.cat([t, t]), condition.then(condition.silent()))
        conditional, unconditional = both.chunk(2)
        return unconditional + guidance * (conditional - unconditional)

    return velocity
