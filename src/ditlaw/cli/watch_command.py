"""``ditlaw watch``: a big training on its way, held against its law."""

from pathlib import Path
from typing import Annotated

import typer

from ditlaw.cli.options import Json, Level, Source, Where
from ditlaw.cli.output import emit
from ditlaw.errors import BadInput


def watch(
    law: Source,
    log: Annotated[
        Path,
        typer.Argument(metavar="LOG", help="A run's folder, its log.jsonl, or a .csv or .jsonl."),
    ],
    flops: Annotated[
        float | None, typer.Option(help="FLOPs at which the run ends; else as it or LAW says.")
    ] = None,
    params: Annotated[
        float | None, typer.Option(help="Params of the model, where the log does not say.")
    ] = None,
    flops_per_token: Annotated[
        float | None, typer.Option(help="Training FLOPs of a token; by default as LAW's models.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="Column of LOG; by default LAW's, else train_loss.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on until the run is over; tell of changes.")
    ] = False,
    where: Where = None,
    level: Level = None,
    as_json: Json = False,
) -> None:
    """Say whether a running training stays in its law's band."""
    from ditlaw.watching import follow as follow_log
    from ditlaw.watching import watch as watch_log

    if follow and as_json:
        raise BadInput("--follow: tells as it goes; leave out --json, or ask again and again")
    watching = watch_log(
        law,
        log,
        flops=flops,
        params=params,
        flops_per_token=flops_per_token,
        metric=metric,
        where=where or [],
        level=level,
    )
    if follow:
        follow_log(watching, lambda found: emit(found, as_json=False))
    else:
        emit(watching.look(), as_json)
