"""How N* depends on the rule by which settings are chosen: one law of compute a rule.

Each rule says which setting every swept size and budget would have been run with, and the law is
fitted to the losses of those runs: as they were run, or as the cell's curve has them between the
settings tried, never outside. Every rule is fitted to one row a cell, of the mean loss of its
seeds, so that their laws differ in the rule alone.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ditlaw import laws
from ditlaw.errors import DitlawError
from ditlaw.laws.candidates import Method
from ditlaw.observations import Observations
from ditlaw.results import Quantity, SettingRule
from ditlaw.tuning.cells import Group, plain
from ditlaw.tuning.law import SettingLaw
from ditlaw.tuning.optimum import Optimum

MOST = 0.75  # of the swept cells must have tried a setting, for the rule of it alone
NO_CONSTANT = (
    "no value was tried in three quarters of the swept sizes and budgets, as where a rule of the "
    "width sets it; which constant would be best is not known"
)
METHOD: Method = "isoflop"
DRAWS = 200


def compare_rules(
    group: Group,
    optima: list[Optimum],
    law: SettingLaw | None,
    observations: Observations,
    level: float,
) -> tuple[float | None, list[SettingRule]]:
    """FLOPs of the largest budget, and every rule's law there; a rule without one says why."""
    budgets = [o.cell.log_c for o in optima]
    if not budgets:
        return None, []
    largest = float(np.exp(max(budgets)))
    fit = _Fit(group, optima, observations, largest, level)
    constants = fit.constants()
    found = list(constants.values())
    if not found:
        found.append(_without("constant", NO_CONSTANT))
    best = _best_constant(list(constants.values()))
    if best is not None:
        found.append(constants[best].model_copy(update={"rule": "best constant"}))
    if law is None:
        found.append(_without("power law", "there is no law of the best setting"))
    else:
        powers = [float(law.log_setting(o.cell.log_n, o.cell.log_d)[0]) for o in optima]
        found.append(fit.of("power law", None, powers))
    found.append(fit.of("best of each", None, None))
    if (group.parametrization or "").startswith("mup"):
        found.append(_transferred(fit, optima))
    return largest, found


class _Fit:
    """Laws of a group's swept cells under one rule after another."""

    def __init__(
        self,
        group: Group,
        optima: list[Optimum],
        observations: Observations,
        largest: float,
        level: float,
    ) -> None:
        self.group, self.optima = group, optima
        self.observations, self.largest, self.level = observations, largest, level

    def constants(self) -> dict[float, SettingRule]:
        """Each setting that most swept cells tried, alone, by its value."""
        tried = [{plain(x) for x in o.cell.tried} for o in self.optima]
        values = sorted(set().union(*tried))
        most = MOST * len(self.optima)
        kept = [v for v in values if sum(v in each for each in tried) >= most]
        return {value: self._constant(value) for value in kept}

    def of(self, rule: str, setting: float | None, at: Sequence[float] | None) -> SettingRule:
        """The law of a rule: ln of each cell's setting, or its optimum without."""
        means = []
        for index, optimum in enumerate(self.optima):
            loss = float(optimum.log_loss[0]) if at is None else optimum.at(at[index])
            if loss is not None:
                means.append((int(optimum.cell.members[optimum.cell.best][0]), loss))
        return self._fitted(rule, setting, means)

    def _constant(self, value: float) -> SettingRule:
        means = []
        for optimum in self.optima:
            cell = optimum.cell
            here = zip(cell.log_setting, cell.log_loss, cell.members, strict=True)
            means += [(int(rows[0]), float(y)) for x, y, rows in here if plain(x) == value]
        return self._fitted("constant", value, means)

    def _fitted(
        self, rule: str, setting: float | None, means: list[tuple[int, float]]
    ) -> SettingRule:
        """The law of one row a cell: the position of a run of it, and the ln loss it is to have."""
        cells, losses = len(means), [float(np.exp(loss)) for _, loss in means]
        frame = self.group.frame.iloc[[row for row, _ in means]].assign(loss=losses)
        counts = {"rule": rule, "setting": setting, "cells": cells, "of_cells": len(self.optima)}
        table = replace(self.observations, frame=frame.sort_index(), dropped=[], planned_rows=None)
        try:
            law = laws.fit(table, method=METHOD, level=self.level, draws=DRAWS)
            exponent = law.result().params.exponent
            at = law.optimum(self.largest)
        except DitlawError as error:
            reason = str(error).removeprefix(f"{table.source}: ")
            return SettingRule(**counts, exponent=None, params=None, loss=None, reason=reason)
        loss = Quantity(
            value=at.loss.value,
            low=min(at.law_low, at.loss.value),
            high=max(at.law_high, at.loss.value),
            level=self.level,
        )
        return SettingRule(
            **counts, exponent=exponent, params=at.params, loss=loss, reason=self._lacking(cells)
        )

    def _lacking(self, cells: int) -> str | None:
        """What a law of fewer cells than were swept leaves out."""
        missing = len(self.optima) - cells
        if not missing:
            return None
        of = "size at one budget" if missing == 1 else "sizes and budgets"
        return f"left out: {missing} {of} where it did not train, or lies outside what was tried"


def _best_constant(rules: list[SettingRule]) -> float | None:
    """The one setting whose law has the least loss at the largest budget, of those of most cells.

    Small budgets want higher rates, and a study is made for what comes after its largest one.
    """
    most = max((rule.cells for rule in rules), default=0)
    fitted = [(r.loss.value, r.setting) for r in rules if r.cells == most and r.loss is not None]
    return min(fitted)[1] if fitted else None


def _transferred(fit: _Fit, optima: list[Optimum]) -> SettingRule:
    """The base rate of the smallest width at its largest budget, for every cell (muP)."""

    def size(optimum: Optimum) -> tuple[float, float]:
        cell = optimum.cell
        return (cell.log_n if cell.width is None else cell.width, -cell.log_c)

    inside = [o for o in optima if o.log_setting is not None]
    if not inside:
        return _without("transferred", "no size has its best setting inside those tried")
    smallest = min(optima, key=size).cell.width
    tuned = min(inside, key=size)
    if tuned.cell.width != smallest:
        return _without("transferred", "the smallest width has no best setting inside those tried")
    assert tuned.log_setting is not None
    base = float(tuned.log_setting[0])
    return fit.of("transferred", float(np.exp(base)), [base] * len(optima))


def _without(rule: str, reason: str) -> SettingRule:
    return SettingRule(
        rule=rule,
        setting=None,
        cells=0,
        of_cells=0,
        exponent=None,
        params=None,
        loss=None,
        reason=reason,
    )
