"""adaln with a class label ⇄ diffusers' ``DiTTransformer2DModel``.

Theirs has the embedders of t and the class in every block; ours has one, theirs take copies.
"""

from collections.abc import Iterator
from typing import Any

from ditlaw.exchange import telling
from ditlaw.exchange.base import Exchange, NoClass, Shapes, need_square
from ditlaw.exchange.parts import Piece, Rows, convolution, dense, mlp, stacked, two_layers
from ditlaw.families import Geometry, Shape

CLASS = "DiTTransformer2DModel"
EMBEDDERS = [
    "timestep_embedder.linear_1.weight",
    "timestep_embedder.linear_1.bias",
    "timestep_embedder.linear_2.weight",
    "timestep_embedder.linear_2.bias",
    "class_embedder.embedding_table.weight",
]


def exchange(shape: Shape, geometry: Geometry, ours: Shapes) -> Exchange:
    """One model's exchange; ``ours`` are the shapes of its tensors.

    Raises:
        NoClass: the condition is no class label, or the samples are not square.
    """
    if not geometry.words or geometry.text_tokens != 1:
        raise NoClass(f"{CLASS} takes a class label: a text of one word")
    need_square(CLASS, geometry)
    return Exchange(
        CLASS,
        config(shape, geometry),
        list(pieces(shape, geometry)),
        ours,
        call(geometry),
        copies(shape),
        defaults={"norm_eps": 1e-5},
    )


def config(shape: Shape, geometry: Geometry) -> dict[str, Any]:
    """What the class is made with; its table of classes has a row more than it says."""
    return {
        "num_attention_heads": shape.heads,
        "attention_head_dim": shape.width // shape.heads,
        "in_channels": geometry.channels,
        "out_channels": geometry.channels,
        "num_layers": shape.depth,
        "sample_size": geometry.height,
        "patch_size": geometry.patch,
        "num_embeds_ada_norm": geometry.vocabulary - 1,
        "attention_bias": True,
        "activation_fn": "gelu-approximate",
        "norm_type": "ada_norm_zero",
        "norm_elementwise_affine": False,
        "norm_eps": 1e-6,
    }


def pieces(shape: Shape, geometry: Geometry) -> Iterator[Piece]:
    """Every tensor of theirs, the embedders of the first block alone."""
    width, made = shape.width, Rows()
    first = "transformer_blocks.0.norm1.emb"
    yield from convolution(geometry, width)
    yield from two_layers("vector.time", f"{first}.timestep_embedder")
    yield Piece("vector.words.table.weight", f"{first}.class_embedder.embedding_table.weight")
    for i in range(shape.depth):
        ours, theirs = f"blocks.{i}", f"transformer_blocks.{i}"
        yield from dense("modulation.project", f"{theirs}.norm1.linear", made.take(6 * width))
        rows = Rows()
        names = [f"{theirs}.attn1.to_{part}" for part in "qkv"]
        yield from stacked(f"{ours}.qkv", *((name, rows.take(width)) for name in names))
        yield from dense(f"{ours}.out", f"{theirs}.attn1.to_out.0")
        yield from mlp(f"{ours}.mlp", f"{theirs}.ff")
    yield from dense("modulation.project", "proj_out_1", made.take(2 * width))
    yield from dense("head.project", "proj_out_2")


def copies(shape: Shape) -> dict[str, str]:
    """The further blocks' embedders by the first block's."""
    block = "transformer_blocks.{}.norm1.emb.{}"
    return {
        block.format(i, name): block.format(0, name)
        for i in range(1, shape.depth)
        for name in EMBEDDERS
    }


def call(geometry: Geometry) -> dict[str, str]:
    """What the arguments of the class are."""
    return {
        "hidden_states": telling.latent(geometry),
        "timestep": telling.thousand(),
        "class_labels": telling.label(),
        "sample": telling.VELOCITY,
    }
