"""What each setting of a size and budget costs, as the losses of all sizes and budgets tell it.

The least of several noisy losses is too low, the more so the more were tried: a law of each cell's
own best run would be too good, and comparisons would favour who tried most. So the choice is made
by a curve through all cells, to which a cell's own noise adds little.
"""

import numpy as np

from ditlaw.laws.table import FloatArray, IntArray

NEAR = float(np.log(1.1))  # losses further above a cell's least do not tell where the valley is
FEWEST = 3  # settings of a cell that are taken in however far off they are
CLOSE = 3.0  # standard errors by which a setting may lie above the least and still be the best


def best_of_cells(
    cell: IntArray, settings: FloatArray, place: FloatArray, log_loss: FloatArray, rows: FloatArray
) -> IntArray:
    """Which entry of every cell to use: one index a cell, in the order of the cells' numbers.

    Ln L = a level of each cell + a quadratic in the settings whose minimum moves with the place, by
    least squares. Of the entries that lie within noise of their cell's least loss, the one whose
    quadratic is least; where the rows leave the quadratic no freedom, the least loss itself.

    Args:
        cell: (n,) of each entry, one entry a cell and combination of settings.
        settings: (n, k) logs.
        place: (n, p) logs of size and budget.
        log_loss: (n,) means over the entry's rows.
        rows: (n,) how many those are.
    """
    order = np.unique(cell)
    least = np.array([log_loss[cell == c].min() for c in order])[np.searchsorted(order, cell)]
    near = log_loss <= least + NEAR
    for c in order:
        inside = np.flatnonzero(cell == c)
        near[inside[np.argsort(log_loss[inside])[:FEWEST]]] = True
    terms = _terms(settings, place)
    used, weight = np.flatnonzero(near), np.sqrt(rows[near])
    y = _within(log_loss[used], cell[used], rows[used]) * weight
    x = np.stack([_within(t[used], cell[used], rows[used]) for t in terms.T], axis=1)
    x *= weight[:, None]
    beta, _, rank, _ = np.linalg.lstsq(x, y, rcond=1e-8)
    free = len(used) - len(order) - int(rank)
    expected, sd = terms @ beta, np.inf
    if free > 0:
        sd = float(np.sqrt(np.sum((y - x @ beta) ** 2) / free))
    chosen = []
    for c in order:
        inside = np.flatnonzero(cell == c)
        best = inside[log_loss[inside].argmin()]
        if free > 0:
            error = sd * np.sqrt(1 / rows[inside] + 1 / rows[best])
            able = inside[log_loss[inside] <= log_loss[best] + CLOSE * error]
            best = able[expected[able].argmin()]
        chosen.append(best)
    return np.array(chosen)


def _terms(settings: FloatArray, place: FloatArray) -> FloatArray:
    """Settings, their products with each other and with the place, all about their means."""
    z, p = (part - part.mean(axis=0) for part in (settings, place))
    pairs = [z[:, i] * z[:, j] for i in range(z.shape[1]) for j in range(i, z.shape[1])]
    moved = [z[:, i] * p[:, j] for i in range(z.shape[1]) for j in range(p.shape[1])]
    return np.stack([*z.T, *pairs, *moved], axis=1)


def _within(values: FloatArray, cell: IntArray, weight: FloatArray) -> FloatArray:
    """Values less their cell's weighted mean."""
    number = np.unique(cell, return_inverse=True)[1]
    mean = np.bincount(number, values * weight) / np.bincount(number, weight)
    return np.asarray(values - mean[number])
