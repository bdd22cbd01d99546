"""The command that says what to run next.

Heavy imports happen inside, so that help and errors come at once.
"""

from typing import Annotated

import typer

from ditlaw.cli.options import Json, Source, Where
from ditlaw.cli.output import emit
from ditlaw.errors import BadInput


def next_(
    source: Source,
    spend: Annotated[
        str, typer.Option(metavar="F", help="FLOPs that the runs may take, or a share as 5%.")
    ] = "5%",
    target: Annotated[
        float | None, typer.Option(help="FLOPs to forecast; by default the study's target.")
    ] = None,
    where: Where = None,
    as_json: Json = False,
) -> None:
    """Say which runs would narrow the forecast most for their FLOPs."""
    from ditlaw.forecast import law_of
    from ditlaw.planner.answer import next_runs
    from ditlaw.planner.goal import amount

    if target is None:
        study = law_of(source, where).observations.study
        if study is None or study.forecast is None:
            raise BadInput("next: give --target, the FLOPs of the run that is forecast")
        target = study.forecast.flops
    flops = amount("--spend", spend, target, "1e20 or 5%")
    emit(next_runs(source, target, flops, where=where).result, as_json)
