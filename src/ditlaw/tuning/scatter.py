"""Run noise of a sweep, pooled over its seeds, and redraws of every cell under it."""

from dataclasses import replace

import numpy as np

from ditlaw.laws import isoflop
from ditlaw.laws import noise as noise_module
from ditlaw.laws.noise import Noise
from ditlaw.laws.table import FloatArray, Table
from ditlaw.tuning.cells import Group

NEAR = float(np.log(1.1))  # above a cell's best: further off, seeds scatter as they please
SEED = 0


def run_noise(group: Group) -> Noise | None:
    """Scatter of one run near the best settings; None where nothing tells it.

    From seed replicates, which are rows of one shape, budget and settings; else from what
    parabolas through the best settings' losses leave in each budget.
    """
    table = group.table
    near = np.zeros(len(table), dtype=bool)
    best = np.zeros(len(table), dtype=bool)
    for cell in group.cells:
        for rows, level in zip(cell.members, cell.log_loss, strict=True):
            near[rows] = level <= cell.log_loss.min() + NEAR
        if cell.members:
            best[cell.members[cell.best]] = True
    found = noise_module.from_replicates(labelled(group).where(near))
    if found is not None:
        return found
    chosen = table.where(best)
    residuals = isoflop.residuals(chosen, isoflop.parabolas(chosen))
    if residuals is None or residuals.df.sum() < 1 or not np.any(residuals.value):
        return None
    return noise_module.from_residuals(residuals)


def labelled(group: Group) -> Table:
    """The group's table, a row's label in the place of its size and its cell of its budget.

    Replicates differ in neither.
    """
    label, cell = group.row_label.astype(float), group.row_cell.astype(np.int64)
    return replace(group.table, log_n=label, group=cell)


def redraws(
    group: Group, noise: Noise | None, draws: int, rng: np.random.Generator
) -> list[FloatArray]:
    """Each cell's ln losses (draws + 1, k): the estimate, then redraws about it.

    One effect is shared by the cells of a training run. Without noise all are the estimate.
    """
    if noise is None:
        changes = np.zeros((draws, len(group.table)))
    else:
        sd = noise.sd_draws(draws, rng)
        changes = noise.perturbations(group.table.trunk, group.table.log_c, sd, rng)
    found = []
    for cell in group.cells:
        moved = [changes[:, rows].mean(axis=1) for rows in cell.members]
        moves = np.stack(moved, axis=1) if moved else np.zeros((draws, 0))
        found.append(cell.log_loss + np.vstack([np.zeros(len(cell.log_loss)), moves]))
    return found
