"""Minima by interpolation: a budget's losses joined by an Akima spline, with no shape assumed.

Source: Akima 1970; used for isoFLOP curves by Porian et al. 2024 (arXiv 2406.19146). It follows a
valley of any shape and all of its noise; the redraws scatter about the losses as they are.
"""

import numpy as np
from scipy.interpolate import Akima1DInterpolator

from ditlaw.laws.isoflop import MIN_SIZES, OK, Parabola
from ditlaw.laws.minima import MIN_BUDGETS, Minima, valley_of
from ditlaw.laws.noise import Noise
from ditlaw.laws.table import FloatArray, Table

SAME_SIZE = 0.1  # runs closer in ln N are averaged: joined, their noise would be a cliff
STEPS = 400  # of ln N between a budget's smallest and largest size


def akima_minima(
    table: Table, curves: list[Parabola], noise: Noise, perturbations: FloatArray
) -> Minima | None:
    """Minima of at least three budgets, those whose parabola is usable too; else None."""
    usable = [p for p in curves if p.status == OK and len(_averages(table, p)[0]) >= MIN_SIZES]
    if len(usable) < MIN_BUDGETS:
        return None
    found = [_minimum(table, p, perturbations) for p in usable]
    log_n, log_loss = (np.stack(part, axis=1) for part in zip(*found, strict=True))
    log_c = np.array([p.log_c for p in usable])
    return Minima(
        log_c=log_c,
        log_n=log_n,
        log_loss=log_loss,
        variance_n=log_n[1:].var(axis=0),
        variance_loss=log_loss[1:].var(axis=0),
        valley=valley_of(table, usable, noise.at(log_c)),
    )


def _averages(table: Table, curve: Parabola) -> tuple[FloatArray, FloatArray]:
    """Ln N (k,) of the sizes that differ, and the weights (k, rows) that average their rows."""
    log_n = table.log_n[curve.rows]
    order = np.argsort(log_n)
    member = np.zeros(len(log_n), dtype=np.int64)
    member[order[1:]] = np.cumsum(np.diff(log_n[order]) > SAME_SIZE)
    mean = (member == np.arange(member.max() + 1)[:, None]) / np.bincount(member)[:, None]
    return mean @ log_n, mean


def _minimum(
    table: Table, curve: Parabola, perturbations: FloatArray
) -> tuple[FloatArray, FloatArray]:
    rows = curve.rows
    sizes, mean = _averages(table, curve)
    losses = table.log_loss[rows] + np.vstack([np.zeros(len(rows)), perturbations[:, rows]])
    grid = np.linspace(sizes[0], sizes[-1], STEPS + 1)
    values = Akima1DInterpolator(sizes, mean @ losses.T)(grid)
    best = values.argmin(axis=0)
    return grid[best], np.asarray(values.min(axis=0))
