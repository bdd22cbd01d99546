"""What is asked of an adaptive study, from the words of a command line."""

import math
from dataclasses import dataclass

from ditlaw import text
from ditlaw.errors import BadInput, Refused
from ditlaw.spend import EXAMPLE, amount
from ditlaw.study import Study, study_runs, variants

AS_MUCH_AGAIN = 2.0  # times its own grid's FLOPs, for a whole study that no spend was given


@dataclass(frozen=True)
class Goal:
    """``until`` is a relative half-width of the loss of one run at the ``target``, or None.

    ``spend`` is the FLOPs that the whole study may take, its own grid included.
    """

    target: float
    until: float | None
    spend: float


def goal_of(study: Study, target: float | None, until: str | None, spend: str | None) -> Goal:
    """The goal that the options of ``ditlaw run`` name.

    Args:
        study: a plain study; its forecast is the target where none is given.
        target: FLOPs of the run that the study is to forecast.
        until: a percentage or a fraction, as ``10%`` or ``0.1``.
        spend: FLOPs, or a percentage of the target, as ``5%``.

    Raises:
        BadInput: an option is not what it should be, or there is no target.
        Refused: the study compares several things, or its own grid takes more than may be spent.
    """
    stated = study.forecast.flops if study.forecast else None
    target = stated if target is None else target
    if target is None:
        raise BadInput("--target: the study states no forecast.flops; give the FLOPs to forecast")
    if not 0 < target < math.inf:
        raise BadInput(f"--target: {target:g} is not a budget; use a positive number, as 1e21")
    width = None if until is None else amount("--until-interval", until, 1.0, "10% or 0.1")
    if width is not None and width >= 1:
        raise BadInput(f"--until-interval: '{until}' is no share of a loss below 1; try 10% or 0.1")
    if len(variants(study)) > 1:
        raise Refused(
            "the study compares several families, data sets or settings; an adaptive one narrows "
            "one forecast: write a study of one of them"
        )
    grid = float(sum(run.trained_flops for run in study_runs(study)))
    if spend is None:
        return Goal(target, width, AS_MUCH_AGAIN * grid)
    most = amount("--spend", spend, target, EXAMPLE)
    if most < grid:
        raise Refused(
            f"--spend: {text.flops(most)} FLOPs is below what the study's own runs take "
            f"({text.flops(grid)}); raise it or shrink the study"
        )
    return Goal(target, width, most)
