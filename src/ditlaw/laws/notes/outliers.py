"""Rows that do not look like the others: far above their budget's curve, or rising along a run."""

import numpy as np

from ditlaw.laws.isoflop import FEW, Parabola, design
from ditlaw.laws.noise import Noise
from ditlaw.laws.table import BoolArray, FloatArray, IntArray, Table

FAR = 6.0  # robust standard deviations above the curve
MUCH = 0.02  # and this much in ln L: below it nobody would call a run broken
MUCH_OUTSIDE = 0.2  # the same for the smallest and largest size, where a valley leaves the parabola
MOST = 0.2  # of the rows of one budget; more than that is no outlier
MIN_ROWS = 5  # of a budget: a parabola, a row to judge, and one more
RISE = 3.0  # standard deviations of the difference of two rows of one run
SMALL_RISE = 0.005


def high_rows(table: Table, curves: list[Parabola]) -> tuple[IntArray, FloatArray]:
    """Rows whose loss is far above the curve of the others, and by how much in ln L.

    In each budget of five rows or more, the row that stands out most from the parabola through the
    other rows is taken out, then the next, as long as it is above by ``MUCH`` (``MUCH_OUTSIDE``
    where the others' sizes do not surround it) and by ``FAR`` standard deviations. Those come from
    the median absolute residual over all budgets, which a few broken runs do not move. Residuals
    are scaled by √(1 − leverage).
    """
    # Whatever a curve's status: a broken run can hide its budget's minimum.
    judged = [curve for curve in curves if curve.status != FEW and len(curve.rows) >= MIN_ROWS]
    if not judged:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    budgets, matrices = [c.rows for c in judged], [design(table, c) for c in judged]
    scaled = [_residuals(m, table.log_loss[r])[0] for m, r in zip(matrices, budgets, strict=True)]
    scale = 1.4826 * float(np.median(np.abs(np.concatenate(scaled))))
    found, excess = [], []
    for matrix, rows in zip(matrices, budgets, strict=True):
        left = np.arange(len(rows))
        for _ in range(int(MOST * len(rows))):
            standing, without = _residuals(matrix[left], table.log_loss[rows[left]])
            much = np.where(_alone_at_an_end(matrix[left, 1]), MUCH_OUTSIDE, MUCH)
            far = (standing > FAR * scale) & (without > much)
            if not far.any():
                break
            worst = int(np.argmax(np.where(far, standing, -np.inf)))
            found.append(rows[left[worst]])
            excess.append(without[worst])
            left = np.delete(left, worst)
    return np.array(found, dtype=np.int64), np.array(excess)


def rising_rows(table: Table, noise: Noise) -> tuple[IntArray, FloatArray]:
    """Rows whose loss is above an earlier one of the same run and size, and by how much in ln L.

    Rows of a run share part of their error, so only the rest of it, of both rows, excuses a rise.
    """
    limit = max(SMALL_RISE, RISE * noise.sd * float(np.sqrt(2 * (1 - noise.share))))
    order = np.lexsort((table.log_d, table.log_n, table.trunk))
    run, size, loss = table.trunk[order], table.log_n[order], table.log_loss[order]
    begins = np.flatnonzero((np.diff(run) != 0) | (np.diff(size) != 0)) + 1
    rise = np.concatenate(
        [part - np.minimum.accumulate(part) for part in np.split(loss, begins)] or [np.zeros(0)]
    )
    high = rise > limit
    return order[high], rise[high]


def _alone_at_an_end(size: FloatArray) -> BoolArray:
    """Rows whose size is the smallest or largest and no other row's."""
    found = np.zeros(len(size), dtype=bool)
    for end in (size == size.min(), size == size.max()):
        found |= end & (end.sum() == 1)
    return found


def _residuals(matrix: FloatArray, log_loss: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Residuals ÷ √(1 − leverage), and each row's distance from the curve through the others."""
    q, _ = np.linalg.qr(matrix)
    rest = np.maximum(1 - np.sum(q * q, axis=1), 1e-9)
    residual = log_loss - q @ (q.T @ log_loss)
    # A row of leverage 1 determines the curve by itself: there is nothing to hold it against.
    residual = np.where(rest > 1e-6, residual, 0.0)
    return residual / np.sqrt(rest), residual / rest
