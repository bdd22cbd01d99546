"""How a class of another library lays out our weights: rows chosen, put in order, reshaped.

Nothing is computed: every map is a permutation, a stacking, a copy or zeros that nothing reads.
So gradients go through the same maps, copies summed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt

import torch
from torch import Tensor

from ditlaw.errors import BadInput
from ditlaw.families import Geometry


@dataclass(frozen=True)
class Piece:
    """One tensor of theirs, made from rows of one of ours.

    ``rows`` says which rows of ours theirs has, in their order, ``columns`` the order of what lies
    within a row (None: all, as they are); ``shape`` is what theirs is reshaped to.
    """

    ours: str
    theirs: str
    rows: Tensor | None = None
    columns: Tensor | None = None
    shape: tuple[int, ...] | None = None

    def give(self, ours: Tensor) -> Tensor:
        """Theirs, from the whole of ours."""
        made = ours if self.rows is None else ours[self.rows]
        made = made if self.columns is None else made[:, self.columns]
        return made if self.shape is None else made.reshape(self.shape)

    def take(self, theirs: Tensor, ours: Tensor) -> None:
        """Write theirs into its rows of ours.

        Raises:
            BadInput: theirs has another shape.
        """
        number = len(ours) if self.rows is None else len(self.rows)
        rows = (number, *ours.shape[1:])
        wanted = rows if self.shape is None else self.shape
        if tuple(theirs.shape) != wanted:
            raise BadInput(
                f"{self.theirs}: has shape {list(theirs.shape)}; this model has {list(wanted)}"
            )
        made = theirs.reshape(rows)
        made = made if self.columns is None else made[:, self.columns.argsort()]
        ours[slice(None) if self.rows is None else self.rows] = made


@dataclass(frozen=True)
class Window:
    """Our table of places as the middle of a square table of theirs, (1, side², width).

    SD3's class keeps codes of a square and cuts the latent's own out of its middle.
    """

    ours: str
    theirs: str
    rows: int
    columns: int

    def give(self, ours: Tensor) -> Tensor:
        """The smallest square that holds ours; what the class never cuts out is zero."""
        side = max(self.rows, self.columns)
        square = ours.new_zeros(side, side, ours.shape[-1])
        self._cut(square).copy_(ours.view(self.rows, self.columns, -1))
        return square.view(1, side * side, -1)

    def take(self, theirs: Tensor, ours: Tensor) -> None:
        """Cut the middle out of theirs, whatever the size of its square.

        Raises:
            BadInput: theirs is no square, too small, or of another width.
        """
        width, least = ours.shape[-1], max(self.rows, self.columns)
        side = isqrt(theirs.numel() // width)
        if tuple(theirs.shape) != (1, side * side, width) or side < least:
            raise BadInput(
                f"{self.theirs}: has shape {list(theirs.shape)}; this model has "
                f"[1, side², {width}] with a side of {least} or more"
            )
        square = theirs.view(side, side, -1)
        ours.copy_(self._cut(square).reshape(ours.shape))

    def _cut(self, square: Tensor) -> Tensor:
        top, left = (len(square) - self.rows) // 2, (len(square) - self.columns) // 2
        return square[top : top + self.rows, left : left + self.columns]


class Rows:
    """Deals out the rows of a stacked layer from the top."""

    def __init__(self) -> None:
        self.next = 0

    def take(self, number: int) -> Tensor:
        """The next rows."""
        self.next += number
        return torch.arange(self.next - number, self.next)


def dense(
    ours: str,
    theirs: str,
    rows: Tensor | None = None,
    columns: Tensor | None = None,
    shape: tuple[int, ...] | None = None,
) -> Iterator[Piece]:
    """Weight and bias of a layer; ``columns`` and ``shape`` are the weight's."""
    yield Piece(f"{ours}.weight", f"{theirs}.weight", rows, columns, shape)
    yield Piece(f"{ours}.bias", f"{theirs}.bias", rows)


def stacked(ours: str, *theirs: tuple[str, Tensor]) -> Iterator[Piece]:
    """One layer of ours as several of theirs, each with its rows."""
    for name, rows in theirs:
        yield from dense(ours, name, rows)


def mlp(ours: str, theirs: str) -> Iterator[Piece]:
    """The two layers of a block's MLP."""
    yield from dense(f"{ours}.0", f"{theirs}.net.0.proj")
    yield from dense(f"{ours}.2", f"{theirs}.net.2")


def two_layers(ours: str, theirs: str) -> Iterator[Piece]:
    """An embedder of two layers."""
    yield from dense(f"{ours}.0", f"{theirs}.linear_1")
    yield from dense(f"{ours}.2", f"{theirs}.linear_2")


def channels_first(geometry: Geometry) -> Tensor:
    """The order of a patch's values in others' layers, (channel, row, column), in terms of ours."""
    patch = geometry.patch
    order = torch.arange(geometry.patch_dim).view(patch, patch, geometry.channels)
    return order.permute(2, 0, 1).flatten()


def convolution(geometry: Geometry, width: int) -> Iterator[Piece]:
    """The patch embedding as a convolution whose stride is the patch."""
    shape = (width, geometry.channels, geometry.patch, geometry.patch)
    yield from dense("patches", "pos_embed.proj", None, channels_first(geometry), shape)


def scale_first(rows: Tensor) -> Tensor:
    """Rows of (shift, scale) in the order (scale, shift)."""
    return rows.roll(len(rows) // 2)
