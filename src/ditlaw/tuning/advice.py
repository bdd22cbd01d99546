"""Which setting to use: the law at the largest swept budget and its best size."""

import numpy as np

from ditlaw.laws.ensemble import of_draws
from ditlaw.results import Quantity, SettingAdvice, SettingGroup
from ditlaw.tuning.law import SettingLaw, fit_law
from ditlaw.tuning.optimum import Optimum


def advise(group: SettingGroup, optima: list[Optimum], level: float) -> SettingAdvice | None:
    """The setting for the largest swept budget; None where nothing was swept.

    Args:
        group: what is printed of the group, its ``cells`` in the order of ``optima``.
        optima: of the swept cells.
        level: of the interval.
    """
    if not optima or group.rules_at is None:
        return None
    largest = np.log(group.rules_at)
    # Budgets differ by a factor of 1.5 at least; runs of one budget end within a hair of it.
    there = [i for i, o in enumerate(optima) if np.isclose(o.cell.log_c, largest, atol=0.1)]
    least = min(there, key=lambda i: optima[i].log_loss[0])
    rule = next((r for r in group.rules if r.rule == "best of each"), None)
    best = rule.params if rule else None
    law = fit_law(optima)
    if not isinstance(law, SettingLaw):
        cell = group.cells[least]
        tried = Quantity(value=cell.best_tried, low=None, high=None, level=level)
        return SettingAdvice(
            flops=cell.flops,
            params=cell.params,
            tokens=cell.tokens,
            at_best_size=False,
            setting=cell.optimum or tried,
            by="size",
        )
    log_n = optima[least].cell.log_n if best is None else float(np.log(best.value))
    log_d = _tokens([optima[i] for i in there], log_n)
    return SettingAdvice(
        flops=group.cells[least].flops,
        params=float(np.exp(log_n)),
        tokens=float(np.exp(log_d)),
        at_best_size=best is not None,
        setting=of_draws(np.exp(law.log_setting(log_n, log_d)), level),
        by="law",
    )


def _tokens(optima: list[Optimum], log_n: float) -> float:
    """Ln of the tokens that one budget leaves for a size, between those of the sizes run."""
    sizes = sorted((o.cell.log_n, o.cell.log_d) for o in optima)
    return float(np.interp(log_n, [n for n, _ in sizes], [d for _, d in sizes]))
