"""The vanilla in-context DiT as a module; what it costs is ``ditlaw.families.in_context``."""

import torch
from torch import Tensor, nn

from ditlaw.families import Family, Geometry, Shape
from ditlaw.models.attention import attend, split_heads
from ditlaw.models.base import Dense, Model, Norm
from ditlaw.models.condition import Condition
from ditlaw.models.embed import WORD_START, fit_table, text_layout
from ditlaw.models.layers import mlp, residual_start
from ditlaw.models.tokens import patchify, sincos_2d, sinusoid, unpatchify


class Block(nn.Module):
    """Pre-norm self-attention and MLP, both added to the stream."""

    def __init__(self, width: int, heads: int, start: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = Norm(width)
        self.qkv = Dense(width, 3 * width)
        self.out = Dense(width, width, start)
        self.norm_mlp = Norm(width)
        self.mlp = mlp(width, start)

    def match_keys_to_queries(self) -> None:
        """Start with keys equal to queries: a token first attends to tokens like itself.

        Positions then matter from the first step. Where to look is otherwise found late, at a
        moment that luck decides.
        """
        width = self.out.in_features
        with torch.no_grad():
            self.qkv.weight[width : 2 * width] = self.qkv.weight[:width]

    def forward(self, tokens: Tensor) -> Tensor:
        """(batch, tokens, width) → the same."""
        q, k, v = split_heads(self.qkv(self.norm_attention(tokens)), 3, self.heads)
        tokens = tokens + self.out(attend(q, k, v))
        mixed: Tensor = tokens + self.mlp(self.norm_mlp(tokens))
        return mixed


class InContext(Model):
    """Noisy latent, t and text → velocity; one pre-norm transformer over [time, text, image]."""

    def __init__(self, family: Family, shape: Shape, geometry: Geometry) -> None:
        super().__init__(geometry)
        width, start = shape.width, residual_start(shape.blocks)
        self.patches = Dense(geometry.patch_dim, width)
        self.register_buffer("image_positions", _places(width, geometry), persistent=False)
        self.time = nn.Sequential(Dense(width, width), nn.SiLU(), Dense(width, width))
        if geometry.text_tokens:
            self.text: nn.Module = (
                nn.Embedding(geometry.vocabulary, width)
                if geometry.vocabulary
                else Dense(geometry.text_dim, width)
            )
            self.text_positions = nn.Parameter(torch.empty(geometry.text_tokens, width))
        self.blocks = nn.ModuleList(Block(width, shape.heads, start) for _ in range(shape.depth))
        self.norm = Norm(width)
        self.head = Dense(width, geometry.patch_dim, start=0.0)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the weights; the head starts at zero, so the first velocity is zero."""
        super().initialise(generator)
        for block in self.blocks:
            assert isinstance(block, Block)
            block.match_keys_to_queries()
        if not self.geometry.text_tokens:
            return
        with torch.no_grad():
            if isinstance(self.text, nn.Embedding):
                self.text.weight.normal_(0.0, WORD_START, generator=generator)
            # One offset for all slots tells text from image; it is learned like the rest.
            width = self.head.in_features
            self.text_positions.normal_(0.0, 0.02, generator=generator)
            self.text_positions.add_(torch.randn(width, generator=generator))
            self.text_positions.add_(text_layout(self.geometry, width))

    def forward(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """See ``Model.forward``."""
        entered = self.enter(x)
        dtype = entered.dtype
        time = self.time(sinusoid(t, self.head.in_features).to(self.head.weight.dtype))[:, None]
        image = self.patches(patchify(entered, self.geometry.patch))
        image = image + self.image_positions.to(dtype)
        parts = [time.to(dtype), image]
        if self.geometry.text_tokens:
            given = condition.told("text")
            fit_table(given, len(self.text_positions))
            text = self.text(given if self.geometry.words else given.to(dtype))
            parts.insert(1, (text + self.text_positions[: text.shape[1]]).to(dtype))
        tokens = torch.cat(parts, dim=1)
        for block in self.blocks:
            tokens = self.call(block, tokens)
        others = tokens.shape[1] - image.shape[1]
        _, image = torch.split(tokens, [others, image.shape[1]], dim=1)
        made = self.head(self.norm(image))
        return unpatchify(made, self.geometry).to(x.dtype)


def _places(width: int, geometry: Geometry) -> Tensor:
    """Codes of rows and columns; a video's frames add theirs over the whole width."""
    grid = sincos_2d(width, geometry.rows, geometry.columns)
    if geometry.frames == 1:
        return grid
    along = sincos_2d(2 * width, geometry.frames, 1)[:, :width]
    return (along[:, None] + grid).flatten(0, 1)
