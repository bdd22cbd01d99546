"""The training loss as steps are made: averaged, and watched for divergence, without waiting.

A GPU computes behind the program that feeds it; to read a number of it is to wait for it. So the
average, and the first bad step, are kept where they are computed and read when someone asks.
"""

from typing import NamedTuple

import torch
from torch import Tensor

EXPLODED = 1e3  # times the loss of a model that says nothing, where most begin: no batch is so odd


class Bad(NamedTuple):
    """The first step whose loss was not finite or had exploded."""

    step: int
    loss: float


class HostLosses:
    """Of a CPU: numbers are there as soon as they are computed.

    ``idle`` is the loss of a model that says nothing.
    """

    def __init__(self, idle: float) -> None:
        self.limit = EXPLODED * idle
        self.smoothed = 0.0
        self.bad: Bad | None = None

    def add(self, mean: Tensor, step: int, share: float) -> None:
        """Fold in a step's mean loss with that share."""
        value = float(mean)
        if self.bad is None and not value <= self.limit:  # NaN is neither
            self.bad = Bad(step, value)
        self.smoothed += share * (value - self.smoothed)

    def read(self) -> tuple[float, Bad | None]:
        """The average so far, and the first bad step."""
        return self.smoothed, self.bad

    def restore(self, smoothed: float) -> None:
        """Start from a saved average."""
        self.smoothed, self.bad = smoothed, None


class DeviceLosses:
    """Of a GPU: a few numbers in its memory, which a captured step can update.

    ``step`` and ``share`` of ``add`` are tensors there too, set before each step.
    """

    def __init__(self, device: torch.device, idle: float) -> None:
        self.limit = EXPLODED * idle
        # Average, first bad step (0: none), its loss.
        self.kept = torch.zeros(3, dtype=torch.float64, device=device)

    def add(self, mean: Tensor, step: Tensor, share: Tensor) -> None:
        """Fold in a step's mean loss with that share."""
        value = mean.double()
        smoothed, bad_step, bad_loss = self.kept.unbind()
        first = ~(value <= self.limit) & (bad_step == 0)
        bad_loss.copy_(torch.where(first, value, bad_loss))
        bad_step.copy_(torch.where(first, step.double(), bad_step))
        smoothed.add_(share.double() * (value - smoothed))

    def read(self) -> tuple[float, Bad | None]:
        """The average so far, and the first bad step; waits for the device."""
        smoothed, step, loss = self.kept.tolist()
        return smoothed, Bad(int(step), loss) if step else None

    def restore(self, smoothed: float) -> None:
        """Start from a saved average."""
        self.kept.copy_(torch.tensor([smoothed, 0.0, 0.0], dtype=torch.float64))
