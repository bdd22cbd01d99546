"""A sweep of learning rates or batches, answered: what 'ditlaw rates' prints."""

from dataclasses import dataclass, replace
from typing import Literal, cast, get_args

import numpy as np

from ditlaw.errors import BadInput, Refused
from ditlaw.forecasting import LAW_SUFFIX
from ditlaw.observations import Observations, load_swept, study_of_rows
from ditlaw.results import FlaggedRow, RatesResult
from ditlaw.tablefile import numbers
from ditlaw.text import nearest, unknown
from ditlaw.tuning.advice import advise
from ditlaw.tuning.cells import Group, groups
from ditlaw.tuning.group import GroupAnswer, answer_group

Setting = Literal["learning_rate", "batch"]
TOLERANCE = 0.01


@dataclass(frozen=True)
class Rates:
    """What ``ditlaw rates`` prints, and what is behind it, group by group."""

    result: RatesResult
    groups: list[GroupAnswer]


def rates_of(
    source: str,
    where: list[str] | None = None,
    *,
    setting: Setting = "learning_rate",
    tolerance: float = TOLERANCE,
    level: float = 0.9,
) -> Rates:
    """Read a SOURCE and answer its sweep of a setting.

    Args:
        source: a study folder or a table; every row counts, of diverged runs too.
        where: ``COL=VALUE`` filters.
        setting: ``learning_rate`` or ``batch``.
        tolerance: what a near-optimal setting may give away, as a fraction of the loss.
        level: of every interval.

    Raises:
        BadInput: as reading a table; an unknown setting, no such column or no number in it; a
            level or tolerance that makes no sense.
        Refused: several data sets, roles or loss weightings; no size and budget with two settings.
    """
    _check(source, setting, tolerance, level)
    observations, diverged = load_swept(source, where or [])
    if setting not in observations.frame:
        guess = nearest(setting, observations.frame.columns)
        hint = f"is '{guess}' meant? rename it" if guess else "add it to the table"
        raise BadInput(f"{source}: column '{setting}' is missing; {hint}")
    known = numbers(observations.frame[setting])
    observations = observations.keep(
        (known > 0) & (known < np.inf), f"{setting} is not a positive number"
    )
    if observations.frame.empty:
        raise BadInput(f"{source}: '{setting}' holds no positive number")
    lost = diverged[numbers(diverged[setting]) > 0]
    split = list(groups(observations.frame, lost, setting))
    if not any(group.swept for group in split):
        raise Refused(
            f"{source}: no size and budget has runs of two values of {setting} or more; "
            "run several of them at each size"
        )
    found = [
        _advised(
            answer_group(group, _of_group(observations, group), setting, tolerance, level), level
        )
        for group in split
    ]
    result = RatesResult(
        source=observations.source,
        setting=setting,
        tolerance=tolerance,
        level=level,
        groups=[answer.printed for answer in found],
        flagged=sorted((f for a in found for f in a.flagged), key=lambda f: f.row),
        warnings=[note for answer in found for note in answer.notes],
    )
    return Rates(result, found)


def _advised(answer: GroupAnswer, level: float) -> GroupAnswer:
    """With the setting to use, and the budget of each flagged row."""
    advice = advise(answer.printed, answer.optima, level)
    return replace(
        answer,
        printed=answer.printed.model_copy(update={"advice": advice}),
        flagged=[_with_budget(flag, answer.group) for flag in answer.flagged],
    )


def _with_budget(flag: FlaggedRow, group: Group) -> FlaggedRow:
    row = group.frame.loc[[flag.row]]
    known = [numbers(row[name]).iloc[0] for name in ("budget", "flops") if name in row]
    return flag.model_copy(update={"budget": next((float(v) for v in known if v > 0), None)})


def _of_group(observations: Observations, group: Group) -> Observations:
    """A group's rows, with the part of the study that they are of."""
    study = study_of_rows(observations.study, group.frame)
    return replace(observations, frame=group.frame, study=study)


def setting_of(name: str) -> Setting:
    """The setting of a name.

    Raises:
        BadInput: there is none; with the nearest name.
    """
    for setting in get_args(Setting):
        if name == setting:
            return cast("Setting", setting)
    raise unknown("--setting", name, get_args(Setting))


def _check(source: str, setting: str, tolerance: float, level: float) -> None:
    setting_of(setting)
    if not 0 < level < 1:
        raise BadInput(f"level: {level} is not between 0 and 1; use 0.9 for 90 %")
    if not 0 < tolerance < 1:
        raise BadInput(f"--tolerance: {tolerance} is not between 0 and 1; use 0.01 for 1 %")
    if source.endswith(LAW_SUFFIX):
        raise BadInput(
            f"{source}: a saved law keeps the best settings only; name the table or study folder"
        )
