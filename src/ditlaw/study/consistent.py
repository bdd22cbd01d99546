"""Whether the sections of a study go together; each says what is wrong, where, and the mend."""

from ditlaw.data.scenes import check_geometry
from ditlaw.errors import BadInput
from ditlaw.study.schema import Study
from ditlaw.study.variants import Variant, variants


def check_study(study: Study) -> None:
    """Check all of a study that one field alone cannot tell.

    Raises:
        BadInput: sections contradict each other.
    """
    _check_lists(study)
    for variant in variants(study):
        try:
            _check_geometry(variant.study)
        except BadInput as error:
            raise _named(error, study) from None
    # Sizes do not depend on data or sweep: one variant of each family has them all.
    for i, entry in enumerate(study.family):
        plain = variants(study.model_copy(update={"family": [entry]}))[0]
        where = f"family.{i}.shapes" if entry.shapes else "shapes"
        _check_shapes(plain, where)


def _check_lists(study: Study) -> None:
    if study.options and (len(study.family) > 1 or study.family[0].options):
        name = study.family[0].name
        raise BadInput(
            f"options: are of one family; write them in its entry, as family: "
            f"[{{name: {name}, options: {{…}}}}]"
        )
    designs = [design.label for design in study.designs()]
    if len(set(designs)) < len(designs):
        raise BadInput("family: one family is listed twice with the same options; leave one out")
    labels = [data.label for data in study.data]
    if len(set(labels)) < len(labels):
        raise BadInput("data: two entries have one name; give each a name of its own")
    repeated = sorted(set(study.replicates.seeds) & set(study.seeds)) if study.replicates else []
    if repeated:
        raise BadInput(
            f"replicates.seeds: {repeated[0]} is in seeds too, and repeats those runs; "
            f"use {max(study.every_seed()) + 1}"
        )
    if study.replicates and len(set(study.replicates.seeds)) < len(study.replicates.seeds):
        raise BadInput("replicates.seeds: must differ; a repeated seed repeats the run")
    if study.sweep.learning_rate and study.recipe.learning_rate.max is not None:
        raise BadInput(
            "sweep.learning_rate: recipe.learning_rate.max would cut its rates; leave max out"
        )


def _check_geometry(study: Study) -> None:
    """Of a plain study: whether its family can read its samples, and its data give them."""
    geometries, design = study.geometry.geometries(), study.design()
    for geometry in geometries:
        design.check(geometry)
    if len(geometries) > 1 and design.one_size:
        raise BadInput(
            f"geometry.buckets: {design.label} learns the places of one size; set "
            "options: {masking: drop}, or leave buckets out"
        )
    if study.evaluation.samples < sum(study.geometry.weights()):
        raise BadInput(
            f"evaluation.samples: {study.evaluation.samples} cannot be shared out to the "
            f"buckets by their weights; use {sum(study.geometry.weights())} or more"
        )
    second = study.evaluation.out_of_domain
    for data in [*study.data, *([second] if second else [])]:
        if data.source == "scenes":
            check_geometry(study.geometry.geometry())
            for i, geometry in enumerate(geometries if study.geometry.buckets else []):
                check_geometry(geometry, f"geometry.buckets.{i}")


def _check_shapes(variant: Variant, where: str) -> None:
    study, shapes = variant.study, []
    if not study.shapes:
        raise BadInput("shapes: is missing; add it (see 'ditlaw init')")
    for i, entry in enumerate(study.shapes):
        try:
            shapes.append(study.shape(entry))
        except BadInput as error:
            raise BadInput(f"{where}.{i}.{error}") from None
        if entry.until is not None and entry.until < study.budgets[0]:
            raise BadInput(f"{where}: until {entry.until:g} is below the smallest budget")
    if len(set(shapes)) < len(shapes):
        raise BadInput(f"{where}: one shape is listed twice; use seeds for repeats")


def _named(error: BadInput, study: Study) -> BadInput:
    """The error by the field that the user wrote: what a sweep varies stands there."""
    message = str(error)
    for axis in ("patch", "text_tokens"):
        if getattr(study.sweep, axis):
            message = message.replace(f"geometry.{axis}:", f"sweep.{axis}:")
    return BadInput(message)
