"""How weights and rates follow the width: ``recipe.parametrization`` of the study file. No torch.

What each parameter of a module then gets is in ``ditlaw.models.parametrization``.
"""

from typing import Any, Literal

from pydantic import model_validator

from ditlaw.errors import BadInput
from ditlaw.families import Family, Shape
from ditlaw.study.section import Count, Section


class Parametrization(Section):
    """``standard``: one rate for all parameters. ``mup``: as at the base width, at every width.

    The base is the width whose initial weights and rates are the standard ones. All models of the
    study have heads of base_width/base_heads, so that what attention divides its scores by is one
    constant. Source: Yang et al., Tensor Programs V, 2203.03466, table 3.
    """

    kind: Literal["standard", "mup"] = "standard"
    base_width: Count | None = None
    base_heads: Count | None = None

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        return {"kind": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _whole(self) -> "Parametrization":
        for name in ("base_width", "base_heads"):
            given, where = getattr(self, name), f"recipe.parametrization.{name}"
            if self.kind == "mup" and given is None:
                raise BadInput(
                    f"{where}: is missing; name the width and heads at which mup is the standard "
                    "parametrization, as {kind: mup, base_width: 64, base_heads: 4}"
                )
            if self.kind == "standard" and given is not None:
                raise BadInput(f"{where}: is of mup alone; set kind: mup, or leave it out")
        if self.base_width and self.base_heads and self.base_width % self.base_heads:
            fits = max(h for h in range(1, self.base_heads) if self.base_width % h == 0)
            raise BadInput(
                f"recipe.parametrization.base_heads: {self.base_heads} does not divide the base "
                f"width {self.base_width}; use {fits}"
            )
        return self

    def __str__(self) -> str:
        return "standard" if self.base_width is None else f"{self.kind}:{self.base_width}"

    @property
    def head_size(self) -> int | None:
        """The size that every head has; None where a shape is free to choose."""
        if self.base_width is None or self.base_heads is None:
            return None
        return self.base_width // self.base_heads

    def gradient_scale(self, width: int) -> float:
        """How gradients' entries shrink with the width, against the base: as base width/width.

        What an optimiser adds to them must shrink alike, or it comes to outweigh them. Source:
        Yang and Littwin, Tensor Programs IVb, 2308.01814; Everett et al. 2407.05872.
        """
        return 1.0 if self.base_width is None else self.base_width / width

    def shape(
        self,
        family: Family,
        depth: int,
        width: int | None = None,
        heads: int | None = None,
        single_depth: int | None = None,
    ) -> Shape:
        """The family's member, see ``Family.shape``; heads that are left out have the one size.

        Raises:
            BadInput: the shape cannot be built, or has heads of another size.
        """
        size = self.head_size
        if size is None:
            return family.shape(depth, width, heads, single_depth)
        if width is None:
            width = family.shape(depth, None, None, single_depth).width
        if width % size:
            raise BadInput(
                f"width: {width} is not a multiple of the head size {size} that mup keeps; "
                f"use {max(1, round(width / size)) * size}"
            )
        if heads not in (None, width // size):
            raise BadInput(
                f"heads: {heads} at width {width} are not of the size {size} that mup keeps; "
                f"use {width // size}"
            )
        return family.shape(depth, width, width // size, single_depth)

    def base(self, family: Family, depth: int, single_depth: int | None = None) -> Shape:
        """The family's member of the base width, as deep as another.

        Raises:
            BadInput: the family has no such member.
        """
        try:
            return family.shape(depth, self.base_width, self.base_heads, single_depth or None)
        except BadInput as error:
            raise BadInput(f"recipe.parametrization.base_{error}") from None
