"""The command that says what to run next.

Heavy imports happen inside, so that help and errors come at once.
"""

import math
from typing import Annotated

import typer

from ditlaw.cli.options import Json, Source, Where
from ditlaw.cli.output import emit
from ditlaw.errors import BadInput
from ditlaw.spend import EXAMPLE, SHARE, amount


def next_(
    source: Source,
    spend: Annotated[
        str,
        typer.Option(
            metavar="FLOPS|5%", help="FLOPs that the runs may take, or a share of the target."
        ),
    ] = f"{SHARE:.0%}",
    target: Annotated[
        float | None,
        typer.Option(metavar="FLOPS", help="What is forecast; by default the study's target."),
    ] = None,
    where: Where = None,
    as_json: Json = False,
) -> None:
    """Say which next runs would narrow the forecast most.

    For the FLOPs that they take.
    """
    from ditlaw.forecasting import law_of
    from ditlaw.planner.answer import next_of
    from ditlaw.study import study_folder

    law = law_of(source, where, metric="loss")
    if target is None:
        study = law.observations.study
        if study is None or study.forecast is None:
            raise BadInput("--target: give the FLOPs of the run that is forecast")
        target = study.forecast.flops
    if not 0 < target < math.inf:
        raise BadInput(f"--target: {target:g} is not a number of FLOPs; use one as 1e21")
    flops = amount("--spend", spend, target, EXAMPLE)
    emit(next_of(law, study_folder(source), target, flops).result, as_json)
