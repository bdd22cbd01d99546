"""The commands of a table of runs: its laws, and what they say.

Heavy imports happen inside each, so that help and errors come at once.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ditlaw.cli.options import AnySource, Json, Level, Source, Where
from ditlaw.cli.output import emit
from ditlaw.errors import BadInput

FORM_HELP = (
    "Fit one equation instead: power, floor, henighan, broken, kaplan-n, kaplan-d, kaplan, "
    "chinchilla, repeated, yin, deepseek-m, deepseek-d, learning-rate, batch, sigmoid, shifted."
)


def fit(
    source: Source,
    where: Where = None,
    method: Annotated[
        Literal["auto", "isoflop", "akima", "envelope", "joint", "surface"] | None,
        typer.Option(help="By default auto: weighed by backtests."),
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="Column that the law is of; by default loss.")
    ] = None,
    flops_as: Annotated[
        Literal["exact", "6nd"] | None,
        typer.Option(help="The flops column (default), or 6·params·tokens."),
    ] = None,
    level: Level = None,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE.law.json", help="Save the law.")
    ] = None,
    form: Annotated[str | None, typer.Option(metavar="NAME", help=FORM_HELP)] = None,
    x: Annotated[
        str | None, typer.Option(help="Column of a one-column form: flops, params, tokens, loss.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Fit the laws of a table of runs, with intervals.

    With --form one equation alone.
    """
    if form or x:
        from ditlaw.cli.forms import fit_one_form

        if method or save:
            raise BadInput("--form: one equation has no --method and is not saved; leave them out")
        emit(fit_one_form(source, where, form, x, metric, flops_as, level), as_json)
        return
    from ditlaw.api import fit as fit_source
    from ditlaw.forecasting import LAW_SUFFIX
    from ditlaw.laws import save_law

    if save and not save.name.endswith(LAW_SUFFIX):
        raise BadInput(f"--save: {save} must end in {LAW_SUFFIX}, as {save.stem}{LAW_SUFFIX}")
    law = fit_source(
        source, where=where, method=method, metric=metric, level=level, flops_as=flops_as
    )
    if save:
        save_law(law, save)
    emit(law.result(), as_json)


def forecast(
    source: AnySource,
    flops: Annotated[
        float | None, typer.Option(help="Training FLOPs; by default the study's target.")
    ] = None,
    gpus: Annotated[
        str | None, typer.Option(help="As 64xh100; with --days a budget, else what time is on.")
    ] = None,
    days: Annotated[float | None, typer.Option(help="Days that the GPUs are yours.")] = None,
    params: Annotated[
        float | None, typer.Option(help="Instead: the cost of this many params, trained best.")
    ] = None,
    loss: Annotated[float | None, typer.Option(help="Instead: the cost of this loss.")] = None,
    images: Annotated[
        float | None,
        typer.Option(
            help="Instead: the FLOPs that make best use of these images. With a budget: all the "
            "images that there are."
        ),
    ] = None,
    price: Annotated[float | None, typer.Option(help="Money for an hour of one GPU.")] = None,
    mfu: Annotated[float | None, typer.Option(help="Model FLOPs utilisation, 0 to 1.")] = None,
    size: Annotated[
        list[float] | None,
        typer.Option(metavar="PARAMS", help="What a model of that size would give away."),
    ] = None,
    tolerance: Annotated[
        float, typer.Option(help="Loss that near-optimal sizes may give away; 0.0025 is 0.25 %.")
    ] = 0.0025,
    family: Annotated[
        str | None, typer.Option(help="Of a law without a study: the recipe's family of DiTs.")
    ] = None,
    latent: Annotated[
        str | None,
        typer.Option(metavar="[Fx]HxWxC", help="With --family: the size of its samples."),
    ] = None,
    patch: Annotated[int | None, typer.Option(min=1, help="With --family: the patch side.")] = None,
    text_tokens: Annotated[
        int | None, typer.Option(min=0, help="With --family: the text tokens of a sample.")
    ] = None,
    generated: Annotated[
        float | None,
        typer.Option(help="Images to be made: the model that is cheapest over its lifetime too."),
    ] = None,
    sampler_steps: Annotated[
        int | None, typer.Option(help="Model evaluations an image; by default the study's, or 50.")
    ] = None,
    guided: Annotated[
        bool, typer.Option("--guided", help="Guidance: two model evaluations a step.")
    ] = False,
    where: Where = None,
    level: Level = None,
    as_json: Json = False,
) -> None:
    """Say what a budget buys, or what a wish costs.

    A recipe with intervals: size, images, loss, hours.
    """
    from ditlaw.api import forecast as forecast_source

    made = forecast_source(
        source,
        flops=flops,
        gpus=gpus,
        days=days,
        params=params,
        loss=loss,
        images=images,
        mfu=mfu,
        price=price,
        sizes=size or [],
        tolerance=tolerance,
        family=family,
        latent=latent,
        patch=patch,
        text_tokens=text_tokens,
        generated=generated,
        sampler_steps=sampler_steps,
        guided=guided,
        where=where,
        level=level,
    )
    emit(made, as_json)


def compare(
    a: Annotated[
        str, typer.Argument(metavar="A", help="Study folder, table, saved law or published:NAME.")
    ],
    b: Annotated[
        str | None, typer.Argument(metavar="[B]", help="The other, unless --by splits A.")
    ] = None,
    at: Annotated[
        list[float] | None, typer.Option(metavar="X...", help="FLOPs to compare at.")
    ] = None,
    by: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Compare every pair of its values.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="Column to compare in; by default loss.")
    ] = None,
    where: Where = None,
    level: Level = None,
    as_json: Json = False,
) -> None:
    """Say which of two laws is better at a budget.

    And by how much, and where they cross.
    """
    from ditlaw.api import compare as compare_sources

    found = compare_sources(a, b, at=at or [], by=by, where=where, metric=metric, level=level)
    emit(found, as_json)


def metrics(
    source: Source,
    metric: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="By default every known metric.")
    ] = None,
    where: Where = None,
    level: Level = None,
    as_json: Json = False,
) -> None:
    """Fit a law to each metric, and set it beside the loss."""
    from ditlaw.metric_laws import metrics_of

    emit(metrics_of(source, where, metrics=metric or [], level=level).result, as_json)


def shapes(
    source: Source,
    metric: Annotated[str | None, typer.Option(help="Column to judge by; by default loss.")] = None,
    tolerance: Annotated[
        float, typer.Option(help="Loss that a shape may give away; 0.01 is 1 %.")
    ] = 0.01,
    where: Where = None,
    level: Level = None,
    as_json: Json = False,
) -> None:
    """Say what depth, width and the like are worth."""
    from ditlaw.aspect import shapes_of

    study = shapes_of(source, where, metric=metric, level=level, tolerance=tolerance)
    emit(study.result, as_json)


def rates(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Study folder or table.")],
    setting: Annotated[
        str, typer.Option(help="The column that was swept: learning_rate or batch.")
    ] = "learning_rate",
    tolerance: Annotated[
        float, typer.Option(help="Loss that a near-optimal setting may give away; 0.01 is 1 %.")
    ] = 0.01,
    where: Where = None,
    level: Level = None,
    as_json: Json = False,
) -> None:
    """Say which learning rate or batch is best at each size.

    And its law, and what it does to N*.
    """
    from ditlaw.tuning import rates_of, setting_of

    found = rates_of(
        source,
        where,
        setting=setting_of(setting),
        tolerance=tolerance,
        level=0.9 if level is None else level,
    )
    emit(found.result, as_json)


def audit(
    source: AnySource,
    where: Where = None,
    metric: Annotated[
        str | None, typer.Option(help="Column that the law is of; by default loss.")
    ] = None,
    level: Level = None,
    as_json: Json = False,
) -> None:
    """Say how far a law is defensible.

    And what speaks against it, and what would mend it.
    """
    from ditlaw.audit import audit as audit_source

    emit(audit_source(source, where, metric=metric, level=level), as_json)


def laws(as_json: Json = False) -> None:
    """List the published laws, to use as published:NAME."""
    from ditlaw.published import list_laws

    emit(list_laws(), as_json)


def place(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[SOURCE]",
            help="Study folder, table, saved law or published:NAME; without, the models.",
        ),
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="By default every known model.")
    ] = None,
    where: Where = None,
    level: Level = None,
    as_json: Json = False,
) -> None:
    """Say which public models a law calls over- or undertrained.

    And by how much.
    """
    from ditlaw.forecasting import answering_law
    from ditlaw.known_models.place import place_models

    if source is None and (where or level):
        raise BadInput("place: --where and --level need a SOURCE, as published:dit-in-context")
    law = None if source is None else answering_law(source, where, level=level)
    emit(place_models(law, model), as_json)


def report(
    source: Source,
    out: Annotated[
        Path | None, typer.Option(help="The page; by default report.html in the folder or here.")
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write figures for a paper too: SVG, PDF and PNG."),
    ] = None,
    where: Where = None,
    as_json: Json = False,
) -> None:
    """Write a report: one self-contained HTML page.

    With --figures the figures for a paper too.
    """
    from ditlaw.report import write_report

    emit(write_report(source, out, where, figures), as_json)
