"""What a family of DiTs is: a shape, what one sample costs, and exact counts. No torch here."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from ditlaw.errors import BadInput
from ditlaw.families.geometry import Geometry
from ditlaw.families.ledger import Counts

WIDTH_PER_BLOCK = 64
HEAD_SIZE = 64
MLP_RATIO = 4
MOST_DEPTH, MOST_WIDTH = 10_000, 1_000_000  # beyond these it is a typing error


@dataclass(frozen=True)
class Shape:
    """One member of a family; ``single_depth`` counts the single-stream blocks of flux."""

    depth: int
    width: int
    heads: int
    single_depth: int = 0

    def __str__(self) -> str:
        single = f"s{self.single_depth}" if self.single_depth else ""
        return f"d{self.depth}{single}w{self.width}h{self.heads}"

    @property
    def blocks(self) -> int:
        """Blocks of every kind."""
        return self.depth + self.single_depth


@dataclass(frozen=True)
class Family(ABC):
    """A parametrised set of DiTs. The fields of a subclass are the family's options.

    The dial is depth: by default width = 64 × blocks (the paper's rule; SD3's too) and heads of 64.
    """

    name: ClassVar[str]
    closed_form: ClassVar[bool] = True
    needs_text: ClassVar[bool] = False
    width_unit: ClassVar[int] = 4  # the codes of place share a width out to sines and two axes

    @property
    def one_size(self) -> bool:
        """Whether weights are made for one height and width, so that buckets cannot share them."""
        return False

    @property
    def label(self) -> str:
        """The family as rows and run names give it, options that are not the default included."""
        changed = [
            f"{f.name}={getattr(self, f.name)}"
            for f in fields(self)
            if getattr(self, f.name) != f.default
        ]
        return ",".join([self.name, *changed])

    def shape(
        self,
        depth: int,
        width: int | None = None,
        heads: int | None = None,
        single_depth: int | None = None,
    ) -> Shape:
        """The member at one turn of the dial; any field can be set.

        Raises:
            BadInput: the shape cannot be built; the message names a value that works.
        """
        if not 1 <= depth <= MOST_DEPTH:
            raise BadInput(f"depth: {depth} is not a number of layers; use 1 to {MOST_DEPTH}")
        single_depth = self._single_depth(depth, single_depth)
        width = WIDTH_PER_BLOCK * (depth + single_depth) if width is None else width
        if width > MOST_WIDTH:
            raise BadInput(f"width: {width} is beyond any model; use {MOST_WIDTH} or less")
        unit = self.width_unit
        if width < unit or width % unit:
            raise BadInput(
                f"width: {width} is not a multiple of {unit}; "
                f"use {max(unit, round(width / unit) * unit)}"
            )
        heads = self._heads(width) if heads is None else heads
        if not self._heads_fit(width, heads):
            fits = [h for h in range(1, width + 1) if self._heads_fit(width, h)]
            if not fits:
                raise BadInput(f"width: {width} has no heads that {self.name} can use; use 64")
            nearest = min(fits, key=lambda h: abs(h - heads))
            raise BadInput(f"heads: {heads} {self._misfit(width, heads)}; use {nearest}")
        return Shape(depth, width, heads, single_depth)

    def _single_depth(self, depth: int, given: int | None) -> int:
        if given:
            raise BadInput(
                f"single_depth: {self.name} has no single-stream blocks; leave it out, or use flux"
            )
        return 0

    def _heads(self, width: int) -> int:
        wanted = max(1, width // HEAD_SIZE)
        fits = (h for h in range(wanted, 0, -1) if self._heads_fit(width, h))
        return next(fits, wanted)

    def _heads_fit(self, width: int, heads: int) -> bool:
        return heads >= 1 and width % heads == 0

    def _misfit(self, width: int, heads: int) -> str:
        return f"does not divide the width {width}"

    def check(self, geometry: Geometry) -> None:
        """Whether members can read such samples.

        Raises:
            BadInput: they cannot; the message names the field and a value that works.
        """
        if self.needs_text and not geometry.text_tokens:
            raise BadInput(
                f"geometry.text_tokens: {self.name} reads text; use 1 or more, or a family that "
                "does without (in-context, adaln, masked)"
            )

    @abstractmethod
    def counts(self, shape: Shape, geometry: Geometry) -> Counts:
        """Exact parameters and FLOPs of one member, per sample.

        Raises:
            BadInput: members cannot read such samples.
        """

    def options(self) -> dict[str, Any]:
        """The family's options, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}
