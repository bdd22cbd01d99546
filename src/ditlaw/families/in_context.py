"""The paper's vanilla in-context DiT: time, text and image tokens in one pre-norm transformer.

Source: "Scaling Laws for Diffusion Transformers" (arXiv 2410.08184): no adaLN, no
cross-attention; width = 64 × depth. The module itself is ``ditlaw.models.in_context``.
"""

from ditlaw.errors import BadInput
from ditlaw.families.base import Counts, Geometry, Linear, Shape

name = "in-context"
WIDTH_PER_DEPTH = 64
HEAD_SIZE = 64
MLP_RATIO = 4
MOST_DEPTH, MOST_WIDTH = 10_000, 1_000_000  # beyond these it is a typing error


def shape(depth: int, width: int | None = None, heads: int | None = None) -> Shape:
    """Depth is the dial: width = 64 × depth, heads of 64.

    Raises:
        BadInput: zero depth, a width that is not a multiple of 4 (the 2-D sine-cosine table needs
            quarters), or heads that do not divide the width.
    """
    if not 1 <= depth <= MOST_DEPTH:
        raise BadInput(f"depth: {depth} is not a number of layers; use 1 to {MOST_DEPTH}")
    width = WIDTH_PER_DEPTH * depth if width is None else width
    if width > MOST_WIDTH:
        raise BadInput(f"width: {width} is beyond any model; use {MOST_WIDTH} or less")
    if width < 4 or width % 4:
        raise BadInput(f"width: {width} is not a multiple of 4; use {max(4, round(width / 4) * 4)}")
    heads = max(1, width // HEAD_SIZE) if heads is None else heads
    if heads < 1 or width % heads:
        fits = [h for h in range(1, width + 1) if width % h == 0]
        nearest = min(fits, key=lambda h: abs(h - heads))
        raise BadInput(f"heads: {heads} does not divide the width {width}; use {nearest}")
    return Shape(depth, width, heads)


def counts(shape: Shape, geometry: Geometry) -> Counts:
    """Exact counts; equal to the module's parameters and to counted FLOPs, which tests hold.

    Attention costs 4·T²·width a layer forward (scores and values), T = image + text + 1 tokens.
    """
    width, depth = shape.width, shape.depth
    sequence = geometry.tokens + 1
    # Patches, sinusoids and text features need no gradient: their layers skip that backward half.
    patches = Linear(geometry.patch_dim, width, geometry.image_tokens, input_needs_grad=False)
    time = [Linear(width, width, 1, input_needs_grad=False), Linear(width, width, 1)]
    text = (
        [Linear(geometry.text_dim, width, geometry.text_tokens, input_needs_grad=False)]
        if geometry.text_tokens and geometry.text_dim
        else []
    )
    block = [
        Linear(width, 3 * width, sequence),
        Linear(width, width, sequence),
        Linear(width, MLP_RATIO * width, sequence),
        Linear(MLP_RATIO * width, width, sequence),
    ]
    head = Linear(width, geometry.patch_dim, geometry.image_tokens)
    attention = 4 * sequence**2 * width
    norm = 2 * width

    breakdown = {
        "patch_embedding": patches.params,
        "time_embedding": sum(layer.params for layer in time),
        "text_embedding": sum(layer.params for layer in text) + geometry.text_tokens * width,
        "blocks": depth * (sum(layer.params for layer in block) + 2 * norm),
        "head": norm + head.params,
    }
    params = sum(breakdown.values())
    once = [patches, *time, *text, head]
    return Counts(
        params=params,
        params_total=params + geometry.vocabulary * width,
        params_breakdown=breakdown,
        tokens_per_sample=geometry.tokens,
        flops_forward=sum(layer.forward for layer in once)
        + depth * (sum(layer.forward for layer in block) + attention),
        flops_train=sum(layer.train for layer in once)
        + depth * (sum(layer.train for layer in block) + 3 * attention),
    )
