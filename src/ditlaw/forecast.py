"""What a budget buys: a law's answer in images, epochs, GPU hours and a model that can be built."""

from pathlib import Path
from typing import Any

from ditlaw.compute import get_accelerator, gpu_hours
from ditlaw.equations import law_bends
from ditlaw.errors import BadInput
from ditlaw.families import Shape, get_family
from ditlaw.laws import Law, fit, load_law
from ditlaw.laws.kappa import shapes_along
from ditlaw.laws.law import Method
from ditlaw.metrics_forecast import forecast_metrics
from ditlaw.observations import load_observations
from ditlaw.results import Forecast, Note, Recipe, scaled
from ditlaw.study import Study, hardware_of
from ditlaw.study.schema import Hardware

LAW_SUFFIX = ".law.json"


def law_of(
    source: str,
    where: list[str] | None = None,
    *,
    method: Method | None = None,
    metric: str | None = None,
    level: float | None = None,
    flops_as: str | None = None,
) -> Law:
    """The law of a SOURCE: a study folder or a table is fitted, a saved law is loaded.

    What is left out is ``auto``, ``loss`` and 0.9, or what the saved law was fitted with; a saved
    law is fitted again, to its own rows, where something else is asked for.

    Raises:
        BadInput, Refused: as reading and fitting do.
    """
    asked = {"method": method, "metric": metric, "level": level}
    settings: dict[str, Any] = {k: v for k, v in asked.items() if v is not None}
    if not source.endswith(LAW_SUFFIX):
        table = load_observations(source, where or [], flops_as=flops_as or "exact")
        return fit(table, **settings)
    for option, given in (("--where", where), ("--flops-as", flops_as)):
        if given:
            raise BadInput(f"{option}: {source} is a saved law; choose when fitting its table")
    law = load_law(Path(source))
    if all(getattr(law, name) == value for name, value in settings.items()):
        return law
    kept: dict[str, Any] = {"method": law.method, "metric": law.metric, "level": law.level}
    return fit(law.observations, **(kept | settings))


def forecast(law: Law, flops: float, hardware: Hardware | None = None) -> Forecast:
    """What a budget buys under a law.

    Args:
        law: the fitted law.
        flops: training FLOPs of the run that is forecast.
        hardware: what hours are counted on; else the study's, else one H100 at 0.4, assumed.

    Raises:
        BadInput: the budget is not a positive number or the accelerator is unknown.
    """
    if not 0 < flops < float("inf"):
        raise BadInput(f"flops: {flops:g} is not a budget; use a positive number, as 1e21")
    study = law.observations.study
    assumed = hardware is None and (study is None or study.hardware is None)
    hardware = hardware or hardware_of(study)
    optimum = law.optimum(flops)
    each = law.observations.tokens_per_image()
    images = scaled(optimum.tokens, 1 / each) if each else None
    warnings = list(optimum.warnings)
    epochs = None
    if study and images and study.data.images:
        epochs = scaled(images, 1 / study.data.images)
        if epochs.value > 1:
            warnings.append(
                Note(
                    code="repeated-data",
                    text=f"{epochs.value:.2g} epochs of the study's images; the law has seen none "
                    "repeated",
                )
            )
    metrics = forecast_metrics(law, flops)
    bend = law_bends(law)
    warnings += [*metrics.warnings, *([bend] if bend else [])]
    return Forecast(
        source=law.observations.source,
        flops=flops,
        beyond=optimum.beyond,
        params=optimum.params,
        tokens=optimum.tokens,
        images=images,
        epochs=epochs,
        loss=optimum.loss,
        law_low=optimum.law_low,
        law_high=optimum.law_high,
        metrics=metrics.direct,
        metrics_through_loss=metrics.through_loss,
        near_optimal_params=optimum.near_optimal_params,
        gpu_hours=gpu_hours(flops, hardware.gpu, hardware.mfu),
        gpu=get_accelerator(hardware.gpu).name,
        mfu=hardware.mfu,
        assumed_hardware=assumed,
        recipe=_recipe(study, optimum.params.value, flops, hardware) if study else None,
        warnings=warnings,
    )


def nearest_shape(study: Study, params: float) -> Shape:
    """The shape of the study's own path whose params are nearest, in ratio.

    A study of one depth and head count is continued in width; any other along the family's dial.
    """
    geometry, family = study.geometry.geometry(), get_family(study.family)

    def distance(shape: Shape) -> float:
        count = family.counts(shape, geometry).params
        return max(count / params, params / count)

    return min(shapes_along(study), key=distance)


def _recipe(study: Study, params: float, flops: float, hardware: Hardware) -> Recipe | None:
    shape = nearest_shape(study, params)
    counts = get_family(study.family).counts(shape, study.geometry.geometry())
    steps = int(flops // (study.recipe.batch * counts.flops_train))
    if steps < 1:
        return None
    images = steps * study.recipe.batch
    return Recipe(
        family=study.family,
        depth=shape.depth,
        width=shape.width,
        heads=shape.heads,
        params=counts.params,
        steps=steps,
        batch=study.recipe.batch,
        learning_rate=study.recipe.learning_rate.rate(shape.width),
        images=float(images),
        gpu_hours=gpu_hours(images * counts.flops_train, hardware.gpu, hardware.mfu),
    )
