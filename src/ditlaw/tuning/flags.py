"""Rows whose setting is not near-optimal: measured where it was swept, else by the law."""

from typing import Any

import numpy as np

from ditlaw.laws.noise import Noise
from ditlaw.laws.table import BoolArray, FloatArray
from ditlaw.results import FlaggedRow
from ditlaw.tuning.cells import Cell, Group, plain
from ditlaw.tuning.law import SettingLaw
from ditlaw.tuning.optimum import Optimum

LEAST_DRAWS = 4000  # of the least of several numbers


def flagged(
    group: Group,
    optima: dict[int, Optimum],
    law: SettingLaw | None,
    tolerance: float,
    level: float,
    noise: Noise | None,
) -> list[FlaggedRow]:
    """The rows of a group that give away more than the tolerance.

    Args:
        group: the rows.
        optima: those of the swept cells, by cell number.
        law: of the best setting, for the other cells.
        tolerance: the fraction of the loss that near-optimal settings may give away.
        level: how often a cell in which the setting makes no difference has no row beyond noise.
        noise: of one run, where it is known; without it nothing is said of that.
    """
    found: list[FlaggedRow] = []
    curvatures = [o.curvature for o in optima.values() if o.curvature is not None]
    for number, cell in enumerate(group.cells):
        if number in optima:
            at = optima[number].log_setting
            best = float(at[0]) if at is not None else float(cell.log_setting[cell.best])
            excesses = optima[number].excess()
            sure = beyond_noise(cell, optima[number].losses, tolerance, level, noise)
        elif law is not None and curvatures:
            drawn = law.log_setting(cell.log_n, cell.log_d)
            gap = np.median(curvatures) * (cell.log_setting - drawn[:, None]) ** 2
            best, excesses = float(drawn[0]), np.expm1(np.minimum(gap, 50.0))
            sure = np.quantile(excesses[1:], (1 - level) / 2, axis=0) > tolerance
        else:
            continue
        for column, rows in enumerate(cell.members):
            excess = excesses[:, column]
            if excess[0] > tolerance:
                flag: dict[str, Any] = {
                    "setting": plain(cell.log_setting[column]),
                    "best": float(np.exp(best)),
                    "excess": float(excess[0]),
                    "beyond_noise": bool(sure[column]) if noise else None,
                    "how": "measured" if number in optima else "predicted",
                }
                found += [FlaggedRow(**_named(group, int(i)), **flag) for i in rows]
    return found


def beyond_noise(
    cell: Cell, losses: FloatArray, tolerance: float, level: float, noise: Noise | None
) -> BoolArray:
    """Which settings are worse than another one by more than the tolerance and by luck: (k,).

    The best tried is the least of k noisy means, so a setting is above it even where none makes a
    difference. All pairs are therefore held to one bound, the ``level`` quantile of the largest of
    their differences where nothing differs, each in units of its own seeds (Tukey 1953; Kramer
    1956, for unequal numbers). Redraws hold that the sd of one run is itself estimated.

    Args:
        cell: the settings.
        losses: (draws + 1, k), redraws of ln loss around the first.
        tolerance, level, noise: as of ``flagged``.
    """
    count = len(cell.log_setting)
    if noise is None or count < 2:
        return np.zeros(count, dtype=bool)
    one = np.sqrt([1 / len(rows) for rows in cell.members])
    unit = np.hypot(one[:, None], one)
    moves = losses[1:] - losses[0]
    largest = np.max(np.abs(moves[:, :, None] - moves[:, None]) / unit, axis=(1, 2))
    bound = np.quantile(largest, level)
    if noise.source != "replicates":
        # Residuals of each cell's best scatter as the least of k does, which is less than one run.
        bound /= _sd_of_least(count)
    worse = losses[0][:, None] - losses[0] - bound * unit > np.log1p(tolerance)
    return np.asarray(worse.any(axis=1))


def _sd_of_least(count: int) -> float:
    """Standard deviation of the least of that many independent standard normals."""
    drawn = np.random.default_rng(count).standard_normal((LEAST_DRAWS, count))
    return float(drawn.min(axis=1).std())


def _named(group: Group, position: int) -> dict[str, Any]:
    return {"row": int(group.frame.index[position]), "run": str(group.frame["run"].iloc[position])}
