"""Families of DiTs: shapes and exact counts in closed form, without torch.

Each family is one module here (what it costs) and one of the same name in ``ditlaw.models``
(what it computes). Register a new one in ``FAMILIES``. A user's own needs no registration: its
name is the import path of what makes its module.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ditlaw.errors import BadInput
from ditlaw.families.adaln import Adaln
from ditlaw.families.base import Family, Shape
from ditlaw.families.cross_attention import CrossAttention
from ditlaw.families.flux import Flux
from ditlaw.families.geometry import Geometry
from ditlaw.families.in_context import InContext
from ditlaw.families.ledger import Counts
from ditlaw.families.masked import Masked
from ditlaw.families.mmdit import Mmdit
from ditlaw.families.own import Own
from ditlaw.text import unknown

FAMILIES: dict[str, type[Family]] = {
    family.name: family for family in (InContext, CrossAttention, Adaln, Mmdit, Flux, Masked)
}


def get_family(name: str, options: Mapping[str, Any] | None = None) -> Family:
    """The family of that name, with its options set; ``module:factory`` is a user's own.

    Raises:
        BadInput: no such family or option; the message gives the nearest name.
    """
    if ":" in name:
        return Own.named(name, options or {})
    if name not in FAMILIES:
        if "." in name:
            yours = ":".join(name.rsplit(".", 1))
            raise BadInput(
                f"family: '{name}' is unknown; a module of yours is module:factory, as {yours}"
            )
        raise unknown("family", name, FAMILIES)
    kind, options = FAMILIES[name], dict(options or {})
    known = [f.name for f in fields(kind)]
    for option in options:
        if not known:
            raise BadInput(f"options.{option}: {name} has no options; leave it out")
        if option not in known:
            raise unknown("options", option, known)
    return kind(**options)


__all__ = ["FAMILIES", "Counts", "Family", "Geometry", "Own", "Shape", "get_family"]
