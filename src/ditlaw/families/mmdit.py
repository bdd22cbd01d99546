"""SD3's MMDiT: image and text in two streams with their own weights and one joint attention.

Source: Esser et al., "Scaling Rectified Flow Transformers" (arXiv 2403.03206), §4. The module is
``ditlaw.models.mmdit``.
"""

from dataclasses import dataclass
from typing import ClassVar

from ditlaw.families.base import Family, Shape
from ditlaw.families.geometry import Geometry
from ditlaw.families.ledger import Counts, Ledger
from ditlaw.families.parts import (
    count_patches,
    count_pooled,
    count_stream,
    count_time,
    count_words,
)


def count_entrance(ledger: Ledger, geometry: Geometry, width: int) -> None:
    """What comes before the blocks of mmdit and flux: patches, t, pooled text, text features."""
    count_patches(ledger, geometry, width)
    count_time(ledger, width)
    count_pooled(ledger, geometry, width)
    count_words(ledger, geometry, width)
    ledger.dense(
        "text_embedding",
        geometry.text_inputs(width),
        width,
        geometry.text_tokens,
        input_needs_grad=geometry.words,
    )


@dataclass(frozen=True)
class Mmdit(Family):
    """Dual-stream blocks; the last one updates the image only."""

    name: ClassVar[str] = "mmdit"
    needs_text: ClassVar[bool] = True

    def counts(self, shape: Shape, geometry: Geometry) -> Counts:
        """Exact counts, per sample; image queries alone attend in the last block."""
        self.check(geometry)
        width, depth = shape.width, shape.depth
        image, text, both = geometry.image_tokens, geometry.text_tokens, geometry.tokens
        ledger = Ledger()
        count_entrance(ledger, geometry, width)
        # Image: 6 a block, 2 for the head. Text: 6 a block, 2 in the last.
        ledger.dense("modulation", width, (12 * (depth - 1) + 6 + 2 + 2) * width, 1)
        count_stream(ledger, width, image, times=depth)
        count_stream(ledger, width, text, times=depth - 1)
        ledger.dense("attention", width, 2 * width, text)  # keys, values of the last block
        ledger.attention("attention_scores", width, both**2, times=depth - 1)
        ledger.attention("attention_scores", width, image * both)
        ledger.dense("head", width, geometry.patch_dim, image)
        return ledger.counts(geometry.tokens)
