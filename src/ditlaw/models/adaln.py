"""DiT with adaLN-Zero as a module; what it costs is ``ditlaw.families.adaln``."""

from torch import Tensor, nn

from ditlaw.families import Family, Geometry, Shape
from ditlaw.models.attention import attend, split_heads
from ditlaw.models.base import Dense, Model
from ditlaw.models.condition import Condition
from ditlaw.models.embed import Vector
from ditlaw.models.layers import Head, Modulation, gated, mlp, modulate, residual_start
from ditlaw.models.tokens import grid_code, patchify

PER_BLOCK = 6  # shift, scale, gate of the attention; the same of the MLP


class Block(nn.Module):
    """Self-attention and MLP, each normed, shifted, scaled and gated by the condition."""

    def __init__(self, width: int, heads: int, start: float) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = Dense(width, 3 * width)
        self.out = Dense(width, width, start)
        self.mlp = mlp(width, start)

    def forward(self, x: Tensor, bias: Tensor | None, *modulation: Tensor) -> Tensor:
        """(batch, tokens, width) → the same; ``bias``, if any, is added to the scores."""
        shift, scale, gate, shift_mlp, scale_mlp, gate_mlp = modulation
        q, k, v = split_heads(self.qkv(modulate(x, shift, scale)), 3, self.heads)
        x = gated(x, gate, self.out(attend(q, k, v, bias)))
        return gated(x, gate_mlp, self.mlp(modulate(x, shift_mlp, scale_mlp)))


class Adaln(Model):
    """Noisy latent, t and class or pooled text → velocity; the image tokens alone attend."""

    def __init__(self, family: Family, shape: Shape, geometry: Geometry) -> None:
        super().__init__(geometry)
        width, start = shape.width, residual_start(shape.blocks)
        self.patches = Dense(geometry.patch_dim, width)
        self.register_buffer("positions", grid_code(width, geometry), persistent=False)
        self.vector = Vector(geometry, width, classes=True, last=True)
        self.modulation = Modulation(width, PER_BLOCK * shape.depth + 2)
        self.blocks = nn.ModuleList(Block(width, shape.heads, start) for _ in range(shape.depth))
        self.head = Head(geometry, width)

    def forward(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """See ``Model.forward``."""
        entered = self.enter(x)
        tokens = self.patches(patchify(entered, self.geometry.patch))
        tokens = tokens + self.positions.to(tokens.dtype)
        made = self.modulation(self.vector(t, condition), tokens.dtype)
        for i, block in enumerate(self.blocks):
            own = made[PER_BLOCK * i : PER_BLOCK * (i + 1)]
            tokens = self.call(block, tokens, None, *own)
        velocity: Tensor = self.head(tokens, *made[-2:])
        return velocity.to(x.dtype)
