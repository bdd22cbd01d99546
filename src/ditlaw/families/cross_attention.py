"""PixArt: image tokens read the text by cross-attention; one modulation serves all blocks.

Source: Chen et al., "PixArt-α" (arXiv 2310.00426), §2.3 (adaLN-single). The module is
``ditlaw.models.cross_attention``.
"""

from dataclasses import dataclass
from typing import ClassVar

from ditlaw.families.base import Family, Shape
from ditlaw.families.geometry import Geometry
from ditlaw.families.ledger import Counts, Ledger
from ditlaw.families.parts import count_patches, count_stream, count_time, count_words


@dataclass(frozen=True)
class CrossAttention(Family):
    """Self-attention over the image, cross-attention from image to text, adaLN-single."""

    name: ClassVar[str] = "cross-attention"
    needs_text: ClassVar[bool] = True

    def counts(self, shape: Shape, geometry: Geometry) -> Counts:
        """Exact counts, per sample; keys and values of the text are made from text tokens only."""
        self.check(geometry)
        width, depth = shape.width, shape.depth
        image, text = geometry.image_tokens, geometry.text_tokens
        ledger = Ledger()
        count_patches(ledger, geometry, width)
        count_time(ledger, width)
        count_words(ledger, geometry, width)
        inputs = geometry.text_inputs(width)
        ledger.dense("text_embedding", inputs, width, text, input_needs_grad=geometry.words)
        ledger.dense("text_embedding", width, width, text)
        ledger.dense("modulation", width, 6 * width, 1)
        ledger.weights("modulation", (6 * depth + 2) * width)  # each block's own table, the head's
        count_stream(ledger, width, image, times=depth)
        ledger.attention("attention_scores", width, image**2, times=depth)
        ledger.dense("cross_attention", width, width, image, times=2 * depth)  # queries, output
        ledger.dense("cross_attention", width, 2 * width, text, times=depth)  # keys, values
        ledger.attention("cross_attention_scores", width, image * text, times=depth)
        ledger.dense("head", width, geometry.patch_dim, image)
        return ledger.counts(geometry.tokens)
