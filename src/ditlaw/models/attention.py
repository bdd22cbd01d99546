"""Attention, and the q/k norm and rotary positions that flux puts before it."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

MOST_SCORES = 512  # keys for which all scores are held at once; beyond, memory grows for no gain


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None) -> Tensor:
    """(batch, tokens, heads, size) each → (batch, query tokens, heads·size).

    Args:
        q: queries.
        k: keys; ``v``: values, as many as keys.
        bias: (heads, query tokens, key tokens), or with a batch before, added to the scores.
    """
    q, k, v = (part.transpose(1, 2) for part in (q, k, v))
    if q.device.type == "cpu" and q.dtype == torch.bfloat16 and k.shape[2] <= MOST_SCORES:
        # torch's fused kernel runs bfloat16 at float32's speed on a CPU; two matmuls do not.
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
        mixed = (scores if bias is None else scores + bias).softmax(-1) @ v
    else:
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    joined: Tensor = mixed.transpose(1, 2).flatten(2)
    return joined


def split_heads(tokens: Tensor, number: int, heads: int) -> tuple[Tensor, ...]:
    """(batch, tokens, number·width) → ``number`` times (batch, tokens, heads, size)."""
    batch, length, _ = tokens.shape
    return tokens.view(batch, length, number, heads, -1).unbind(2)


def rotary(size: int, places: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Cosines and sines that turn the halves of a head against each other.

    Args:
        size: of a head; the sum of ``axes``.
        places: (tokens, axes), where each token lies; 0 on all axes turns nothing.
        axes: dimensions of a head that each axis turns.

    Returns:
        Two tensors (tokens, size/2). Dimension i is turned with i + size/2, not with its neighbour
        as in FLUX's own weights: ``ditlaw.exchange`` permutes them. Source: Su et al.
        2104.09864, base 10000.
    """
    assert sum(axes) == size
    angles = []
    for axis, dimensions in enumerate(axes):
        half = torch.arange(0, dimensions, 2, dtype=torch.float64) / dimensions
        angles.append(places[:, axis, None].double() * 10000.0**-half)
    turned = torch.cat(angles, dim=1)
    return turned.cos().float(), turned.sin().float()


def norm_rotate(
    x: Tensor, weight: Tensor, turn: tuple[Tensor, Tensor] | None = None, eps: float = 1e-6
) -> Tensor:
    """RMS norm over each head with learned weights, then rotation, queries and keys in one go.

    Args:
        x: (batch, tokens, n, heads, size), n kinds (queries, keys).
        weight: (n, size).
        turn: cosines and sines of ``rotary``, one row a token; None turns nothing.
        eps: added to the mean square.
    """
    if turn is None:
        plain: Tensor = _NormRotate.apply(  # type: ignore[no-untyped-call]
            x, weight[:, None].to(x.dtype), None, eps
        )
        return plain
    # Weights and rotation in two factors: out = straight·x̂ + crossed·(halves of x̂ exchanged).
    cos, sin = (part[:, None, None] for part in turn)
    first, second = weight[:, None].chunk(2, dim=-1)
    straight = torch.cat([first * cos, second * cos], dim=-1).to(x.dtype)
    crossed = torch.cat([-second * sin, first * sin], dim=-1).to(x.dtype)
    turned: Tensor = _NormRotate.apply(  # type: ignore[no-untyped-call]
        x, straight, crossed, eps
    )
    return turned


class _NormRotate(torch.autograd.Function):
    """x̂·straight + exchange(x̂)·crossed with x̂ = x/rms(x), and its gradient in few passes."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, straight: Tensor, crossed: Tensor | None, eps: float
    ) -> Tensor:
        exact = torch.promote_types(x.dtype, torch.float32)
        square = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=exact).square()
        inverse = torch.rsqrt(square / x.shape[-1] + eps).to(x.dtype)
        unit = x * inverse
        out = unit * straight
        if crossed is not None:
            out = torch.addcmul(out, _exchange(unit), crossed)
        ctx.save_for_backward(unit, inverse, straight, crossed)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor | None, None]:
        unit, inverse, straight, crossed = ctx.saved_tensors
        into = grad * straight
        grad_straight = _sum_to(grad * unit, straight)
        grad_crossed = None
        if crossed is not None:
            into = into + _exchange(grad * crossed)
            grad_crossed = _sum_to(grad * _exchange(unit), crossed)
        along = (into * unit).mean(-1, keepdim=True)
        return (
            inverse * torch.addcmul(into, unit, along, value=-1),
            grad_straight,
            grad_crossed,
            None,
        )


def _exchange(x: Tensor) -> Tensor:
    return x.roll(x.shape[-1] // 2, -1)


def _sum_to(x: Tensor, like: Tensor) -> Tensor:
    """Sum a (batch, tokens, n, heads, size) gradient over what ``like`` was broadcast along.

    One axis at a time, the inner first: far faster on a CPU than all at once.
    """
    summed = x.sum(3, keepdim=True).sum(0)
    return summed.sum(0) if like.ndim == 3 else summed
