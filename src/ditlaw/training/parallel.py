"""Who trains a run: one process alone, or several ranks that share it.

What a run computes does not depend on it but for rounding. ``Alone`` is every question's answer
where there is nobody to share with; ``ditlaw.training.distributed`` has the others.
"""

import contextlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ditlaw.data.order import rank_part
from ditlaw.training.checkpoint import Checkpoints
from ditlaw.training.folder import RunFolder


class Alone:
    """One process, which trains the whole batch and holds the whole model."""

    rank, world, strategy = 0, 1, "alone"

    @property
    def first(self) -> bool:
        """Whether this rank is the one that writes what there is one of, and evaluates."""
        return self.rank == 0

    def rows(self, batch: int) -> slice:
        """Which samples of a global batch this rank trains on."""
        start, number = rank_part(0, batch, self.rank, self.world)
        return slice(start, start + number)

    def spread(self, model: torch.nn.Module, own: bool) -> torch.nn.Module:
        """What a step calls in the model's place; sharded weights take the place of the model's.

        Raises:
            Refused: the model cannot be shared so.
        """
        return model

    def unsynced(self, called: torch.nn.Module) -> contextlib.AbstractContextManager[Any]:
        """Within, gradients stay with their rank: more of the batch is to follow."""
        return contextlib.nullcontext()

    def backward(self, loss: Tensor) -> None:
        """Add to the gradients those of a part of the batch's mean loss."""
        loss.backward()  # type: ignore[no-untyped-call]

    def total(self, value: Tensor) -> Tensor:
        """The sum of a number over all ranks."""
        return value

    def heard(self, *flags: bool) -> tuple[bool, ...]:
        """What the first rank says, so that all do alike; the others wait for it."""
        return flags

    def shard(self, parameter: Tensor) -> Tensor:
        """The part of a parameter, or of what has its form, that lies on this rank."""
        return parameter.detach()

    def joined(self, parameter: Tensor, shard: Tensor) -> Tensor:
        """Shards like the parameter's as one tensor of the whole's shape, wherever they lie."""
        return shard

    def whole(self, parameter: Tensor, shard: Tensor) -> Tensor:
        """The same with all of its values here; every rank has to ask."""
        return shard

    def placed(self, parameter: Tensor, value: Tensor) -> Tensor:
        """A value of the parameter's shape, joined or whole, in the parameter's form."""
        return value

    def micro(self, folder: RunFolder) -> int | None:
        """How many samples at a time an earlier attempt with as many ranks found that memory holds.

        None: all, as far as is known.
        """
        told = [
            int(event["micro_batch"])
            for event in folder.events()
            if event.get("event") == "out-of-memory" and event.get("ranks") == self.world
        ]
        return min(told, default=None)

    def checkpoints(self, folder: Path, training: str) -> Checkpoints:
        """Where states are kept; ranks write and read them together."""
        return Checkpoints(folder, training)
