"""mmdit ⇄ diffusers' ``SD3Transformer2DModel``."""

from collections.abc import Iterator
from typing import Any

from ditlaw.exchange import joint, telling
from ditlaw.exchange.base import Exchange, Shapes
from ditlaw.exchange.parts import Piece, Rows, Window, convolution
from ditlaw.families import Geometry, Shape
from ditlaw.models.tokens import grid_code

CLASS = "SD3Transformer2DModel"
# The class stores its codes of place, and a larger table of them serves as well.
FREE = frozenset({"sample_size", "pos_embed_max_size"})


def exchange(shape: Shape, geometry: Geometry, ours: Shapes) -> Exchange:
    """One model's exchange; ``ours`` are the shapes of its tensors."""
    return Exchange(
        CLASS,
        config(shape, geometry),
        list(pieces(shape, geometry)),
        ours,
        call(geometry),
        unread=unread(shape),
        buffers={"positions": grid_code(shape.width, geometry)},
        free=FREE,
    )


def config(shape: Shape, geometry: Geometry) -> dict[str, Any]:
    """What the class is made with."""
    return {
        "sample_size": max(geometry.height, geometry.width),
        "patch_size": geometry.patch,
        "in_channels": geometry.channels,
        "out_channels": geometry.channels,
        "num_layers": shape.depth,
        "attention_head_dim": shape.width // shape.heads,
        "num_attention_heads": shape.heads,
        "joint_attention_dim": geometry.text_inputs(shape.width),
        "caption_projection_dim": shape.width,
        "pooled_projection_dim": geometry.pooled_inputs(shape.width),
        "pos_embed_max_size": max(geometry.rows, geometry.columns),
    }


def pieces(shape: Shape, geometry: Geometry) -> Iterator[Piece | Window]:
    """Every tensor of theirs that is read."""
    made = Rows()
    yield from convolution(geometry, shape.width)
    yield Window("positions", "pos_embed.pos_embed", geometry.rows, geometry.columns)
    yield from joint.entrance()
    for i in range(shape.depth):
        names = f"blocks.{i}", f"transformer_blocks.{i}"
        yield from joint.block(shape, *names, made, last=i == shape.depth - 1)
    yield from joint.head(shape.width, made)


def unread(shape: Shape) -> dict[str, tuple[int, ...]]:
    """Queries of the last block's text: nothing reads what they find, and ours has none."""
    name = f"transformer_blocks.{shape.depth - 1}.attn.add_q_proj"
    return {f"{name}.weight": (shape.width, shape.width), f"{name}.bias": (shape.width,)}


def call(geometry: Geometry) -> dict[str, str]:
    """What the arguments of the class are."""
    return {
        "hidden_states": telling.latent(geometry),
        "encoder_hidden_states": telling.text(geometry),
        "pooled_projections": telling.pooled(geometry),
        "timestep": telling.thousand(),
        "sample": telling.VELOCITY,
    }
