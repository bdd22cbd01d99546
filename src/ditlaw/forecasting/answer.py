"""What a budget buys: a law's answer in images, epochs, GPU hours, money, and a recipe."""

from collections.abc import Sequence

from ditlaw.answering import AnsweringLaw
from ditlaw.compute import get_accelerator, gpu_hours
from ditlaw.errors import BadInput
from ditlaw.forecasting.designs import Stated, design_of, tokens_per_image
from ditlaw.forecasting.images import own_images, repeats
from ditlaw.forecasting.inverse import open_ended
from ditlaw.forecasting.metrics import forecast_metrics
from ditlaw.forecasting.nearby import in_images, nearby
from ditlaw.forecasting.recipe import Bought, recipe_of
from ditlaw.forecasting.shapes import nearest, sizes_along
from ditlaw.laws import Law
from ditlaw.laws.law import NEAR_OPTIMAL
from ditlaw.measured import hours_of
from ditlaw.results import Forecast, Nearby, OwnImages, Recipe, Wish, scaled
from ditlaw.study import Hours
from ditlaw.study.schema import Hardware


def forecast(
    law: AnsweringLaw,
    flops: float,
    hardware: Hardware | Hours | None = None,
    wish: Wish | None = None,
    *,
    sizes: Sequence[float] = (),
    tolerance: float = NEAR_OPTIMAL,
    gpus: int | None = None,
    price: float | None = None,
    images: float | None = None,
    stated: Stated | None = None,
) -> Forecast:
    """What a budget buys under a law.

    Args:
        law: the law, fitted or published.
        flops: training FLOPs of the run that is forecast.
        wish: what those FLOPs are the cost of, if they are (``inverse.cost``).
        hardware: what hours are counted on; else what the study states, else what its runs
            measured at the size that is forecast, else one H100 at 0.4, assumed. ``Hours`` say
            where their MFU is from.
        sizes: params of models whose loss and regret at that budget are wanted too.
        tolerance: what the range of near-optimal sizes may give away, as a fraction of the loss.
        gpus: how many there are of that hardware; with them days are told, and whether they hold
            the recipe.
        price: money for an hour of one GPU.
        images: how many different ones there are; by default as the law's runs or study know.
        stated: the family and samples of a law without a study, for a recipe.

    Raises:
        BadInput: the budget, a size, the tolerance, the price or the images are not a positive
            number, the accelerator is unknown, or what is stated contradicts the law's rows.
        Refused: the budget or a size is too far from what was fitted.
    """
    if not 0 < flops < float("inf"):
        raise BadInput(f"flops: {flops:g} is not a budget; use a positive number, as 1e21")
    for name, value in (("price", price), ("images", images)):
        if value is not None and not 0 < value < float("inf"):
            raise BadInput(f"{name}: {value:g} is not a positive number")
    rows, stated = law.observations, stated or Stated()
    study, design, each = rows.study, design_of(law, stated), tokens_per_image(law, stated)
    if images and not each:
        raise BadInput(
            f"--images: {rows.source}: the tokens of one image are not known; state them by "
            "--family, --latent, --patch and --text-tokens"
        )
    optimum = law.optimum(flops, tolerance)
    hours = law.observations.hours if isinstance(law, Law) else hours_of(study)
    if hardware:
        hours = hardware if isinstance(hardware, Hours) else Hours(hardware, "stated")
    hardware = hours.at(optimum.params.value) if optimum.params else hours.hardware
    seen = scaled(optimum.tokens, 1 / each) if each and optimum.tokens else None
    warnings = list(optimum.warnings)
    distinct = images or law.observations.distinct_images()
    epochs = scaled(seen, 1 / distinct) if seen and distinct else None
    direct, through_loss = optimum.metrics, {}
    if isinstance(law, Law):  # a published law has no rows to see other metrics in
        metrics = forecast_metrics(law, flops)
        direct, through_loss = metrics.direct, metrics.through_loss
        warnings += metrics.warnings
    bought = Bought(hardware, gpus, price, distinct)
    recipe: Recipe | None = None
    near: list[Nearby] = []
    own: OwnImages | None = None
    if optimum.params:
        best = optimum.params.value
        along = sizes_along(design.study) if design else []
        chosen = nearest(along, best) if along else None
        if design and chosen:
            recipe, notes = recipe_of(law, design, chosen, flops, bought)
            warnings += notes
        near, notes = nearby(law, best, flops, each, along, chosen)
        warnings += notes
        if images and each and epochs:
            own = own_images(law, flops, best, epochs, images, each)
    repeated = epochs.value if epochs else recipe.epochs if recipe else None
    if repeated and distinct:
        warnings += repeats(law, repeated, distinct, stated=images is not None)
    if wish:
        warnings += open_ended(wish)
    fitted, spent = rows.flops_range(), gpu_hours(flops, hardware.gpu, hardware.mfu)
    return Forecast(
        source=rows.source,
        metric=law.metric,
        flops=flops,
        beyond=optimum.beyond,
        params=optimum.params,
        tokens=optimum.tokens,
        images=seen,
        epochs=epochs,
        loss=optimum.loss,
        law_low=optimum.law_low,
        law_high=optimum.law_high,
        metrics=direct,
        metrics_through_loss=through_loss,
        near_optimal_params=optimum.near_optimal_params,
        choices=[in_images(law.choice(size, flops), each) for size in sizes],
        tested_beyond=law.tested_beyond,
        gpu_hours=spent,
        gpu=get_accelerator(hardware.gpu).name,
        mfu=hardware.mfu,
        mfu_source=hours.source,
        assumed_hardware=hours.source == "assumed",
        recipe=recipe,
        warnings=warnings,
        basis=optimum.basis,
        formulas=optimum.formulas,
        wish=wish,
        fitted_flops=fitted,
        interpolated=fitted is not None and fitted[0] <= flops <= fitted[1],
        gpus=gpus,
        days=bought.days(spent),
        price=price,
        money=bought.money(spent),
        nearby=near,
        own_images=own,
    )
