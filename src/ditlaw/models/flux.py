"""FLUX.1 as a module; what it costs is ``ditlaw.families.flux``."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ditlaw.families import Family, Geometry, Shape
from ditlaw.families.base import MLP_RATIO
from ditlaw.families.flux import rotary_axes
from ditlaw.models.attention import attend, norm_rotate, rotary
from ditlaw.models.base import Dense, Model
from ditlaw.models.condition import Condition
from ditlaw.models.dual_stream import DualBlock, Turn
from ditlaw.models.embed import Text, Vector
from ditlaw.models.layers import Head, Modulation, gated, modulate, residual_start
from ditlaw.models.tokens import patchify

PER_SINGLE = 3  # shift, scale, gate


class SingleBlock(nn.Module):
    """Attention and MLP side by side over text and image, read and written by one layer each."""

    def __init__(self, width: int, heads: int, start: float) -> None:
        super().__init__()
        self.heads, self.width = heads, width
        self.read = Dense(width, (3 + MLP_RATIO) * width)
        self.qk_norm = nn.Parameter(torch.ones(2, width // heads))
        self.write = Dense((1 + MLP_RATIO) * width, width, start)

    def forward(self, x: Tensor, turn: Turn, *modulation: Tensor) -> Tensor:
        """(batch, text + image tokens, width) → the same."""
        shift, scale, gate = modulation
        made = self.read(modulate(x, shift, scale))
        qk, v, hidden = torch.split(
            made, [2 * self.width, self.width, MLP_RATIO * self.width], dim=-1
        )
        qk = qk.view(*x.shape[:2], 2, self.heads, -1)
        q, k = norm_rotate(qk, self.qk_norm, turn).unbind(2)
        mixed = attend(q, k, v.view_as(q))
        both = torch.cat([mixed, F.gelu(hidden, approximate="tanh")], dim=-1)
        return gated(x, gate, self.write(both))


class Flux(Model):
    """Noisy latent, t and text → velocity; dual-stream blocks, then single-stream ones."""

    cos: Tensor
    sin: Tensor

    def __init__(self, family: Family, shape: Shape, geometry: Geometry) -> None:
        super().__init__(geometry)
        width, heads, start = shape.width, shape.heads, residual_start(shape.blocks)
        self.patches = Dense(geometry.patch_dim, width)
        self.vector = Vector(geometry, width)
        self.text = Text(geometry, width)
        double = [DualBlock(width, heads, start, qk_norm=True) for _ in range(shape.depth)]
        number = sum(block.modulations for block in double) + PER_SINGLE * shape.single_depth + 2
        self.modulation = Modulation(width, number)
        self.double_blocks = nn.ModuleList(double)
        self.single_blocks = nn.ModuleList(
            SingleBlock(width, heads, start) for _ in range(shape.single_depth)
        )
        self.head = Head(geometry, width)
        axes = rotary_axes(width // heads)
        assert axes is not None
        cos, sin = rotary(width // heads, image_places(geometry), axes)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """See ``Model.forward``."""
        entered = self.enter(x)
        image = self.patches(patchify(entered, self.geometry.patch))
        text = self.text(condition.told("text"), image.dtype)
        made = self.modulation(self.vector(t, condition), image.dtype)
        turn = (self.cos, self.sin)
        for block in self.double_blocks:
            assert isinstance(block, DualBlock)
            own, made = made[: block.modulations], made[block.modulations :]
            image, text = self.call(block, image, text, turn, *own)
        length = text.shape[1]
        # Text lies at the origin of all axes: it is not turned.
        turn = (F.pad(self.cos, (0, 0, length, 0), value=1.0), F.pad(self.sin, (0, 0, length, 0)))
        both = torch.cat([text, image], dim=1)
        for block in self.single_blocks:
            own, made = made[:PER_SINGLE], made[PER_SINGLE:]
            both = self.call(block, both, turn, *own)
        _, image = torch.split(both, [length, image.shape[1]], dim=1)
        velocity: Tensor = self.head(image, *made)
        return velocity.to(x.dtype)


def image_places(geometry: Geometry) -> Tensor:
    """Frame, row and column of every image token, (image tokens, 3)."""
    axes = (geometry.frames, geometry.rows, geometry.columns)
    return torch.cartesian_prod(*(torch.arange(n) for n in axes))
