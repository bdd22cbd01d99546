"""Parts of a modulated block: norms without weights, shift and scale, gates, the MLP."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ditlaw.families import Geometry
from ditlaw.families.base import MLP_RATIO
from ditlaw.models.base import Dense
from ditlaw.models.tokens import unpatchify

EPS = 1e-6


def normalise(x: Tensor) -> Tensor:
    """Layer norm without weights over the last dimension."""
    return F.layer_norm(x, x.shape[-1:], eps=EPS)


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Layer norm, then shift + (1 + scale)·x; shift and scale are (batch, 1, width)."""
    return torch.addcmul(shift, normalise(x), 1 + scale)


def gated(x: Tensor, gate: Tensor, branch: Tensor) -> Tensor:
    """x + gate·branch; the gate is (batch, 1, width)."""
    return torch.addcmul(x, gate, branch)


def mlp(width: int, start: float = 1.0) -> nn.Sequential:
    """Up by 4, GELU (tanh), down; ``start`` is the last layer's."""
    hidden = MLP_RATIO * width
    return nn.Sequential(
        Dense(width, hidden), nn.GELU(approximate="tanh"), Dense(hidden, width, start)
    )


def residual_start(blocks: int) -> float:
    """How the last layer of a residual branch starts: the stream's scale does not grow (GPT-2)."""
    return float((2 * blocks) ** -0.5)


class Modulation(nn.Module):
    """One projection from the condition vector to the shifts, scales and gates of all blocks.

    It starts at zero, so that every block starts as the identity (adaLN-Zero).
    """

    def __init__(self, width: int, number: int) -> None:
        super().__init__()
        self.project = Dense(width, number * width, start=0.0)

    def forward(self, vector: Tensor, dtype: torch.dtype) -> list[Tensor]:
        """(batch, width) → as many tensors (batch, 1, width), in ``dtype``."""
        batch, width = vector.shape
        made = self.project(F.silu(vector)).to(dtype)
        return list(made.view(batch, -1, 1, width).unbind(1))


class Head(nn.Module):
    """Norm, shift and scale, and the layer back to patches, which starts at zero."""

    def __init__(self, geometry: Geometry, width: int) -> None:
        super().__init__()
        self.geometry = geometry
        self.project = Dense(width, geometry.patch_dim, start=0.0)

    def patches(self, tokens: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        """(batch, patches, width) → (batch, patches, patch²·channels)."""
        made: Tensor = self.project(modulate(tokens, shift, scale))
        return made

    def forward(self, tokens: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        """(batch, image tokens, width) → a latent."""
        return unpatchify(self.patches(tokens, shift, scale), self.geometry)
