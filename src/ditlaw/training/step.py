"""One optimiser step: the batch's gradient, in parts that fit in memory, then AdamW and EMA."""

import contextlib
from collections.abc import Callable

import torch
from torch import Tensor

from ditlaw.errors import Refused
from ditlaw.flow import training_loss
from ditlaw.training.ema import PowerEma
from ditlaw.training.feeder import StepInputs
from ditlaw.training.memory import Made, fitting
from ditlaw.training.parallel import Alone


class Stepper:
    """Steps of one model. ``micro`` samples go through it at a time; the gradient is the batch's.

    ``ranks`` share a ``batch``; each steps through its own rows of it, with the model it has.
    ``tell`` hears of what a reader of the run's log should know, as (event, fields).
    """

    def __init__(
        self,
        model: torch.nn.Module,
        parameters: list[torch.nn.Parameter],
        optimiser: torch.optim.Optimizer,
        ema: PowerEma,
        clip: float,
        batch: int,
        micro: int,
        ranks: Alone,
        tell: Callable[..., None],
    ) -> None:
        self.model, self.parameters, self.optimiser = model, parameters, optimiser
        self.ema, self.clip, self.batch, self.micro = ema, clip, batch, micro
        self.ranks, self.tell = ranks, tell

    def gradient(self, inputs: StepInputs) -> Tensor:
        """Set the parameters' gradients; returns the batch's mean loss, a scalar on the device."""
        self.optimiser.zero_grad(set_to_none=True)
        here, total = len(inputs.t), None
        for start in range(0, here, self.micro):
            whole, last = self.micro >= here, start + self.micro >= here
            part = inputs if whole else inputs.rows(slice(start, start + self.micro))
            assert part.noise is not None
            given = (part.x0, part.noise, part.t, part.condition, part.order)
            with contextlib.nullcontext() if last else self.ranks.unsynced(self.model):
                mean = training_loss(self.model, *given).mean()
                if len(part.t) < self.batch:
                    mean = mean * (len(part.t) / self.batch)
                self.ranks.backward(mean)
            total = mean.detach() if total is None else total + mean.detach()
        assert total is not None, "a batch is never empty"
        return self.ranks.total(total)

    def update(self, share: float | Tensor) -> None:
        """Clip, take AdamW's step, and fold the weights into their average with that share."""
        torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.optimiser.step()
        self.ema.update([self.ranks.shard(p) for p in self.parameters], share)

    def fitting(self, compute: Callable[[], Made]) -> Made:
        """Compute what changes no weights; where memory does not hold it, in halves, again.

        Raises:
            Refused: one sample is too many, or other ranks are in the middle of the step: they
                cannot do it again. What is told of it serves the next attempt.
        """
        mend = "use a device with more memory, or recipe.checkpointing: true"
        return fitting(compute, self.micro, self._less, "out of memory", mend)

    def _less(self, micro: int) -> None:
        self.optimiser.zero_grad(set_to_none=True)
        self.micro = micro
        self.tell("out-of-memory", micro_batch=micro, ranks=self.ranks.world)
        if self.ranks.world > 1:
            raise Refused(
                f"out of memory on a rank; run again to go on with {micro} samples at a "
                "time on each"
            )
