"""Drawing pictures: Euler steps along the learned velocity, with classifier-free guidance."""

import torch
from torch import Tensor

from ditlaw.models import Condition, Velocity


@torch.no_grad()
def euler(
    model: Velocity, noise: Tensor, condition: Condition, *, steps: int, guidance: float
) -> Tensor:
    """Integrate from t = 1 (noise) to t = 0 (data) in equal steps.

    Guided velocity = v(∅) + guidance·(v(condition) − v(∅)), where ∅ says nothing; guidance 1 is the
    plain model. Source: Ho & Salimans 2207.12598.

    Args:
        model: the network.
        noise: (batch, channels, height, width), standard normal.
        condition: what the pictures are to show.
        steps: number of Euler steps.
        guidance: scale; 1 needs no second pass.
    """
    x = noise
    batch = len(x)
    for step in range(steps):
        t = torch.full((batch,), 1 - step / steps, dtype=x.dtype, device=x.device)
        if guidance == 1:
            velocity = model(x, t, condition)
        else:
            both = model(torch.cat([x, x]), torch.cat([t, t]), condition.then(condition.silent()))
            conditional, unconditional = both.chunk(2)
            velocity = unconditional + guidance * (conditional - unconditional)
        x = x - velocity / steps
    return x
