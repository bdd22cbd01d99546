"""FLUX.1: dual-stream blocks, then single-stream blocks over text and image; rotary positions.

Source: Black Forest Labs' FLUX.1 model cards (2024); the dual stream is SD3's (arXiv 2403.03206),
the parallel attention and MLP of the single stream ViT-22B's (arXiv 2302.05442). The module is
``ditlaw.models.flux``.
"""

from dataclasses import dataclass
from typing import ClassVar

from ditlaw.errors import BadInput
from ditlaw.families.base import MLP_RATIO, MOST_DEPTH, Family, Shape
from ditlaw.families.geometry import Geometry
from ditlaw.families.ledger import Counts, Ledger
from ditlaw.families.mmdit import count_entrance
from ditlaw.families.parts import count_stream

SINGLE_PER_DOUBLE = 2


def rotary_axes(head_size: int) -> tuple[int, int, int] | None:
    """How a head's dimensions are shared out to frame, row and column; None if they cannot be.

    Rows and columns take an even number each, frames the smallest even number ≥ 1/8 of the head
    that allows it: 64 → (8, 28, 28), 128 → (16, 56, 56), which is FLUX's own.
    """
    for frame in range(2, head_size, 2):
        if frame >= head_size / 8 and (head_size - frame) % 4 == 0:
            return frame, (head_size - frame) // 2, (head_size - frame) // 2
    return None


@dataclass(frozen=True)
class Flux(Family):
    """``depth`` double blocks, then ``single_depth`` single ones, by default twice as many."""

    name: ClassVar[str] = "flux"
    needs_text: ClassVar[bool] = True

    def _single_depth(self, depth: int, given: int | None) -> int:
        if given is None:
            return SINGLE_PER_DOUBLE * depth
        if not 1 <= given <= MOST_DEPTH:
            raise BadInput(
                f"single_depth: {given} is not a number of blocks; use "
                f"{SINGLE_PER_DOUBLE * depth}, or mmdit for none"
            )
        return given

    def _heads_fit(self, width: int, heads: int) -> bool:
        return super()._heads_fit(width, heads) and rotary_axes(width // heads) is not None

    def _misfit(self, width: int, heads: int) -> str:
        if not super()._heads_fit(width, heads):
            return super()._misfit(width, heads)
        return f"makes heads of {width // heads}, which rotary positions cannot share out"

    def counts(self, shape: Shape, geometry: Geometry) -> Counts:
        """Exact counts, per sample; single blocks see text and image, MLP included."""
        self.check(geometry)
        width, double, single = shape.width, shape.depth, shape.single_depth
        image, text, both = geometry.image_tokens, geometry.text_tokens, geometry.tokens
        ledger = Ledger()
        count_entrance(ledger, geometry, width)
        ledger.dense("modulation", width, (12 * double + 3 * single + 2) * width, 1)
        count_stream(ledger, width, image, times=double)
        count_stream(ledger, width, text, times=double)
        ledger.weights("norms", (4 * double + 2 * single) * (width // shape.heads))  # of q and k
        ledger.attention("attention_scores", width, both**2, times=double + single)
        hidden = MLP_RATIO * width
        ledger.dense("single_blocks", width, 3 * width + hidden, both, times=single)
        ledger.dense("single_blocks", width + hidden, width, both, times=single)
        ledger.dense("head", width, geometry.patch_dim, image)
        return ledger.counts(geometry.tokens)
