"""Families of DiTs: shapes and exact counts in closed form, without torch.

Each family is one module here (what it costs) and one of the same name in ``ditlaw.models``
(what it computes). Register a new one in ``FAMILIES``.
"""

from typing import cast

from ditlaw.families import in_context
from ditlaw.families.base import Counts, Family, Geometry, Shape
from ditlaw.text import unknown

FAMILIES: dict[str, Family] = {module.name: module for module in (cast(Family, in_context),)}


def get_family(name: str) -> Family:
    """The family of that name.

    Raises:
        BadInput: no such family; the message gives the nearest name.
    """
    if name not in FAMILIES:
        raise unknown("family", name, FAMILIES)
    return FAMILIES[name]


__all__ = ["FAMILIES", "Counts", "Family", "Geometry", "Shape", "get_family"]
