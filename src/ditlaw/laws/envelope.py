"""The lower envelope: at each compute level the best loss of all runs so far, and its size.

Source: Hoffmann et al. 2022 (arXiv 2203.15556), approach 1. Training curves (rows of one trunk) are
joined by straight lines in logarithms; a run of one row counts at the level that is nearest. The
best of few sizes is a step function of compute and is biased towards sizes that happened to be run;
it is offered to compare with, and needs no valley.
"""

import numpy as np

from ditlaw.laws.isoflop import OK, Parabola
from ditlaw.laws.minima import MIN_BUDGETS, Minima, valley_of
from ditlaw.laws.noise import Noise
from ditlaw.laws.table import FloatArray, Table

LEVELS = 10  # of a table without budgets
MIN_SIZES = 3  # at a level


def envelope_minima(
    table: Table, curves: list[Parabola], noise: Noise, perturbations: FloatArray
) -> Minima | None:
    """Best sizes and losses of at least three levels, else None."""
    levels = np.sort([p.log_c for p in curves])
    if len(levels) < MIN_BUDGETS:
        levels = np.linspace(table.log_c.min(), table.log_c.max(), LEVELS)
    losses = table.log_loss + np.vstack([np.zeros(len(table)), perturbations])
    log_c, log_n, log_loss = [], [], []
    for level in levels:
        reach = _reach(table, level, levels)
        sizes = np.array([size for size, _ in reach])
        if len(np.unique(sizes.round(6))) < MIN_SIZES:
            continue
        values = losses @ np.array([share for _, share in reach]).T
        log_c.append(level)
        log_n.append(sizes[values.argmin(axis=1)])
        log_loss.append(values.min(axis=1))
    if len(log_c) < MIN_BUDGETS:
        return None
    usable = [p for p in curves if p.status == OK]
    sizes_drawn, losses_drawn = np.stack(log_n, axis=1), np.stack(log_loss, axis=1)
    return Minima(
        log_c=np.array(log_c),
        log_n=sizes_drawn,
        log_loss=losses_drawn,
        # The best of a grid may not move in any redraw; it is still known to a step at best.
        variance_n=sizes_drawn[1:].var(axis=0) + _step(table) ** 2 / 12,
        variance_loss=losses_drawn[1:].var(axis=0),
        valley=valley_of(table, usable, noise.at(np.array([p.log_c for p in usable])))
        if usable
        else None,
    )


def _reach(table: Table, level: float, levels: FloatArray) -> list[tuple[float, FloatArray]]:
    """Ln N and weights over all rows (n,) of every trunk that has a loss at that level."""
    half = 0.5 * float(np.min(np.diff(levels)))
    found = []
    for trunk in np.unique(table.trunk):
        rows = np.flatnonzero(table.trunk == trunk)
        rows = rows[np.argsort(table.log_c[rows])]
        log_c = table.log_c[rows]
        weight = np.zeros(len(table))
        if log_c[0] <= level <= log_c[-1] and len(rows) > 1:
            after = int(np.clip(np.searchsorted(log_c, level), 1, len(rows) - 1))
            gap = max(log_c[after] - log_c[after - 1], 1e-12)
            weight[rows[after]] = (level - log_c[after - 1]) / gap
            weight[rows[after - 1]] = 1 - weight[rows[after]]
        elif np.min(np.abs(log_c - level)) <= half:
            weight[rows[np.argmin(np.abs(log_c - level))]] = 1.0
        else:
            continue
        found.append((float(table.log_n[rows[0]]), weight))
    return found


def _step(table: Table) -> float:
    """The usual distance of neighbouring sizes in ln N."""
    gaps = np.diff(np.unique(table.log_n.round(6)))
    return float(np.median(gaps)) if len(gaps) else 0.0
