"""Spearman's rank correlation of two columns, with an interval, over all rows or within budgets."""

import numpy as np
from scipy.special import ndtri

from ditlaw.laws.table import FloatArray, IntArray
from ditlaw.results import Quantity

DRAWS = 400
MIN_ROWS = 3  # fewer say nothing of an order
MIN_TRUNKS = 4  # rows of fewer training runs are too alike to say how sure that is


def rank_correlation(
    x: FloatArray, y: FloatArray, trunk: IntArray, group: IntArray, *, level: float, seed: int = 0
) -> Quantity | None:
    """The correlation of ranks taken within each group, pooled: one group is all rows.

    Args:
        x, y: values (n,).
        trunk: which rows share a training run (n,), from 0.
        group: rows that are ranked together (n,).
        level: of the interval.
        seed: of the bootstrap.

    The interval is the wider of two. Trunks are drawn with replacement, since rows of one are not
    independent. Fisher's z with the standard error of Bonett & Wright 2000,
    √((1 + ρ²/2)/(n − 3)), about an estimate that is drawn in by n/(n + 1): five rows in perfect
    order would else be certain. Groups take a degree of freedom each but the first.

    Returns:
        None where fewer than three rows share a group, or one of the columns does not vary.
    """
    kept = np.isin(group, [g for g in np.unique(group) if np.sum(group == g) >= MIN_ROWS])
    if not kept.any():
        return None
    x, y, group = x[kept], y[kept], group[kept]
    trunk = np.unique(trunk[kept], return_inverse=True)[1]
    drawn = np.random.default_rng(seed).multinomial(
        int(trunk.max()) + 1, np.full(trunk.max() + 1, 1 / (trunk.max() + 1)), size=DRAWS
    )
    weight = np.vstack([np.ones(len(x)), drawn[:, trunk]]).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = _correlation(x, y, group, weight)
    if not np.isfinite(found[0]):
        return None
    value = float(found[0])
    tails = [(1 - level) / 2, (1 + level) / 2]
    known = found[1:][np.isfinite(found[1:])]
    ends = [np.quantile(known, tails)] if len(known) > DRAWS / 2 else [np.array([-1.0, 1.0])]
    rows = len(x) - (len(np.unique(group)) - 1)
    if rows > 3 and trunk.max() + 1 >= MIN_TRUNKS:
        drawn_in = value * rows / (rows + 1)
        error = np.sqrt((1 + drawn_in**2 / 2) / (rows - 3))
        ends.append(np.tanh(np.arctanh(drawn_in) + ndtri(tails) * error))
    else:
        ends.append(np.array([-1.0, 1.0]))
    low, high = min(float(e[0]) for e in ends), max(float(e[1]) for e in ends)
    return Quantity(value=value, low=min(low, value), high=max(high, value), level=level)


def _correlation(x: FloatArray, y: FloatArray, group: IntArray, weight: FloatArray) -> FloatArray:
    """Of ranks within groups, each row counted ``weight`` (r, n) times: (r,)."""
    products = np.zeros((3, len(weight)))
    for g in np.unique(group):
        rows = np.flatnonzero(group == g)
        w = weight[:, rows]
        total = w.sum(axis=1)
        a, b = (
            (_ranks(values[rows], w) - total[:, None] / 2) / np.maximum(total, 1)[:, None]
            for values in (x, y)
        )
        products += np.stack([(w * a * b).sum(1), (w * a * a).sum(1), (w * b * b).sum(1)])
    # What arithmetic leaves of a column that does not vary is no variance.
    products[1:] = np.where(products[1:] < 1e-12, np.nan, products[1:])
    return np.asarray(np.clip(products[0] / np.sqrt(products[1] * products[2]), -1.0, 1.0))


def _ranks(values: FloatArray, weight: FloatArray) -> FloatArray:
    """Middle ranks of values (n,), each counted ``weight`` (r, n) times: (r, n)."""
    order = np.argsort(values, kind="stable")
    tie = np.unique(values, return_inverse=True)[1]
    starts = np.searchsorted(tie[order], np.arange(tie.max() + 1))
    totals = np.add.reduceat(weight[:, order], starts, axis=1)
    return np.asarray((np.cumsum(totals, axis=1) - totals / 2)[:, tie])
