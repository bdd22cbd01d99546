"""Shapes that can be built near a number of params."""

from dataclasses import dataclass

from ditlaw.families import Shape
from ditlaw.laws.kappa import shapes_along
from ditlaw.study import Study

NEXT = 1.1  # a shape that differs by less in params is no other choice


@dataclass(frozen=True)
class Sized:
    """A shape and its exact params."""

    shape: Shape
    params: int


def sizes_along(study: Study) -> list[Sized]:
    """The sizes of a study's own path, smallest first.

    A study of one depth and head count is continued in width; any other along the family's dial.
    """
    geometry, family = study.geometry.geometry(), study.design()
    found = [Sized(s, family.counts(s, geometry).params) for s in shapes_along(study)]
    return sorted(found, key=lambda size: size.params)


def nearest(sizes: list[Sized], params: float) -> Sized:
    """The one whose params are nearest, in ratio."""
    return min(sizes, key=lambda size: max(size.params / params, params / size.params))


def nearest_shape(study: Study, params: float) -> Shape:
    """The shape of the study's own path whose params are nearest, in ratio."""
    return nearest(sizes_along(study), params).shape


def beside(sizes: list[Sized], size: Sized) -> tuple[Sized | None, Sized | None]:
    """The next smaller and the next larger one, at least a tenth away."""
    below = [s for s in sizes if s.params * NEXT <= size.params]
    above = [s for s in sizes if s.params >= size.params * NEXT]
    return (below[-1] if below else None), (above[0] if above else None)
