"""Budgets with too few sizes for a parabola: their runs still tell the best loss there.

A run near the best size is worse than it by the valley's curvature times the square of its distance
in ln N. Size, curvature and their errors come from the budgets that have a minimum of their own, so
a few large runs near the best size serve the loss laws without a sweep of sizes around them. They
say nothing of the best size.
"""

from dataclasses import dataclass

import numpy as np

from ditlaw.laws.isoflop import FEW, Parabola
from ditlaw.laws.line import DriftingLine
from ditlaw.laws.minima import Minima, Valley
from ditlaw.laws.noise import Noise
from ditlaw.laws.normals import spread_normals
from ditlaw.laws.table import FloatArray, IntArray, Table

NEAR = float(np.log(2.5))  # ln N from the best size: further out the excess is as unsure as large
ORDER = 23  # of the draws of the best size's model error, unlike any other's


@dataclass(frozen=True)
class BestLosses:
    """ln L* at B budgets, draws along axis 0, entry 0 the estimate; variance and weight (B,).

    A budget with a minimum of its own weighs 1, a lone run by its variance beside theirs.
    """

    log_c: FloatArray
    log_loss: FloatArray  # (draws + 1, B)
    variance: FloatArray
    weight: FloatArray


def best_losses(
    table: Table, curves: list[Parabola], minima: Minima, noise: Noise, perturbations: FloatArray
) -> BestLosses:
    """The minima's losses, and those that lone runs tell; ``perturbations`` (draws, n) of ln L."""
    found = [(minima.log_c, minima.log_loss, minima.variance_loss)]
    if minima.valley is not None:
        line = DriftingLine(minima.log_c, minima.log_n, minima.variance_n)
        changes = np.vstack([np.zeros(len(table)), perturbations])
        for curve in curves:
            at = np.array([curve.log_c])
            error = spread_normals(len(perturbations), ORDER)[:, None] * line.model_sd(at)
            best = line(at) + np.vstack([np.zeros_like(error[:1]), error])
            rows = curve.rows[np.abs(table.log_n[curve.rows] - best[0]) <= NEAR]
            if curve.status == FEW and len(rows):
                told = _told(table, rows, best, minima.valley, noise, changes)
                found.append((at, told[:, None], np.array([told[1:].var()])))
    log_c, log_loss, variance = (np.concatenate(part, axis=-1) for part in zip(*found, strict=True))
    usual = float(np.median(minima.variance_loss))
    weight = np.minimum(1.0, usual / np.maximum(variance, 1e-300)) if usual > 0 else variance * 0
    weight[: len(minima.log_c)] = 1.0
    order = np.argsort(log_c, kind="stable")
    return BestLosses(log_c[order], log_loss[:, order], variance[order], weight[order])


def _told(
    table: Table,
    rows: IntArray,
    best: FloatArray,
    valley: Valley,
    noise: Noise,
    changes: FloatArray,
) -> FloatArray:
    """What runs of one budget say of its best loss: (draws + 1,), surer ones counting more."""
    log_c = table.log_c[rows]
    excess = valley.curvature(log_c) * (table.log_n[rows] - best) ** 2
    variance = noise.at(log_c) ** 2 + excess[1:].var(axis=0)
    share = 1 / np.maximum(variance, 1e-300)
    told = table.log_loss[rows] + changes[:, rows] - excess
    return np.asarray(told @ (share / share.sum()))
