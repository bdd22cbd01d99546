"""What diffusers' classes of SD3 and FLUX share: the entrance and the block of two streams."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ditlaw.exchange.parts import Piece, Rows, dense, mlp, scale_first, stacked, two_layers
from ditlaw.families import Shape


def entrance() -> Iterator[Piece]:
    """t, the pooled text and the text features."""
    yield from two_layers("vector.time", "time_text_embed.timestep_embedder")
    yield from two_layers("vector.pooled", "time_text_embed.text_embedder")
    yield from dense("text.project", "context_embedder")


def head(width: int, made: Rows, rows: Tensor | None = None) -> Iterator[Piece]:
    """The last norm's scale and shift, and the layer back to patches with its ``rows``."""
    yield from dense("modulation.project", "norm_out.linear", scale_first(made.take(2 * width)))
    yield from dense("head.project", "proj_out", rows)


def queries(shape: Shape, rows: Rows, turned: Tensor | None) -> Tensor:
    """The next rows of queries or keys; ``turned`` is the order of the dimensions of a head."""
    heads = rows.take(shape.width).view(shape.heads, -1)
    return (heads if turned is None else heads[:, turned]).flatten()


def qk_norm(ours: str, query: str, key: str, turned: Tensor) -> Iterator[Piece]:
    """The weights of the norms of queries and keys."""
    for i, name in enumerate((query, key)):
        yield Piece(ours, f"{name}.weight", torch.tensor([i]), turned, (len(turned),))


def block(
    shape: Shape,
    ours: str,
    theirs: str,
    made: Rows,
    *,
    turned: Tensor | None = None,
    last: bool = False,
) -> Iterator[Piece]:
    """One block; a ``last`` text stream has keys and values alone, and takes scale before shift.

    ``made`` deals out the rows of our modulation, ``turned`` is given where queries and keys are
    normed and turned.
    """
    width = shape.width
    yield from dense("modulation.project", f"{theirs}.norm1.linear", made.take(6 * width))
    own = scale_first(made.take(2 * width)) if last else made.take(6 * width)
    yield from dense("modulation.project", f"{theirs}.norm1_context.linear", own)
    for stream, name in (("image", "attn.to_{}"), ("text", "attn.add_{}_proj")):
        rows, parts = Rows(), "kv" if last and stream == "text" else "qkv"
        layers = [
            (
                f"{theirs}.{name.format(part)}",
                rows.take(width) if part == "v" else queries(shape, rows, turned),
            )
            for part in parts
        ]
        yield from stacked(f"{ours}.{stream}.qkv", *layers)
    for stream, out, ff in (("image", "to_out.0", "ff"), ("text", "to_add_out", "ff_context")):
        if stream == "image" or not last:
            yield from dense(f"{ours}.{stream}.out", f"{theirs}.attn.{out}")
            yield from mlp(f"{ours}.{stream}.mlp", f"{theirs}.{ff}")
    if turned is not None:
        attn = f"{theirs}.attn.norm"
        yield from qk_norm(f"{ours}.image.qk_norm", f"{attn}_q", f"{attn}_k", turned)
        yield from qk_norm(f"{ours}.text.qk_norm", f"{attn}_added_q", f"{attn}_added_k", turned)
