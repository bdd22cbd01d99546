"""What every built-in model is: weights that say how they start, explicit precision, checkpoints.

Master weights stay in float32. ``Dense`` and ``Norm`` follow the precision of what they are
given, so a model's ``compute`` dtype, set at its entrance, decides for all of it; there is no
ambient autocast. The path from t and the pooled condition to the modulation stays in float32: it
acts once a sample, costs next to nothing and is where bfloat16 hurts.
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ditlaw.errors import BadInput
from ditlaw.families import Geometry
from ditlaw.models.condition import Condition


@runtime_checkable
class Drawn(Protocol):
    """A part that draws its own weights."""

    def draw(self, generator: torch.Generator) -> None:
        """Draw them."""


class Dense(nn.Linear):
    """A dense layer in the precision of its input.

    It starts with normal weights of variance start²/inputs and zero biases; ``start`` is 0 for a
    layer whose output must begin at zero, 1/sqrt(2·blocks) at the end of a residual branch.
    """

    def __init__(self, inputs: int, outputs: int, start: float = 1.0) -> None:
        super().__init__(inputs, outputs)
        self.start = start

    def draw(self, generator: torch.Generator) -> None:
        """Draw the weights."""
        with torch.no_grad():
            scale = (self.start or 1.0) * self.in_features**-0.5
            self.weight.normal_(0.0, scale, generator=generator)
            if not self.start:
                self.weight.zero_()
            self.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """(…, inputs) → (…, outputs)."""
        return F.linear(x, self.weight.to(x.dtype), self.bias.to(x.dtype))


class Norm(nn.LayerNorm):
    """Layer norm with learned scale and shift, in the precision of its input.

    Means and variances are accumulated in float32 by the kernel whatever the input's precision.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(…, width) → the same."""
        weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
        return F.layer_norm(x, self.normalized_shape, weight, bias, self.eps)


class Model(nn.Module):
    """A family's module: noisy latent, t, condition → velocity of the latent's shape."""

    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        self.geometry = geometry
        self.compute: torch.dtype | None = None  # None: the latent's own precision
        self.checkpointing = False
        # Of muP: the width at which what a family draws by its width is the standard start.
        self.base_width: int | None = None

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the weights: dense layers first, then tables of words; a subclass draws its own."""
        parts = [part for part in self.modules() if isinstance(part, Drawn)]
        for part in sorted(parts, key=lambda part: not isinstance(part, Dense)):
            part.draw(generator)

    def enter(self, x: Tensor) -> Tensor:
        """The latent in the precision that the model computes in.

        Raises:
            BadInput: it is no such sample as the model was made for; its codes of place are fixed.
        """
        geometry = self.geometry
        frames = (geometry.frames,) if geometry.frames > 1 else ()
        sides = (geometry.channels, *frames, geometry.height, geometry.width)
        if tuple(x.shape[1:]) != sides:
            raise BadInput(
                f"x: {tuple(x.shape)} is not what the model reads; use (batch, *{sides})"
            )
        return x if self.compute is None else x.to(self.compute)

    def call(self, block: Callable[..., Any], *inputs: Any) -> Any:
        """One block, its activations recomputed in the backward pass if ``checkpointing``."""
        if self.checkpointing and torch.is_grad_enabled():
            # No block draws random numbers; their state cannot be read while a step is captured.
            return checkpoint(block, *inputs, use_reentrant=False, preserve_rng_state=False)
        return block(*inputs)

    def forward(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """Velocity of a batch.

        Args:
            x: (batch, channels, height, width) or, for video, (batch, channels, frames, height,
                width); noisy.
            t: (batch,) in [0, 1], 1 is noise.
            condition: what the batch is to show.

        Returns:
            The shape and precision of ``x``.
        """
        raise NotImplementedError
