"""Masked DiTs as a module; what they cost is ``ditlaw.families.masked``."""

import torch
from torch import Tensor, nn

from ditlaw.families import Geometry, Shape
from ditlaw.families.masked import Masked as Family
from ditlaw.models.adaln import PER_BLOCK, Block
from ditlaw.models.base import Dense, Model
from ditlaw.models.condition import Condition
from ditlaw.models.embed import Vector
from ditlaw.models.layers import Head, Modulation, residual_start
from ditlaw.models.tokens import grid_code, patchify


class Masked(Model):
    """adaLN-Zero blocks; training hides part of the image from them."""

    trains_masked = True
    offsets: Tensor

    def __init__(self, family: Family, shape: Shape, geometry: Geometry) -> None:
        super().__init__(geometry)
        width, start = shape.width, residual_start(shape.blocks)
        self.mdt = family.masking == "mdt-v1"
        self.kept = family.kept(geometry)
        self.encoder = shape.depth - (family.decoder_depth(shape) if self.mdt else 0)
        self.patches = Dense(geometry.patch_dim, width)
        self.vector = Vector(geometry, width, classes=True, last=True)
        self.blocks = nn.ModuleList(Block(width, shape.heads, start) for _ in range(shape.depth))
        code = grid_code(width, geometry)
        if not self.mdt:
            self.register_buffer("positions", code, persistent=False)
        else:
            self.positions = nn.Parameter(code.clone())
            self.decoder_positions = nn.Parameter(code.clone())
            self.hidden = nn.Parameter(torch.empty(width))
            self.interpolater = Block(width, shape.heads, start)
            offsets = (2 * geometry.rows - 1) * (2 * geometry.columns - 1)
            # One bias a block, head and offset between patches; the interpolater's is the last.
            self.relative = nn.Parameter(torch.empty(shape.depth + 1, shape.heads, offsets))
            self.register_buffer("offsets", _offsets(geometry), persistent=False)
        self.modulation = Modulation(width, PER_BLOCK * (shape.depth + int(self.mdt)) + 2)
        self.head = Head(geometry, width)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the weights; head and modulation start at zero, so the first velocity is zero."""
        super().initialise(generator)
        if self.mdt:
            with torch.no_grad():
                self.hidden.normal_(0.0, 0.02, generator=generator)
                self.relative.normal_(0.0, 0.02, generator=generator)
                code = grid_code(self.hidden.shape[0], self.geometry)
                self.positions.copy_(code)
                self.decoder_positions.copy_(code)

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        condition: Condition,
        target: Tensor | None = None,
        order: Tensor | None = None,
    ) -> Tensor:
        """See ``Model.forward``: the whole latent, as in sampling and evaluation.

        With ``target`` and ``order``, what training minimises: the squared error of each sample,
        (batch,). ``mdt-v1`` takes the mean of the full and the masked latent's error, both over
        all patches; ``drop`` the error of the patches that are kept.

        Args:
            x: noisy latents.
            t: (batch,).
            condition: what the batch is to show.
            target: velocities, of the latent's shape.
            order: (batch, image tokens) numbers; the patches with the smallest are kept.
        """
        if target is not None and order is not None:
            return self._errors(x, t, condition, target, order)
        entered = self.enter(x)
        tokens = self.patches(patchify(entered, self.geometry.patch))
        made = self.modulation(self.vector(t, condition), tokens.dtype)
        velocity: Tensor = self.head(self._full(tokens, made), *made[-2:])
        return velocity.to(x.dtype)

    def _errors(
        self, x: Tensor, t: Tensor, condition: Condition, target: Tensor, order: Tensor
    ) -> Tensor:
        entered = self.enter(x)
        patches = patchify(entered, self.geometry.patch)
        wanted = patchify(target, self.geometry.patch)
        kept = order.argsort(dim=1)[:, : self.kept]
        if not self.mdt:
            patches, wanted = _take(patches, kept), _take(wanted, kept)
        tokens = self.patches(patches)
        made = self.modulation(self.vector(t, condition), tokens.dtype)
        if self.mdt:
            ends = [self._full(tokens, made), self._interpolated(tokens, kept, made)]
        else:
            places = self.positions.to(tokens.dtype).expand(len(x), -1, -1)
            ends = [self._through(tokens + _take(places, kept), 0, len(self.blocks), made, None)]
        errors = [
            (self.head.patches(end, *made[-2:]).to(wanted.dtype) - wanted).square().mean((1, 2))
            for end in ends
        ]
        return torch.stack(errors).mean(0)

    def _full(self, tokens: Tensor, made: list[Tensor]) -> Tensor:
        tokens = tokens + self.positions.to(tokens.dtype)
        tokens = self._through(tokens, 0, self.encoder, made, None)
        if self.mdt:
            tokens = tokens + self.decoder_positions.to(tokens.dtype)
        return self._through(tokens, self.encoder, len(self.blocks), made, None)

    def _interpolated(self, tokens: Tensor, kept: Tensor, made: list[Tensor]) -> Tensor:
        """The encoder sees what is kept; the interpolater guesses the rest for the decoder."""
        batch, number, width = tokens.shape
        seen = _take(tokens + self.positions.to(tokens.dtype), kept)
        seen = self._through(seen, 0, self.encoder, made, kept)
        index = kept[:, :, None].expand(-1, -1, width)
        whole = self.hidden.to(tokens.dtype).expand(batch, number, -1).scatter(1, index, seen)
        whole = whole + self.decoder_positions.to(tokens.dtype)
        own = made[-2 - PER_BLOCK : -2]
        bias = self._bias(len(self.blocks), None, tokens.dtype)
        guessed = self.call(self.interpolater, whole, bias, *own)
        whole = guessed.scatter(1, index, whole.gather(1, index))
        return self._through(whole, self.encoder, len(self.blocks), made, None)

    def _through(
        self, tokens: Tensor, start: int, end: int, made: list[Tensor], kept: Tensor | None
    ) -> Tensor:
        for i in range(start, end):
            own = made[PER_BLOCK * i : PER_BLOCK * (i + 1)]
            bias = self._bias(i, kept, tokens.dtype) if self.mdt else None
            tokens = self.call(self.blocks[i], tokens, bias, *own)
        return tokens

    def _bias(self, block: int, kept: Tensor | None, dtype: torch.dtype) -> Tensor:
        """Scores added for the offset between two patches, ([batch,] heads, tokens, tokens)."""
        relative = self.relative[block].to(dtype)
        if kept is None:
            return relative[:, self.offsets]
        return relative[:, self.offsets[kept[:, :, None], kept[:, None, :]]].transpose(0, 1)


def _take(tokens: Tensor, kept: Tensor) -> Tensor:
    """(batch, tokens, n), (batch, kept) → (batch, kept, n)."""
    return tokens.gather(1, kept[:, :, None].expand(-1, -1, tokens.shape[-1]))


def _offsets(geometry: Geometry) -> Tensor:
    """The number of the offset from each patch to each, (image tokens, image tokens).

    Frames of a video share the offsets of their rows and columns.
    """
    rows = torch.arange(geometry.rows).repeat_interleave(geometry.columns)
    columns = torch.arange(geometry.columns).repeat(geometry.rows)
    down = rows[:, None] - rows + geometry.rows - 1
    across = columns[:, None] - columns + geometry.columns - 1
    return (down * (2 * geometry.columns - 1) + across).repeat(geometry.frames, geometry.frames)
