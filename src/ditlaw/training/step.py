"""One optimiser step: the batch's gradient, in parts that fit in memory, then AdamW and EMA."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from ditlaw.errors import Refused
from ditlaw.flow import training_loss
from ditlaw.training.ema import PowerEma
from ditlaw.training.feeder import StepInputs

Made = TypeVar("Made")


class Stepper:
    """Steps of one model. ``micro`` samples go through it at a time; the gradient is the batch's.

    ``tell`` hears of what a reader of the run's log should know, as (event, fields).
    """

    def __init__(
        self,
        model: torch.nn.Module,
        parameters: list[torch.nn.Parameter],
        optimiser: torch.optim.Optimizer,
        ema: PowerEma,
        clip: float,
        micro: int,
        tell: Callable[..., None],
    ) -> None:
        self.model, self.parameters, self.optimiser = model, parameters, optimiser
        self.ema, self.clip, self.micro, self.tell = ema, clip, micro, tell

    def gradient(self, inputs: StepInputs) -> Tensor:
        """Set the parameters' gradients; returns the mean loss, a scalar on the device."""
        self.optimiser.zero_grad(set_to_none=True)
        batch, total = len(inputs.t), None
        for start in range(0, batch, self.micro):
            whole = self.micro >= batch
            part = inputs if whole else inputs.rows(slice(start, start + self.micro))
            assert part.noise is not None
            given = (part.x0, part.noise, part.t, part.condition, part.order)
            mean = training_loss(self.model, *given).mean()
            if not whole:
                mean = mean * (len(part.t) / batch)
            mean.backward()  # type: ignore[no-untyped-call]
            total = mean.detach() if total is None else total + mean.detach()
        assert total is not None, "a batch is never empty"
        return total

    def update(self, share: float | Tensor) -> None:
        """Clip, take AdamW's step, and fold the weights into their average with that share."""
        torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.optimiser.step()
        self.ema.update([p.detach() for p in self.parameters], share)

    def fitting(self, step: Callable[[], Made]) -> Made:
        """Do a step; where memory does not hold it, with half as many samples at a time.

        A step that ran out of memory has not touched the weights yet: it is done again.

        Raises:
            Refused: one sample is too many.
        """
        while True:
            try:
                return step()
            except torch.OutOfMemoryError as error:
                if self.micro == 1:
                    raise Refused(
                        "out of memory with one sample at a time; use a device with more memory, "
                        "or recipe.checkpointing: true"
                    ) from error
            # Outside the handler, where nothing holds on to the failed step's tensors any more.
            self.optimiser.zero_grad(set_to_none=True)
            self.micro = (self.micro + 1) // 2
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self.tell("out-of-memory", micro_batch=self.micro)
