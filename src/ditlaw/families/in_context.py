"""The paper's vanilla in-context DiT: time, text and image tokens in one pre-norm transformer.

Source: "Scaling Laws for Diffusion Transformers" (arXiv 2410.08184): no adaLN, no
cross-attention; width = 64 × depth. The module itself is ``ditlaw.models.in_context``.
"""

from dataclasses import dataclass
from typing import ClassVar

from ditlaw.families.base import Family, Shape
from ditlaw.families.geometry import Geometry
from ditlaw.families.ledger import Counts, Ledger
from ditlaw.families.parts import count_patches, count_stream, count_time


@dataclass(frozen=True)
class InContext(Family):
    """Time, text and image tokens attend to each other; nothing is modulated."""

    name: ClassVar[str] = "in-context"

    def counts(self, shape: Shape, geometry: Geometry) -> Counts:
        """Exact counts, per sample; every block sees image + text + 1 (time) tokens."""
        self.check(geometry)
        width, depth = shape.width, shape.depth
        sequence, norm = geometry.tokens + 1, 2 * width
        ledger = Ledger()
        count_patches(ledger, geometry, width)
        count_time(ledger, width, code=width)
        if geometry.text_tokens:
            if geometry.vocabulary:
                ledger.table(geometry.vocabulary * width)
            else:
                ledger.dense(
                    "text_embedding",
                    geometry.text_dim,
                    width,
                    geometry.text_tokens,
                    input_needs_grad=False,
                )
            ledger.weights("text_embedding", geometry.text_tokens * width)
        count_stream(ledger, width, sequence, times=depth)
        ledger.attention("attention_scores", width, sequence**2, times=depth)
        ledger.weights("norms", (2 * depth + 1) * norm)
        ledger.dense("head", width, geometry.patch_dim, geometry.image_tokens)
        return ledger.counts(geometry.tokens)
