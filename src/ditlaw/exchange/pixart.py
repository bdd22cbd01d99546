"""cross-attention ⇄ diffusers' ``PixArtTransformer2DModel``."""

from collections.abc import Iterator
from typing import Any

from ditlaw.exchange import telling
from ditlaw.exchange.base import Exchange, Shapes, need_square
from ditlaw.exchange.parts import Piece, Rows, convolution, dense, mlp, stacked, two_layers
from ditlaw.families import Geometry, Shape

CLASS = "PixArtTransformer2DModel"


def exchange(shape: Shape, geometry: Geometry, ours: Shapes) -> Exchange:
    """One model's exchange; ``ours`` are the shapes of its tensors.

    Raises:
        NoClass: the samples are not square.
    """
    need_square(CLASS, geometry)
    return Exchange(
        CLASS,
        config(shape, geometry),
        list(pieces(shape, geometry)),
        ours,
        call(geometry),
        # Where its config leaves the scale of places to the class, it depends on the size.
        defaults={"interpolation_scale": max(geometry.height // 64, 1)},
    )


def config(shape: Shape, geometry: Geometry) -> dict[str, Any]:
    """What the class is made with."""
    return {
        "num_attention_heads": shape.heads,
        "attention_head_dim": shape.width // shape.heads,
        "in_channels": geometry.channels,
        "out_channels": geometry.channels,
        "num_layers": shape.depth,
        "cross_attention_dim": shape.width,
        "caption_channels": geometry.text_inputs(shape.width),
        "sample_size": geometry.height,
        "patch_size": geometry.patch,
        "interpolation_scale": 1,
        "use_additional_conditions": False,
        "attention_bias": True,
        "activation_fn": "gelu-approximate",
        "norm_type": "ada_norm_single",
        "norm_elementwise_affine": False,
        "norm_eps": 1e-6,
    }


def pieces(shape: Shape, geometry: Geometry) -> Iterator[Piece]:
    """Every tensor of theirs."""
    width = shape.width
    yield from convolution(geometry, width)
    yield from two_layers("time.time", "adaln_single.emb.timestep_embedder")
    yield from dense("modulation", "adaln_single.linear")
    yield from dense("text.project", "caption_projection.linear_1")
    yield from dense("text.second", "caption_projection.linear_2")
    for i in range(shape.depth):
        ours, theirs = f"blocks.{i}", f"transformer_blocks.{i}"
        yield Piece(f"{ours}.table", f"{theirs}.scale_shift_table")
        rows = Rows()
        names = [f"{theirs}.attn1.to_{part}" for part in "qkv"]
        yield from stacked(f"{ours}.qkv", *((name, rows.take(width)) for name in names))
        yield from dense(f"{ours}.out", f"{theirs}.attn1.to_out.0")
        rows = Rows()
        names = [f"{theirs}.attn2.to_{part}" for part in "kv"]
        yield from dense(f"{ours}.cross_q", f"{theirs}.attn2.to_q")
        yield from stacked(f"{ours}.cross_kv", *((name, rows.take(width)) for name in names))
        yield from dense(f"{ours}.cross_out", f"{theirs}.attn2.to_out.0")
        yield from mlp(f"{ours}.mlp", f"{theirs}.ff")
    yield Piece("table", "scale_shift_table")
    yield from dense("head.project", "proj_out")


def call(geometry: Geometry) -> dict[str, str]:
    """What the arguments of the class are."""
    return {
        "hidden_states": telling.latent(geometry),
        "encoder_hidden_states": telling.text(geometry),
        "timestep": telling.thousand(),
        "sample": telling.VELOCITY,
    }
