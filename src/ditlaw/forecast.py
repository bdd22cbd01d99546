"""What a budget buys: a law's answer in images, epochs, GPU hours and a model that can be built."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ditlaw import text
from ditlaw.answering import AnsweringLaw
from ditlaw.compute import get_accelerator, gpu_hours
from ditlaw.errors import BadInput
from ditlaw.families import Shape
from ditlaw.inverse import open_ended
from ditlaw.laws import Law, fit, load_law
from ditlaw.laws.candidates import Method
from ditlaw.laws.kappa import shapes_along
from ditlaw.laws.law import NEAR_OPTIMAL
from ditlaw.laws.swept_recipe import rate_along, usual_batch
from ditlaw.measured import hours_of
from ditlaw.metrics_forecast import forecast_metrics
from ditlaw.observations import load_observations
from ditlaw.published import PREFIX, published_law
from ditlaw.results import Forecast, Note, Quantity, Recipe, Wish, scaled
from ditlaw.study import Hours, Study, study_mix
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
        BadInput, Refused: as reading and fitting do; BadInput too for a published law, which has
            no rows.
    """
    if source.startswith(PREFIX):
        name = published_law(source).observations.source
        raise BadInput(
            f"{name}: a published law has no rows to fit or report; "
            f"'ditlaw forecast {name} --flops X' and 'ditlaw compare' answer"
        )
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


def answering_law(
    source: str,
    where: list[str] | None = None,
    *,
    metric: str | None = None,
    level: float | None = None,
) -> AnsweringLaw:
    """The law of any SOURCE, published ones too (``published:NAME``).

    Raises:
        BadInput, Refused: as ``law_of``; BadInput too where a published law is asked for rows or a
            level.
    """
    if not source.startswith(PREFIX):
        return law_of(source, where, metric=metric, level=level)
    for option, given in (("--where", where), ("--level", level)):
        if given:
            raise BadInput(
                f"{option}: {source} has no rows; its intervals are what the printed digits allow"
            )
    return published_law(source, metric or "loss")


def forecast(
    law: AnsweringLaw,
    flops: float,
    hardware: Hardware | None = None,
    wish: Wish | None = None,
    *,
    sizes: Sequence[float] = (),
    tolerance: float = NEAR_OPTIMAL,
) -> Forecast:
    """What a budget buys under a law.

    Args:
        law: the law, fitted or published.
        flops: training FLOPs of the run that is forecast.
        wish: what those FLOPs are the cost of, if they are (``inverse.cost``).
        hardware: what hours are counted on; else what the study states, else what its runs
            measured at the size that is forecast, else one H100 at 0.4, assumed.
        sizes: params of models whose loss and regret at that budget are wanted too.
        tolerance: what the range of near-optimal sizes may give away, as a fraction of the loss.

    Raises:
        BadInput: the budget, a size or the tolerance is not a positive number, or the accelerator
            is unknown.
        Refused: the budget or a size is too far from what was fitted.
    """
    if not 0 < flops < float("inf"):
        raise BadInput(f"flops: {flops:g} is not a budget; use a positive number, as 1e21")
    study = law.observations.study
    optimum = law.optimum(flops, tolerance)
    hours = law.observations.hours if isinstance(law, Law) else hours_of(study)
    if hardware:
        hours = Hours(hardware, "stated")
    hardware = hours.at(optimum.params.value) if optimum.params else hours.hardware
    each = law.observations.tokens_per_image()
    images = scaled(optimum.tokens, 1 / each) if each and optimum.tokens else None
    warnings = list(optimum.warnings)
    epochs = None
    distinct = law.observations.distinct_images() if isinstance(law, Law) else None
    if images and distinct:
        epochs = scaled(images, 1 / distinct)
        if epochs.value > 1:
            of = f"the {text.count(distinct)} images that there are"
            if study is not None and len(study.geometry.buckets) > 1:
                of = "the images of one resolution, the one with the fewest for its share"
            warnings.append(
                Note(
                    code="repeated-data",
                    text=f"{epochs.value:.2g} epochs of {of}: the law counts a repeated one as a "
                    "new one",
                )
            )
    direct, through_loss = optimum.metrics, {}
    if isinstance(law, Law):  # a published law has no rows to see other metrics in
        metrics = forecast_metrics(law, flops)
        direct, through_loss = metrics.direct, metrics.through_loss
        warnings += metrics.warnings
    if wish:
        warnings += open_ended(wish)
    return Forecast(
        source=law.observations.source,
        metric=law.metric,
        flops=flops,
        beyond=optimum.beyond,
        params=optimum.params,
        tokens=optimum.tokens,
        images=images,
        epochs=epochs,
        loss=optimum.loss,
        law_low=optimum.law_low,
        law_high=optimum.law_high,
        metrics=direct,
        metrics_through_loss=through_loss,
        near_optimal_params=optimum.near_optimal_params,
        choices=[law.choice(size, flops) for size in sizes],
        tested_beyond=law.tested_beyond,
        gpu_hours=gpu_hours(flops, hardware.gpu, hardware.mfu),
        gpu=get_accelerator(hardware.gpu).name,
        mfu=hardware.mfu,
        mfu_source=hours.source,
        assumed_hardware=hours.source == "assumed",
        recipe=_recipe(study, law, optimum.params, flops, hardware) if study else None,
        warnings=warnings,
        basis=optimum.basis,
        formulas=optimum.formulas,
        wish=wish,
    )


def nearest_shape(study: Study, params: float) -> Shape:
    """The shape of the study's own path whose params are nearest, in ratio.

    A study of one depth and head count is continued in width; any other along the family's dial.
    """
    geometry, family = study.geometry.geometry(), study.design()

    def distance(shape: Shape) -> float:
        count = family.counts(shape, geometry).params
        return max(count / params, params / count)

    return min(shapes_along(study), key=distance)


def _recipe(
    study: Study,
    law: AnsweringLaw,
    params: Quantity | None,
    flops: float,
    hardware: Hardware,
) -> Recipe | None:
    if params is None or not study.design().closed_form:  # counting may need the user's own code
        return None
    shape = nearest_shape(study, params.value)
    rate = study.recipe.learning_rate.rate(shape.width)
    if isinstance(law, Law):  # what a study swept, the law's own runs tell
        if study.sweep.batch:
            batch = usual_batch(law.observations)
            recipe = study.recipe.model_copy(update={"batch": batch})
            study = study.model_copy(update={"recipe": recipe})
        if study.sweep.learning_rate:
            size = study_mix(study, shape)
            tokens = flops / size.flops_per_sample * size.tokens_per_sample
            rate = rate_along(law.observations, size.each[0].params, tokens)
    mix = study_mix(study, shape)
    steps = mix.last_step(flops)
    if steps < 1:
        return None
    return Recipe(
        family=study.design().label,
        **asdict(shape),
        params=mix.each[0].params,
        steps=steps,
        batch=study.recipe.batch,
        learning_rate=rate,
        parametrization=str(study.recipe.parametrization),
        images=float(mix.images(steps)),
        gpu_hours=gpu_hours(mix.flops(steps), hardware.gpu, hardware.mfu),
    )
