"""Shared parts of the families: patches, position and time codes, a pre-norm block."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ditlaw.families.base import Geometry


class Block(nn.Module):
    """Pre-norm self-attention and MLP, both added to the stream."""

    def __init__(self, width: int, heads: int, mlp_ratio: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, mlp_ratio * width),
            nn.GELU(approximate="tanh"),
            nn.Linear(mlp_ratio * width, width),
        )

    def match_keys_to_queries(self) -> None:
        """Start with keys equal to queries: a token first attends to tokens like itself.

        Positions then matter from the first step. Where to look is otherwise found late, at a
        moment that luck decides.
        """
        width = self.out.in_features
        with torch.no_grad():
            self.qkv.weight[width : 2 * width] = self.qkv.weight[:width]

    def forward(self, tokens: Tensor) -> Tensor:
        """(batch, tokens, width) → the same."""
        batch, length, width = tokens.shape
        qkv = self.qkv(self.norm_attention(tokens))
        q, k, v = qkv.view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v)
        tokens = tokens + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        mlp: Tensor = tokens + self.mlp(self.norm_mlp(tokens))
        return mlp


def patchify(x: Tensor, patch: int) -> Tensor:
    """(batch, channels, height, width) → (batch, patches, patch²·channels), rows first."""
    batch, channels, height, width = x.shape
    x = x.view(batch, channels, height // patch, patch, width // patch, patch)
    return x.permute(0, 2, 4, 3, 5, 1).reshape(batch, -1, patch * patch * channels)


def unpatchify(tokens: Tensor, geometry: Geometry) -> Tensor:
    """The inverse of ``patchify``."""
    patch, batch = geometry.patch, tokens.shape[0]
    rows, columns = geometry.height // patch, geometry.width // patch
    x = tokens.view(batch, rows, columns, patch, patch, geometry.channels)
    return x.permute(0, 5, 1, 3, 2, 4).reshape(
        batch, geometry.channels, geometry.height, geometry.width
    )


def sinusoid(t: Tensor, width: int, highest: float = 1000.0) -> Tensor:
    """Sine-cosine code of t in [0, 1]: (batch,) → (batch, width), frequencies 1 … ``highest``."""
    half = width // 2
    frequencies = torch.exp(
        torch.arange(half, dtype=torch.float32, device=t.device)
        * (math.log(highest) / max(1, half - 1))
    )
    angles = t[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def sincos_2d(width: int, rows: int, columns: int, span: tuple[int, int] | None = None) -> Tensor:
    """Fixed 2-D position code, (rows·columns, width), half the width for each axis.

    ``span`` gives the size of the grid in whose coordinates the positions are meant: cell centres
    of a coarse grid laid over a fine one get the codes of the points where they lie. Frequencies
    run from 1 radian a position down to 1 radian a side: lower ones would hardly vary in the grid.
    """
    span = span or (rows, columns)
    side = max(span)
    parts = []
    for axis, (number, whole) in enumerate(zip((rows, columns), span, strict=True)):
        place = (torch.arange(number, dtype=torch.float64) + 0.5) * (whole / number) - 0.5
        quarter = width // 4
        frequencies = 1.0 / side ** (torch.arange(quarter, dtype=torch.float64) / quarter)
        angles = place[:, None] * frequencies
        code = torch.cat([angles.sin(), angles.cos()], dim=1)
        shape = (number, 1, width // 2) if axis == 0 else (1, number, width // 2)
        parts.append(code.view(shape).expand(rows, columns, width // 2))
    return torch.cat(parts, dim=2).reshape(rows * columns, width).float()


def init_linears(module: nn.Module, generator: torch.Generator) -> None:
    """Normal weights of variance 1/inputs, zero biases; residual branches scaled by depth.

    The last layer of each branch is divided by sqrt(2·blocks), so that the stream's scale does not
    grow with depth (GPT-2).
    """
    blocks = [m for m in module.modules() if isinstance(m, Block)]
    last = {id(layer) for block in blocks for layer in (block.out, block.mlp[-1])}
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            scale = (2 * len(blocks)) ** -0.5 if id(layer) in last else 1.0
            with torch.no_grad():
                layer.weight.normal_(0.0, scale * layer.in_features**-0.5, generator=generator)
                layer.bias.zero_()
