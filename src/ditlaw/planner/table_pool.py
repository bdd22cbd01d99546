"""A table's pool: sizes and budgets on the spacing that its rows have, and its trunks."""

import numpy as np

from ditlaw.errors import Refused
from ditlaw.laws import Law
from ditlaw.planner.pool import Pool, Trunk
from ditlaw.planner.sizes import SAME, around, nearest, onward


def table_pool(law: Law, spend: float, target: float) -> Pool:
    """What could be run next beside the rows of a table for at most ``spend`` FLOPs.

    Rows that share a trunk show that runs are observed on their way; whether one could be trained
    on, a table does not tell.

    Raises:
        Refused: no row has a budget.
    """
    table = law.table
    grouped = table.group >= 0
    if not grouped.any():
        raise Refused(
            f"{law.observations.source}: no row has a budget, so next runs have none to fill; name "
            "each row's in a column 'budget'"
        )
    rows = np.flatnonzero(grouped)
    groups, group = np.unique(table.group[rows], return_inverse=True)
    mean = np.array([table.log_c[table.group == g].mean() for g in groups])
    log_c = onward(mean, float(np.log(min(target, max(spend, np.exp(mean.max()))))))
    best = np.log(law.curve(np.exp(log_c)).params.value)
    log_n = around(table.log_n[rows], (float(best.min()), float(best.max())))
    trunks: dict[tuple[int, int], Trunk] = {}
    seeds: dict[int, dict[int, int]] = {}  # of each size: the seed that a trunk is called by
    for row, of in zip(rows, group, strict=True):
        size, budget = nearest(log_n, table.log_n[row]), nearest(log_c, mean[of])
        own = seeds.setdefault(size, {})
        seed = own.setdefault(int(table.trunk[row]), len(own))
        before = trunks.get((size, seed))
        reached = max(budget, before.reached if before else budget)
        trunks[size, seed] = Trunk(size, seed, reached)
    passes = len(np.unique(table.trunk[rows])) < len(rows)
    return Pool(log_n, log_c, trunks, passes=passes, extends=False)


def called(law: Law, log_c: float) -> float:
    """What the table calls the budget of those FLOPs, which its rows may take a little less of."""
    table = law.table
    named = np.log(table.budgets)
    taken = [table.log_c[table.group == group].mean() for group in range(len(named))]
    apart = np.minimum(np.abs(named - log_c), np.abs(np.array(taken) - log_c))
    return float(table.budgets[apart.argmin()] if apart.min() < SAME else np.exp(log_c))
