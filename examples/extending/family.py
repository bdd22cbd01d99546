"""A family of DiTs: words and patches in one transformer, the time added to every token.

First what it costs, in the order of the block, then the module that computes it. Registered under
one name, both are planned, counted, trained and fitted like any other.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from ditlaw.families import FAMILIES, Counts, Family, Geometry, Shape
from ditlaw.families.ledger import Ledger
from ditlaw.families.parts import count_patches, count_stream, count_time, count_words
from ditlaw.models import MODULES, Model
from ditlaw.models.base import Dense, Norm
from ditlaw.models.in_context import Block
from ditlaw.models.layers import residual_start
from ditlaw.models.tokens import patchify, sincos_2d, sinusoid, unpatchify


@dataclass(frozen=True)
class Additive(Family):
    """What it costs; reads words, not features."""

    name: ClassVar[str] = "additive"

    def counts(self, shape: Shape, geometry: Geometry) -> Counts:
        self.check(geometry)
        width, depth, ledger = shape.width, shape.depth, Ledger()
        count_patches(ledger, geometry, width)
        count_time(ledger, width, code=width)
        count_words(ledger, geometry, width)
        count_stream(ledger, width, geometry.tokens, times=depth)
        ledger.attention("attention_scores", width, geometry.tokens**2, times=depth)
        ledger.weights("norms", (2 * depth + 1) * 2 * width)
        ledger.dense("head", width, geometry.patch_dim, geometry.image_tokens)
        return ledger.counts(geometry.tokens)


class AdditiveModule(Model):
    """Noisy picture, t and words → velocity."""

    def __init__(self, family: Family, shape: Shape, geometry: Geometry) -> None:
        super().__init__(geometry)
        width, start = shape.width, residual_start(shape.blocks)
        self.patches = Dense(geometry.patch_dim, width)
        places = sincos_2d(width, geometry.rows, geometry.columns)
        self.register_buffer("places", places, persistent=False)
        self.time = nn.Sequential(Dense(width, width), nn.SiLU(), Dense(width, width))
        self.words = nn.Embedding(geometry.vocabulary, width)
        self.slots = nn.Parameter(torch.empty(geometry.text_tokens, width))
        self.blocks = nn.ModuleList(Block(width, shape.heads, start) for _ in range(shape.depth))
        self.norm, self.head = Norm(width), Dense(width, geometry.patch_dim, start=0.0)

    def initialise(self, generator: torch.Generator) -> None:
        super().initialise(generator)  # every Dense and Norm; what is learned besides comes here
        with torch.no_grad():
            self.words.weight.normal_(0.0, 0.5, generator=generator)
            self.slots.normal_(0.0, 0.5, generator=generator)

    def forward(self, x, t, condition):
        image = self.patches(patchify(x, self.geometry.patch)) + self.places
        tokens = torch.cat([self.words(condition.told("text")) + self.slots, image], dim=1)
        tokens = tokens + self.time(sinusoid(t, self.head.in_features))[:, None]
        for block in self.blocks:
            tokens = self.call(block, tokens)
        return unpatchify(self.head(self.norm(tokens[:, -image.shape[1] :])), self.geometry)


FAMILIES["additive"] = Additive
MODULES["additive"] = AdditiveModule
