"""How much loss a wrong setting costs: the LR sensitivity of Wortsman et al. 2023, and its trend.

Source: arXiv 2309.14322. The mean over the learning rates of a range of min(loss, loss at
initialisation), minus the loss of the best of them. A run that diverged counts as the loss at
initialisation. It depends on the range, so it is compared over the rates that all sizes tried.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from ditlaw.laws.table import FloatArray
from ditlaw.tuning.cells import plain
from ditlaw.tuning.optimum import Optimum

MIN_COMMON = 3  # settings that all sizes tried, for a trend
SAME = 6  # decimals of ln of a setting


@dataclass(frozen=True)
class Sensitivity:
    """Scores (draws + 1,) over ``settings`` settings in ``range``.

    ``left_out`` others diverged where the loss at initialisation is not known.
    """

    values: FloatArray
    range: tuple[float, float]
    settings: int
    left_out: int


def sensitivity(optimum: Optimum, among: set[float] | None = None) -> Sensitivity | None:
    """The score of one cell over its settings, or those ``among`` (rounded ln); None under two."""
    cell, zero = optimum.cell, optimum.cell.loss_zero
    losses = np.exp(optimum.losses)
    kept = [j for j, x in enumerate(cell.log_setting) if _inside(x, among)]
    if not kept:
        return None
    reached = losses[:, kept]
    best = reached.min(axis=1)
    capped = reached if zero is None else np.minimum(reached, zero)
    columns, at, left_out = [*capped.T], [float(cell.log_setting[j]) for j in kept], 0
    for unstable in cell.unstable:
        if not _inside(unstable.log_setting, among):
            continue
        if zero is None:
            left_out += 1
            continue
        trained = np.minimum(unstable.losses, zero).sum()
        seeds = unstable.diverged + len(unstable.losses)
        value = (trained + unstable.diverged * zero) / seeds
        columns.append(np.full(len(best), value))
        at.append(unstable.log_setting)
    if len(columns) < 2:
        return None
    values = np.mean(columns, axis=0) - best
    return Sensitivity(values, (plain(min(at)), plain(max(at))), len(at), left_out)


@dataclass(frozen=True)
class Trend:
    """Change of the score a decade of params (draws + 1,) at one budget, over common settings."""

    values: FloatArray
    range: tuple[float, float]
    budget: float
    sizes: int


def trend(optima: list[Optimum]) -> Trend | None:
    """The trend at the budget where most sizes were swept (of those the largest); else None."""
    budgets = Counter(o.cell.budget for o in optima if o.cell.budget is not None)
    for budget in sorted(budgets, key=lambda b: (budgets[b], b), reverse=True):
        here = [o for o in optima if o.cell.budget == budget]
        common = set.intersection(*({_round(x) for x in o.cell.tried} for o in here))
        scores = [sensitivity(o, common) for o in here]
        decades = np.array([o.cell.log_n for o in here]) / np.log(10)
        known = [s for s in scores if s is not None and not s.left_out]
        if len(common) < MIN_COMMON or len(known) < len(here) or np.ptp(decades) < 1e-6:
            continue
        away = decades - decades.mean()
        values = np.stack([s.values for s in known], axis=1) @ away / np.sum(away**2)
        return Trend(values, known[0].range, budget, len(here))
    return None


def _inside(log_setting: float, among: set[float] | None) -> bool:
    return among is None or _round(log_setting) in among


def _round(log_setting: float) -> float:
    return round(float(log_setting), SAME)
