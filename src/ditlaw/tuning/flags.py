"""Rows whose setting is not near-optimal: measured where it was swept, else by the law."""

from typing import Any

import numpy as np

from ditlaw.results import FlaggedRow
from ditlaw.tuning.cells import Group, plain
from ditlaw.tuning.law import SettingLaw
from ditlaw.tuning.optimum import Optimum


def flagged(
    group: Group,
    optima: dict[int, Optimum],
    law: SettingLaw | None,
    tolerance: float,
    level: float,
    noise: bool,
) -> list[FlaggedRow]:
    """The rows of a group that give away more than the tolerance.

    Args:
        group: the rows.
        optima: those of the swept cells, by cell number.
        law: of the best setting, for the other cells.
        tolerance: the fraction of the loss that near-optimal settings may give away.
        level: of the interval whose lower end must pass the tolerance to be beyond noise.
        noise: whether run noise is known; without it nothing is said of that.
    """
    found: list[FlaggedRow] = []
    curvatures = [o.curvature for o in optima.values() if o.curvature is not None]
    for number, cell in enumerate(group.cells):
        if number in optima:
            at = optima[number].log_setting
            best = float(at[0]) if at is not None else float(cell.log_setting[cell.best])
            excesses = optima[number].excess()
        elif law is not None and curvatures:
            drawn = law.log_setting(cell.log_n, cell.log_d)
            gap = np.median(curvatures) * (cell.log_setting - drawn[:, None]) ** 2
            best, excesses = float(drawn[0]), np.expm1(np.minimum(gap, 50.0))
        else:
            continue
        for column, rows in enumerate(cell.members):
            excess = excesses[:, column]
            if excess[0] > tolerance:
                low = float(np.quantile(excess[1:], (1 - level) / 2))
                flag: dict[str, Any] = {
                    "setting": plain(cell.log_setting[column]),
                    "best": float(np.exp(best)),
                    "excess": float(excess[0]),
                    "beyond_noise": low > tolerance if noise else None,
                    "how": "measured" if number in optima else "predicted",
                }
                found += [FlaggedRow(**_named(group, int(i)), **flag) for i in rows]
    return found


def _named(group: Group, position: int) -> dict[str, Any]:
    return {"row": int(group.frame.index[position]), "run": str(group.frame["run"].iloc[position])}
