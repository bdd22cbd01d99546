"""What the fit of a plan can be expected to say at its target, by simulation."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ditlaw import text
from ditlaw.design.centre import Centre, study_centre
from ditlaw.design.halve import by_budgets, by_seeds
from ditlaw.design.simulate import LEVEL, draw_truths, planned_rows, simulate
from ditlaw.design.truths import FLOOR, OF_LOSS, OF_SIZE
from ditlaw.results import ErrorQuantiles, ExpectedInterval
from ditlaw.study import Study, variants

STUDIES = 16
MOST_ROWS = 1000  # of a plan that is simulated: above it the fits alone take a minute
BELIEVED = 0.5  # the share of fits that must succeed for a median to be stated


def expected_of(study: Study, folder: Path) -> ExpectedInterval | None:
    """What ``ditlaw plan`` says of a study's target; ``folder`` is where its runs would lie.

    None without a target, or where no one law is to come of it: several families, data sets or
    settings; and of more than ``MOST_ROWS`` rows.

    Raises:
        BadInput, Refused: the law that the study names as its like cannot be read.
    """
    if study.forecast is None or len(variants(study)) > 1 or study.sweep.learning_rate:
        return None
    if not 1 < len(planned_rows(study)) <= MOST_ROWS:
        return None
    return expected_interval(study, study.forecast.flops, study_centre(study, folder))


def expected_interval(
    study: Study, target: float, centre: Centre, *, halving: bool = True
) -> ExpectedInterval:
    """The median of what simulated studies of this design say at the target, and their errors.

    Raises:
        Refused: the law that centres the truths says nothing of sizes.
    """
    rows = planned_rows(study)
    truths = draw_truths(study, rows, centre, STUDIES)
    said = simulate(study, rows, truths, centre.scatter, target)
    fitted = [one for one in said if one is not None]
    known = len(fitted) >= BELIEVED * STUDIES
    asked = (study, target, centre, truths, said)
    return ExpectedInterval(
        flops=target,
        beyond=target / study.budgets[-1],
        level=LEVEL,
        loss_half_width=_median([one.half_width for one in fitted], known),
        params_half_width=_median([one.params_half_width for one in fitted], known),
        loss_error=_errors([one.loss_error for one in fitted], known),
        params_error=_errors([one.params_error for one in fitted], known),
        held=float(np.mean([one.inside for one in fitted])) if known else None,
        usable_budgets=_median([one.usable for one in fitted], known),
        simulated=len(said),
        refused=len(said) - len(fitted),
        more_budgets=by_budgets(*asked) if known and halving else None,
        more_seeds=by_seeds(*asked) if known and halving else None,
        noise=centre.scatter.sd,
        assumptions=_assumptions(centre),
    )


def _median(values: Sequence[float], known: bool) -> float | None:
    return float(np.median(values)) if known else None


def _errors(logs: list[float], known: bool) -> ErrorQuantiles | None:
    if not known:
        return None
    middle, most = np.expm1(np.quantile(np.abs(logs), [0.5, 0.9]))
    return ErrorQuantiles(median=float(middle), ninetieth=float(most))


def _assumptions(centre: Centre) -> list[str]:
    scatter = centre.scatter
    return [
        f"best sizes within a factor of 2 of {centre.source}",
        f"one run scatters by {text.share(scatter.sd)} ({scatter.source})",
        f"N* goes as C to the {OF_SIZE[0]:g} to {OF_SIZE[1]:g}, the loss above its floor as C to "
        f"the -{OF_LOSS[0]:g} to -{OF_LOSS[1]:g}, the floor is {100 * FLOOR[0]:.0f} to "
        f"{100 * FLOOR[1]:.0f} % of the best loss; half of the truths have a form that no fit has",
    ]
