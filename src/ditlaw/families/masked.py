"""Masked DiTs: part of the image tokens is hidden in training; sampling sees all of them.

``mdt-v1``: Gao et al., "Masked Diffusion Transformer" (arXiv 2303.14389v1): the encoder's blocks
see the kept tokens, a side-interpolater fills the gaps, the decoder's last blocks see all; every
step trains on the full and on the masked latent. ``drop`` is the simple option: hidden tokens are
left out of the whole model and of the loss. The module is ``ditlaw.models.masked``.
"""

from dataclasses import dataclass
from typing import ClassVar

from ditlaw.errors import BadInput
from ditlaw.families.adaln import count_vector
from ditlaw.families.base import MLP_RATIO, Family, Shape
from ditlaw.families.geometry import Geometry
from ditlaw.families.ledger import Counts, Ledger
from ditlaw.families.parts import count_patches, count_stream

MASKINGS = ("mdt-v1", "drop")
RATIO = 0.3  # of MDT v1
DECODER = 2  # blocks of MDT v1's decoder


@dataclass(frozen=True)
class Masked(Family):
    """adaLN-Zero blocks; ``ratio`` of the image tokens is hidden."""

    masking: str = "mdt-v1"
    ratio: float = RATIO

    name: ClassVar[str] = "masked"

    def __post_init__(self) -> None:
        if self.masking not in MASKINGS:
            raise BadInput(
                f"options.masking: '{self.masking}' is unknown; use {MASKINGS[0]} or {MASKINGS[1]}"
            )
        number = isinstance(self.ratio, int | float) and not isinstance(self.ratio, bool)
        if not number or not 0 < self.ratio < 1:
            raise BadInput(f"options.ratio: {self.ratio!r} is not a share of tokens; use {RATIO}")

    @property
    def one_size(self) -> bool:
        """MDT learns a code of every patch's place, and a bias of every offset."""
        return self.masking == "mdt-v1"

    def kept(self, geometry: Geometry) -> int:
        """Image tokens of a sample that masked training shows, at least one."""
        # Rounded first: 100 tokens at 0.9 keep 10, not the 9.999… of floating point cut down.
        return max(1, int(round(geometry.image_tokens * (1 - self.ratio), 9)))

    def decoder_depth(self, shape: Shape) -> int:
        """The last blocks, which see all tokens: two, as in MDT v1, but never all blocks."""
        return min(DECODER, shape.depth - 1)

    def counts(self, shape: Shape, geometry: Geometry) -> Counts:
        """Exact counts, per sample: forward is one full pass, training what each block sees."""
        self.check(geometry)
        count = self._count_drop if self.masking == "drop" else self._count_mdt
        return count(shape, geometry).counts(geometry.tokens)

    def _count_drop(self, shape: Shape, geometry: Geometry) -> Ledger:
        width, depth = shape.width, shape.depth
        image, kept = geometry.image_tokens, self.kept(geometry)
        ledger = Ledger()
        count_patches(ledger, geometry, width, trained=kept)
        count_vector(ledger, geometry, width)
        ledger.dense("modulation", width, (6 * depth + 2) * width, 1)
        count_stream(ledger, width, image, times=depth, trained=kept)
        ledger.attention("attention_scores", width, image**2, times=depth, trained=kept**2)
        ledger.dense("head", width, geometry.patch_dim, image, trained=kept)
        return ledger

    def _count_mdt(self, shape: Shape, geometry: Geometry) -> Ledger:
        width, heads = shape.width, shape.heads
        image, kept = geometry.image_tokens, self.kept(geometry)
        decoder = self.decoder_depth(shape)
        encoder, blocks = shape.depth - decoder, shape.depth + 1  # one block interpolates
        ledger = Ledger()
        count_patches(ledger, geometry, width)
        ledger.weights("positions", 2 * image * width)  # learned, before encoder and decoder
        offsets = (2 * geometry.rows - 1) * (2 * geometry.columns - 1)
        ledger.weights("relative_positions", blocks * offsets * heads)
        count_vector(ledger, geometry, width)
        ledger.dense("modulation", width, (6 * blocks + 2) * width, 1)
        # (blocks, tokens of a forward pass, tokens and pairs of a training step: both branches)
        count_stream(ledger, width, image, times=encoder, trained=image + kept)
        ledger.attention(
            "attention_scores", width, image**2, times=encoder, trained=image**2 + kept**2
        )
        count_stream(ledger, width, image, times=decoder, trained=2 * image)
        ledger.attention("attention_scores", width, image**2, times=decoder, trained=2 * image**2)
        ledger.weights("interpolater", width)  # the token that stands for what is hidden
        hidden = MLP_RATIO * width
        for inputs, outputs in (
            (width, 3 * width),
            (width, width),
            (width, hidden),
            (hidden, width),
        ):
            ledger.dense("interpolater", inputs, outputs, 0, trained=image)
        ledger.attention("interpolater", width, 0, trained=image**2)
        ledger.dense("head", width, geometry.patch_dim, image, trained=2 * image)
        return ledger
