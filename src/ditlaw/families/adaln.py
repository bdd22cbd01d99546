"""DiT with adaLN-Zero: the condition is one vector that shifts, scales and gates every block.

Source: Peebles & Xie, "Scalable Diffusion Models with Transformers" (arXiv 2212.09748), §3.2. The
condition is a class (a text of one word) or a pooled text vector. The module is
``ditlaw.models.adaln``.
"""

from dataclasses import dataclass
from typing import ClassVar

from ditlaw.families.base import Family, Shape
from ditlaw.families.geometry import Geometry
from ditlaw.families.ledger import Counts, Ledger
from ditlaw.families.parts import count_patches, count_pooled, count_stream, count_time


def count_vector(ledger: Ledger, geometry: Geometry, width: int) -> None:
    """t and the class or pooled text in one vector; a class is looked up, as in DiT."""
    count_time(ledger, width)
    if geometry.words:
        ledger.table(geometry.text_tokens * geometry.vocabulary * width)
    else:
        count_pooled(ledger, geometry, width)


@dataclass(frozen=True)
class Adaln(Family):
    """Image tokens alone attend to each other; t and the condition modulate."""

    name: ClassVar[str] = "adaln"

    def counts(self, shape: Shape, geometry: Geometry) -> Counts:
        """Exact counts, per sample; blocks see the image tokens, modulation acts once."""
        self.check(geometry)
        width, depth, image = shape.width, shape.depth, geometry.image_tokens
        ledger = Ledger()
        count_patches(ledger, geometry, width)
        count_vector(ledger, geometry, width)
        ledger.dense("modulation", width, (6 * depth + 2) * width, 1)
        count_stream(ledger, width, image, times=depth)
        ledger.attention("attention_scores", width, image**2, times=depth)
        ledger.dense("head", width, geometry.patch_dim, image)
        return ledger.counts(geometry.tokens)
