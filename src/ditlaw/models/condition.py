"""What a model is told beside the noisy latent and t."""

from typing import NamedTuple

import torch
from torch import Tensor

from ditlaw.data.batch import Batch
from ditlaw.errors import BadInput


class Condition(NamedTuple):
    """A batch of conditions.

    ``text`` is (batch, text tokens) words, or (batch, text tokens, text_dim) features of a frozen
    encoder; a class label is a text of one word. ``pooled`` is (batch, pooled_dim), an encoder's
    pooled vector. Word 0, and features of zeros, say nothing.
    """

    text: Tensor | None = None
    pooled: Tensor | None = None

    def told(self, name: str) -> Tensor:
        """``text`` or ``pooled``, by a model that reads it.

        Raises:
            BadInput: the batch does not have it.
        """
        value: Tensor | None = getattr(self, name)
        if value is None:
            raise BadInput(
                f"condition.{name}: is missing and this model reads it; give one row a sample"
            )
        return value

    def rows(self, part: slice) -> "Condition":
        """Some of the batch."""
        return Condition(*(None if value is None else value[part] for value in self))

    def to(self, device: torch.device) -> "Condition":
        """The same on a device."""
        return Condition(*(None if value is None else value.to(device) for value in self))

    def kept(self, mask: Tensor) -> "Condition":
        """Conditions that say nothing where ``mask`` (batch,) is False."""
        return Condition(
            *(
                None if value is None else value * mask.view(-1, *[1] * (value.ndim - 1))
                for value in self
            )
        )

    def then(self, other: "Condition") -> "Condition":
        """This batch, then another."""
        return Condition(
            *(
                None if a is None or b is None else torch.cat([a, b])
                for a, b in zip(self, other, strict=True)
            )
        )

    def silent(self) -> "Condition":
        """Conditions of the same shape that say nothing."""
        return Condition(*(None if value is None else torch.zeros_like(value) for value in self))


def condition_of(batch: Batch) -> Condition:
    """What a batch of samples is to show."""
    return Condition(
        None if batch.text is None else torch.from_numpy(batch.text),
        None if batch.pooled is None else torch.from_numpy(batch.pooled),
    )
