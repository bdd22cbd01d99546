"""A study that compares is several plain ones: one family, data set, geometry and recipe each."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from ditlaw import text
from ditlaw.families import Family
from ditlaw.study.schema import Study
from ditlaw.study.shape_section import FamilySection
from ditlaw.study.sweep_section import SweepSection

# Columns whose values tell which part of a study rows are of.
NARROWING = ("family", "dataset", "patch", "text_tokens", "batch")


@dataclass(frozen=True)
class Variant:
    """One plain study of a study. ``name`` says, in run names, in what it differs from others."""

    study: Study
    name: str

    @property
    def columns(self) -> dict[str, str]:
        """What its rows have in the columns that a plain study has one value of."""
        return {
            "family": self.study.design().label,
            "dataset": self.study.data[0].label,
            "patch": str(self.study.geometry.patch),
            "text_tokens": str(self.study.geometry.text_tokens),
            "batch": str(self.study.recipe.batch),
        }

    def matches(self, conditions: Sequence[tuple[str, str]]) -> bool:
        """Whether its rows are among those that ``COLUMN=VALUE`` conditions choose."""
        return all(
            c in self.columns and _plain(self.columns[c]) == _plain(value)
            for c, value in conditions
        )


def variants(study: Study) -> list[Variant]:
    """The plain studies that a study consists of, in a fixed order."""
    sweep = study.sweep
    # Families need no place in the name: every run's id begins with its family.
    swept: list[tuple[str, str, Sequence[Any]]] = [
        ("patch", "p", sweep.patch),
        ("text_tokens", "t", sweep.text_tokens),
        ("batch", "b", sweep.batch),
        ("learning_rate", "lr", sweep.learning_rate),
    ]
    axes = [[(field, short, value) for value in values] for field, short, values in swept if values]
    found = []
    for data, family in product(study.data, study.family):
        label = f"-{data.label}" if len(study.data) > 1 else ""
        alone = _of_family(study, family).model_copy(update={"data": [data]})
        for point in product(*axes):
            name = "".join(f"-{short}{value:g}" for _, short, value in point)
            values = {field: value for field, _, value in point}
            found.append(Variant(_at(alone, values), label + name))
    return found


def narrowed(study: Study, seen: Mapping[str, Collection[str]]) -> Study:
    """The study of rows that hold only those values of some columns; others are left as they are.

    The columns are ``NARROWING``; families and data sets go by label. A learning rate is of a size,
    not of a study: its sweep stays.
    """

    def kept(column: str, items: Sequence[Any], labels: Sequence[str]) -> list[Any]:
        there = {_plain(value) for value in seen.get(column, labels)}
        found = [item for item, label in zip(items, labels, strict=True) if _plain(label) in there]
        return found or list(items)  # rows of no such study: nothing to go by

    families = kept("family", study.family, [design.label for design in study.designs()])
    data = kept("dataset", study.data, [data.label for data in study.data])
    sweep: dict[str, Any] = study.sweep.model_dump()
    for axis in ("patch", "text_tokens", "batch"):
        values = sweep[axis]
        sweep[axis] = kept(axis, values, [str(value) for value in values])
    study = study.model_copy(update={"family": families, "data": data})
    if len(families) == 1:
        study = _of_family(study, families[0])
    single = {axis: values[0] for axis, values in sweep.items() if len(values) == 1}
    rest = SweepSection(**{axis: v for axis, v in sweep.items() if axis not in single})
    return _at(study, single).model_copy(update={"sweep": rest})


def family_slug(design: Family) -> str:
    """A family's label as part of a file name."""
    return text.slug(design.label) or design.name


def _of_family(study: Study, family: FamilySection) -> Study:
    """The study with that one family and its sizes."""
    own = family.model_copy(update={"options": family.options or study.options, "shapes": None})
    shapes = family.shapes or study.shapes
    return study.model_copy(update={"family": [own], "options": {}, "shapes": shapes})


def _at(study: Study, values: Mapping[str, Any]) -> Study:
    """The study at one point of its sweep."""
    recipe: dict[str, Any] = {}
    if "batch" in values:
        recipe["batch"] = values["batch"]
    if "learning_rate" in values:
        rule = study.recipe.learning_rate
        recipe["learning_rate"] = rule.model_copy(update={"value": values["learning_rate"]})
    geometry = {axis: values[axis] for axis in ("patch", "text_tokens") if axis in values}
    return study.model_copy(
        update={
            "sweep": SweepSection(),
            "recipe": study.recipe.model_copy(update=recipe),
            "geometry": study.geometry.model_copy(update=geometry),
        }
    )


def _plain(value: str) -> str:
    """A whole number as a table may have written it, 4.0 for 4."""
    return value.removesuffix(".0")
