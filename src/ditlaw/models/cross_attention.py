"""PixArt as a module; what it costs is ``ditlaw.families.cross_attention``."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ditlaw.families import Family, Geometry, Shape
from ditlaw.models.attention import attend, split_heads
from ditlaw.models.base import Dense, Model
from ditlaw.models.condition import Condition
from ditlaw.models.embed import Text, Vector
from ditlaw.models.layers import Head, gated, mlp, modulate, residual_start
from ditlaw.models.tokens import grid_code, patchify

PER_BLOCK = 6


class Block(nn.Module):
    """Self-attention, cross-attention to the text, MLP; the first and last are modulated."""

    def __init__(self, width: int, heads: int, start: float) -> None:
        super().__init__()
        self.heads = heads
        self.table = nn.Parameter(torch.empty(PER_BLOCK, width))  # added to the shared modulation
        self.qkv = Dense(width, 3 * width)
        self.out = Dense(width, width, start)
        self.cross_q = Dense(width, width)
        self.cross_kv = Dense(width, 2 * width)
        self.cross_out = Dense(width, width, start=0.0)
        self.mlp = mlp(width, start)

    def forward(self, x: Tensor, text: Tensor, modulation: Tensor) -> Tensor:
        """Image and text tokens, (batch, 6, width) → image tokens."""
        own = (self.table + modulation).to(x.dtype)[:, :, None]
        shift, scale, gate, shift_mlp, scale_mlp, gate_mlp = own.unbind(1)
        q, k, v = split_heads(self.qkv(modulate(x, shift, scale)), 3, self.heads)
        x = gated(x, gate, self.out(attend(q, k, v)))
        (q,) = split_heads(self.cross_q(x), 1, self.heads)
        k, v = split_heads(self.cross_kv(text), 2, self.heads)
        x = x + self.cross_out(attend(q, k, v))
        return gated(x, gate_mlp, self.mlp(modulate(x, shift_mlp, scale_mlp)))


class CrossAttention(Model):
    """Noisy latent, t and text → velocity; image tokens read the text in every block."""

    def __init__(self, family: Family, shape: Shape, geometry: Geometry) -> None:
        super().__init__(geometry)
        width, start = shape.width, residual_start(shape.blocks)
        self.patches = Dense(geometry.patch_dim, width)
        self.register_buffer("positions", grid_code(width, geometry), persistent=False)
        self.time = Vector(_without_text(geometry), width)
        self.text = Text(geometry, width, deep=True)
        self.modulation = Dense(width, PER_BLOCK * width)
        self.blocks = nn.ModuleList(Block(width, shape.heads, start) for _ in range(shape.depth))
        self.table = nn.Parameter(torch.empty(2, width))
        self.head = Head(geometry, width)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the weights; the head starts at zero, so the first velocity is zero.

        Tables start with variance 1/width and the shared modulation small, as in PixArt. In muP
        both are so at the base width: tables keep its variance, a matrix has 1/fan-in.
        """
        super().initialise(generator)
        width = self.table.shape[1]
        base = self.base_width or width
        with torch.no_grad():
            self.modulation.weight.normal_(0.0, 0.02 * (base / width) ** 0.5, generator=generator)
            for module in (self, *self.blocks):
                module.table.normal_(0.0, base**-0.5, generator=generator)

    def forward(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """See ``Model.forward``."""
        entered = self.enter(x)
        tokens = self.patches(patchify(entered, self.geometry.patch))
        tokens = tokens + self.positions.to(tokens.dtype)
        text = self.text(condition.told("text"), tokens.dtype)
        vector = self.time(t, Condition())
        modulation = self.modulation(F.silu(vector)).view(len(x), PER_BLOCK, -1)
        for block in self.blocks:
            tokens = self.call(block, tokens, text, modulation)
        shift, scale = (self.table + vector[:, None]).to(tokens.dtype)[:, :, None].unbind(1)
        velocity: Tensor = self.head(tokens, shift, scale)
        return velocity.to(x.dtype)


def _without_text(geometry: Geometry) -> Geometry:
    """PixArt's condition vector knows t alone."""
    return Geometry(geometry.height, geometry.width, geometry.channels, geometry.patch, 0)
