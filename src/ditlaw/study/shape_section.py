"""The ``shapes`` and ``family`` sections of the study file: which models are trained."""

from itertools import product
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from ditlaw.study.section import Count, Number, Option, Positive, Section


class ShapeSection(Section):
    """One model size; the family's dial fills in what is left out.

    ``single_depth`` is the number of flux's single-stream blocks. ``until`` ends the trunk at a
    smaller budget than the largest. In a study file any of them may be a list: the entry then
    stands for all combinations.
    """

    depth: Count
    width: Count | None = None
    heads: Count | None = None
    single_depth: Number | None = None
    until: Positive | None = None


def combinations(entries: Any) -> Any:
    """The entries of ``shapes`` as written, those with lists spelt out, last field fastest."""
    if not isinstance(entries, list):
        return entries  # the schema says what is wrong
    found: list[Any] = []
    for entry in entries:
        if not isinstance(entry, dict):
            found.append(entry)
            continue
        each = [value if isinstance(value, list) else [value] for value in entry.values()]
        found += [dict(zip(entry, values, strict=True)) for values in product(*each)]
    return found


Shapes = Annotated[list[ShapeSection], BeforeValidator(combinations)]


class FamilySection(Section):
    """One family of a study, its options, and its own sizes where they differ from the others'."""

    name: str
    options: dict[str, Option] = {}
    shapes: Annotated[Shapes, Field(min_length=1)] | None = None


def named(families: Any) -> Any:
    """Families as written, a name alone or a list of names and entries, as entries."""
    listed = families if isinstance(families, list) else [families]
    return [{"name": entry} if isinstance(entry, str) else entry for entry in listed]


Families = Annotated[list[FamilySection], BeforeValidator(named), Field(min_length=1)]
