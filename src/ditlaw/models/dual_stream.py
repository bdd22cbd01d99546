"""The block that mmdit and flux share: image and text with their own weights, one attention."""

import torch
from torch import Tensor, nn

from ditlaw.models.attention import attend, norm_rotate
from ditlaw.models.base import Dense
from ditlaw.models.layers import gated, mlp, modulate

PER_STREAM = 6  # shift, scale, gate of the attention; the same of the MLP
Turn = tuple[Tensor, Tensor]


class Stream(nn.Module):
    """One stream's weights. ``parts`` are 3 (queries, keys, values), or 2 in a last text stream.

    With ``qk_norm`` queries and keys are normed head by head. A last stream gives keys and values
    to the other and ends there: it has no weights that nothing would read.
    """

    def __init__(
        self, width: int, heads: int, start: float, *, qk_norm: bool = False, last: bool = False
    ) -> None:
        super().__init__()
        self.heads = heads
        self.parts = 2 if last else 3
        self.qkv = Dense(width, self.parts * width)
        self.qk_norm = nn.Parameter(torch.ones(2, width // heads)) if qk_norm else None
        if not last:
            self.out = Dense(width, width, start)
            self.mlp = mlp(width, start)

    def project(self, x: Tensor, shift: Tensor, scale: Tensor, turn: Turn | None) -> Tensor:
        """(batch, tokens, width) → (batch, tokens, parts, heads, size)."""
        made: Tensor = self.qkv(modulate(x, shift, scale))
        made = made.view(*x.shape[:2], self.parts, self.heads, -1)
        if self.qk_norm is None:
            return made
        qk, v = torch.split(made, [2, 1], dim=2)
        return torch.cat([norm_rotate(qk, self.qk_norm, turn), v], dim=2)

    def update(self, x: Tensor, mixed: Tensor, modulation: tuple[Tensor, ...]) -> Tensor:
        """The stream after attention (``mixed``) and MLP."""
        gate, shift_mlp, scale_mlp, gate_mlp = modulation[2:]
        x = gated(x, gate, self.out(mixed))
        return gated(x, gate_mlp, self.mlp(modulate(x, shift_mlp, scale_mlp)))


class DualBlock(nn.Module):
    """Image and text attend to each other jointly; ``last`` updates the image only."""

    def __init__(
        self, width: int, heads: int, start: float, *, qk_norm: bool = False, last: bool = False
    ) -> None:
        super().__init__()
        self.image = Stream(width, heads, start, qk_norm=qk_norm)
        self.text = Stream(width, heads, start, qk_norm=qk_norm, last=last)
        self.last = last

    @property
    def modulations(self) -> int:
        """Shifts, scales and gates that the block takes: the image's first."""
        return PER_STREAM + (2 if self.last else PER_STREAM)

    def forward(
        self, image: Tensor, text: Tensor, turn: Turn | None, *modulation: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Image and text tokens → the same; the text lies before the image in the attention."""
        own, other = modulation[:PER_STREAM], modulation[PER_STREAM:]
        from_image = self.image.project(image, own[0], own[1], turn)
        from_text = self.text.project(text, other[0], other[1], None)
        if self.last:
            q, kv = torch.split(from_image, [1, 2], dim=2)
            k, v = torch.cat([from_text, kv], dim=1).unbind(2)
            return self.image.update(image, attend(q.squeeze(2), k, v), own), text
        q, k, v = torch.cat([from_text, from_image], dim=1).unbind(2)
        mixed, lengths = attend(q, k, v), [text.shape[1], image.shape[1]]
        of_text, of_image = torch.split(mixed, lengths, dim=1)
        return self.image.update(image, of_image, own), self.text.update(text, of_text, other)
