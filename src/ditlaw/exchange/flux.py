"""flux ⇄ diffusers' ``FluxTransformer2DModel``."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ditlaw.exchange import joint, telling
from ditlaw.exchange.base import Exchange, Shapes
from ditlaw.exchange.parts import Piece, Rows, channels_first, dense, stacked
from ditlaw.families import Geometry, Shape
from ditlaw.families.base import MLP_RATIO
from ditlaw.families.flux import rotary_axes

CLASS = "FluxTransformer2DModel"


def exchange(shape: Shape, geometry: Geometry, ours: Shapes) -> Exchange:
    """One model's exchange; ``ours`` are the shapes of its tensors."""
    return Exchange(
        CLASS,
        config(shape, geometry),
        list(pieces(shape, geometry)),
        ours,
        call(geometry),
        defaults={"axes_dims_rope": [16, 56, 56]},
    )


def config(shape: Shape, geometry: Geometry) -> dict[str, Any]:
    """What the class is made with; it reads patches that are packed already."""
    size = shape.width // shape.heads
    axes = rotary_axes(size)
    assert axes is not None
    return {
        "patch_size": 1,
        "in_channels": geometry.patch_dim,
        "out_channels": geometry.patch_dim,
        "num_layers": shape.depth,
        "num_single_layers": shape.single_depth,
        "attention_head_dim": size,
        "num_attention_heads": shape.heads,
        "joint_attention_dim": geometry.text_inputs(shape.width),
        "pooled_projection_dim": geometry.pooled_inputs(shape.width),
        "guidance_embeds": False,
        "axes_dims_rope": list(axes),
    }


def neighbours(size: int) -> Tensor:
    """The dimensions of a head in their order: they turn neighbours, we i with i + size/2."""
    return torch.arange(size).view(2, -1).T.flatten()


def pieces(shape: Shape, geometry: Geometry) -> Iterator[Piece]:
    """Every tensor of theirs."""
    width, made, packed = shape.width, Rows(), channels_first(geometry)
    turned = neighbours(width // shape.heads)
    yield from dense("patches", "x_embedder", columns=packed)
    yield from joint.entrance()
    for i in range(shape.depth):
        names = f"double_blocks.{i}", f"transformer_blocks.{i}"
        yield from joint.block(shape, *names, made, turned=turned)
    for i in range(shape.single_depth):
        ours, theirs = f"single_blocks.{i}", f"single_transformer_blocks.{i}"
        yield from dense("modulation.project", f"{theirs}.norm.linear", made.take(3 * width))
        rows = Rows()
        yield from stacked(
            f"{ours}.read",
            (f"{theirs}.attn.to_q", joint.queries(shape, rows, turned)),
            (f"{theirs}.attn.to_k", joint.queries(shape, rows, turned)),
            (f"{theirs}.attn.to_v", rows.take(width)),
            (f"{theirs}.proj_mlp", rows.take(MLP_RATIO * width)),
        )
        norm = f"{theirs}.attn.norm"
        yield from joint.qk_norm(f"{ours}.qk_norm", f"{norm}_q", f"{norm}_k", turned)
        yield from dense(f"{ours}.write", f"{theirs}.proj_out")
    yield from joint.head(width, made, packed)


def call(geometry: Geometry) -> dict[str, str]:
    """What the arguments of the class are."""
    return {
        "hidden_states": telling.patches(geometry, "channel, row, column"),
        "encoder_hidden_states": telling.text(geometry),
        "pooled_projections": telling.pooled(geometry),
        "timestep": "t, (batch,); the class multiplies it by 1000",
        "img_ids": telling.places(geometry),
        "txt_ids": telling.origin(),
        "sample": telling.VELOCITY,
    }
