"""The vanilla in-context DiT as a module; what it costs is ``ditlaw.families.in_context``."""

import math

import torch
from torch import Tensor, nn

from ditlaw.families.base import Geometry, Shape
from ditlaw.families.in_context import MLP_RATIO
from ditlaw.models.blocks import Block, init_linears, patchify, sincos_2d, sinusoid, unpatchify


class InContext(nn.Module):
    """Noisy latent, t and text → velocity; one pre-norm transformer over [time, text, image]."""

    def __init__(self, shape: Shape, geometry: Geometry) -> None:
        super().__init__()
        width = shape.width
        self.geometry = geometry
        rows, columns = geometry.height // geometry.patch, geometry.width // geometry.patch
        self.patches = nn.Linear(geometry.patch_dim, width)
        self.register_buffer("image_positions", sincos_2d(width, rows, columns), persistent=False)
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        if geometry.text_tokens:
            self.text: nn.Module = (
                nn.Embedding(geometry.vocabulary, width)
                if geometry.vocabulary
                else nn.Linear(geometry.text_dim, width)
            )
            self.text_positions = nn.Parameter(torch.empty(geometry.text_tokens, width))
        self.blocks = nn.ModuleList(
            Block(width, shape.heads, MLP_RATIO) for _ in range(shape.depth)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, geometry.patch_dim)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the weights; the head starts at zero, so the first velocity is zero."""
        width = self.head.in_features
        init_linears(self, generator)
        for block in self.blocks:
            assert isinstance(block, Block)
            block.match_keys_to_queries()
        nn.init.zeros_(self.head.weight)
        if self.geometry.text_tokens:
            with torch.no_grad():
                if isinstance(self.text, nn.Embedding):
                    self.text.weight.normal_(0.0, 0.1, generator=generator)
                # One offset for all slots tells text from image; it is learned like the rest.
                self.text_positions.normal_(0.0, 0.02, generator=generator)
                self.text_positions.add_(torch.randn(width, generator=generator))
                self.text_positions.add_(self._text_layout(width))

    def _text_layout(self, width: int) -> Tensor:
        """Where a text slot starts: on the image's own position code when slots form a grid.

        A layout caption's word then lies where its patches are, instead of having to find them.
        """
        side = math.isqrt(self.geometry.text_tokens)
        if side * side != self.geometry.text_tokens or not self.geometry.vocabulary:
            return torch.zeros_like(self.text_positions)
        rows = self.geometry.height // self.geometry.patch
        columns = self.geometry.width // self.geometry.patch
        return sincos_2d(width, side, side, span=(rows, columns)).to(self.text_positions)

    def forward(self, x: Tensor, t: Tensor, text: Tensor | None) -> Tensor:
        """Velocity of a batch.

        Args:
            x: (batch, channels, height, width), noisy.
            t: (batch,) in [0, 1], 1 is noise.
            text: (batch, text tokens) words, or (batch, text tokens, text_dim) features.

        Returns:
            (batch, channels, height, width).
        """
        time = self.time(sinusoid(t, self.head.in_features))[:, None]
        image = self.patches(patchify(x, self.geometry.patch)) + self.image_positions
        parts = [time, image]
        if text is not None:
            parts.insert(1, self.text(text) + self.text_positions)
        tokens = torch.cat(parts, dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        image = tokens[:, -image.shape[1] :]
        return unpatchify(self.head(self.norm(image)), self.geometry)
