"""What comes before the blocks: words, text features, t and the pooled condition."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ditlaw.errors import BadInput
from ditlaw.families import Geometry
from ditlaw.families.parts import TIME_CODE
from ditlaw.models.base import Dense
from ditlaw.models.condition import Condition
from ditlaw.models.tokens import sincos_2d, timestep_code

WORD_START = 0.1  # standard deviation of a word's entries at the start


def fit_table(words: Tensor, slots: int) -> None:
    """Check that a text is no longer than the table of places that was made for it.

    Raises:
        BadInput: it is longer.
    """
    if words.shape[1] > slots:
        raise BadInput(
            f"text: {words.shape[1]} tokens are more than the table of {slots} "
            f"(geometry.text_tokens); cut the text to {slots} or train with a longer table"
        )


def text_layout(geometry: Geometry, width: int) -> Tensor:
    """Where text slots start: on a 2-D code of their places when the words form a grid.

    It is the code of the patches of ``in-context``, where a layout caption's word then lies where
    its patches are, instead of having to find them.
    """
    side = math.isqrt(geometry.text_tokens)
    if side * side != geometry.text_tokens or not geometry.vocabulary:
        return torch.zeros(geometry.text_tokens, width)
    return sincos_2d(width, side, side, span=(geometry.rows, geometry.columns))


class Words(nn.Module):
    """Words to features: a look-up table and a learned code of each slot."""

    def __init__(self, geometry: Geometry, width: int) -> None:
        super().__init__()
        self.geometry = geometry
        self.table = nn.Embedding(geometry.vocabulary, width)
        self.positions = nn.Parameter(torch.empty(geometry.text_tokens, width))

    def draw(self, generator: torch.Generator) -> None:
        """Draw the words; slots that form a grid start on a 2-D code of their places."""
        with torch.no_grad():
            self.table.weight.normal_(0.0, WORD_START, generator=generator)
            self.positions.normal_(0.0, 0.02, generator=generator)
            self.positions.add_(text_layout(self.geometry, self.positions.shape[1]))

    def forward(self, words: Tensor) -> Tensor:
        """(batch, slots) → (batch, slots, width)."""
        fit_table(words, len(self.positions))
        found: Tensor = self.table(words)
        return found + self.positions[: words.shape[1]]


class PooledWords(nn.Module):
    """Words to one vector: an entry for each (slot, word), summed. One slot: a class embedding."""

    offsets: Tensor

    def __init__(self, geometry: Geometry, width: int) -> None:
        super().__init__()
        slots, vocabulary = geometry.text_tokens, geometry.vocabulary
        self.table = nn.Embedding(slots * vocabulary, width)
        self.register_buffer("offsets", torch.arange(slots) * vocabulary, persistent=False)

    def draw(self, generator: torch.Generator) -> None:
        """Draw the entries, so that the sum over slots has a word's size."""
        with torch.no_grad():
            scale = WORD_START / len(self.offsets) ** 0.5
            self.table.weight.normal_(0.0, scale, generator=generator)

    def forward(self, words: Tensor) -> Tensor:
        """(batch, slots) → (batch, width)."""
        fit_table(words, len(self.offsets))
        found: Tensor = self.table(words + self.offsets[: words.shape[1]])
        return found.sum(1)


class Text(nn.Module):
    """Words or encoder features to text tokens of the model's width.

    ``deep`` adds PixArt's GELU and second layer to the projection that SD3 and FLUX have.
    """

    def __init__(self, geometry: Geometry, width: int, deep: bool = False) -> None:
        super().__init__()
        self.words = Words(geometry, width) if geometry.words else None
        self.project = Dense(geometry.text_inputs(width), width)
        self.second = Dense(width, width) if deep else None

    def forward(self, text: Tensor, dtype: torch.dtype) -> Tensor:
        """(batch, tokens) words or (batch, tokens, text_dim) features → (batch, tokens, width)."""
        features = self.words(text) if self.words is not None else text
        tokens: Tensor = self.project(features.to(dtype))
        if self.second is not None:
            tokens = self.second(F.gelu(tokens, approximate="tanh"))
        return tokens


class Vector(nn.Module):
    """t and the pooled condition to the vector that modulates every block, (batch, width).

    ``classes`` looks words up and adds them as they are, as DiT does with its class; otherwise
    they go through the two layers that SD3 and FLUX have for a pooled text vector. ``last``: see
    ``timestep_code``.
    """

    def __init__(
        self, geometry: Geometry, width: int, *, classes: bool = False, last: bool = False
    ) -> None:
        super().__init__()
        self.geometry, self.last = geometry, last
        self.time = nn.Sequential(Dense(TIME_CODE, width), nn.SiLU(), Dense(width, width))
        self.words = PooledWords(geometry, width) if geometry.words else None
        inputs = geometry.pooled_inputs(width)
        self.pooled: nn.Module | None = None
        if inputs and not (classes and geometry.words):
            self.pooled = nn.Sequential(Dense(inputs, width), nn.SiLU(), Dense(width, width))

    def forward(self, t: Tensor, condition: Condition) -> Tensor:
        """The vector of a batch, in the precision of the weights."""
        dtype = next(self.time.parameters()).dtype
        vector: Tensor = self.time(timestep_code(t, TIME_CODE, self.last).to(dtype))
        if self.words is not None:
            pooled: Tensor = self.words(condition.told("text"))
        elif self.pooled is None:
            return vector
        elif self.geometry.pooled_dim:
            pooled = condition.told("pooled")
        else:
            pooled = condition.told("text").mean(1)
        if self.pooled is not None:
            pooled = self.pooled(pooled.to(dtype))
        return vector + pooled
