"""Which plain study a check is of, and where the check lives."""

from collections.abc import Sequence
from pathlib import Path

from ditlaw.errors import BadInput, Refused
from ditlaw.study import Study, Variant, variants
from ditlaw.study.variants import family_slug
from ditlaw.text import budget_name, unknown

NOUNS = {"dataset": "data sets", "family": "families", "patch": "patch sizes"}  # of columns


def verify_folder(folder: Path, flops: float, name: str = "") -> Path:
    """Where the check of a budget lives; ``name`` is of one of several variants of the study."""
    return folder / "verify" / "-".join([budget_name(flops), *([name] if name else [])])


def variant_name(study: Study, variant: Variant) -> str:
    """What tells a variant from the study's others; empty where there is just one."""
    family = family_slug(variant.study.design()) if len(study.family) > 1 else ""
    return f"{family}{variant.name}".removeprefix("-")


def checked_variant(study: Study, folder: Path, where: Sequence[str]) -> Variant:
    """The plain study that a check is of: the study's only one, or the one that is named.

    Raises:
        BadInput: a filter of a column that tells no variants apart, or no such value.
        Refused: there are several, and none is named.
    """
    found = variants(study)
    for condition in where:
        column, _, value = (part.strip() for part in condition.partition("="))
        if column not in found[0].columns:
            known = ", ".join(found[0].columns)
            raise BadInput(
                f"--where: '{condition}' leaves out runs of a check; it takes {known}, as "
                f"dataset={found[0].columns['dataset']}"
            )
        able = [variant for variant in found if variant.matches([(column, value)])]
        if not able:
            raise unknown(f"--where: {column}", value, sorted({v.columns[column] for v in found}))
        found = able
    if len(found) == 1:
        return found[0]
    for column in found[0].columns:
        values = list(dict.fromkeys(variant.columns[column] for variant in found))
        if len(values) > 1:
            raise Refused(
                f"{folder}: the study has {len(values)} {NOUNS.get(column, column)} "
                f"({', '.join(values)}); a law holds one of them; choose one with "
                f"--where {column}={values[0]}"
            )
    raise Refused(
        f"{folder}: the study tries several learning rates, so no one recipe can be checked; write "
        "a study with the rate that 'ditlaw rates' finds best"
    )
