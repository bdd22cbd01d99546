"""How far one run scatters, as an answer: pooled over all that tells, with its interval."""

import numpy as np
from scipy.special import chdtri

from ditlaw.laws.noise import Noise
from ditlaw.laws.table import Table
from ditlaw.results import Quantity, RunNoise


def run_noise_of(table: Table, noise: Noise, level: float) -> RunNoise:
    """The scatter that all intervals are made from.

    The interval of the sd is that of its degrees of freedom: s·√(df/χ²).
    """
    tails = [float(chdtri(noise.df, (1 + side * level) / 2)) for side in (-1, 1)]
    low, high = (float(noise.sd * np.sqrt(noise.df / tail)) for tail in tails)
    smallest = float(noise.at(np.array(table.log_c.min())))
    return RunNoise(
        sd=Quantity(value=noise.sd, low=low, high=high, level=level),
        sd_smallest_budget=smallest,
        source="seeds" if noise.source == "replicates" else "residuals",
        replicated=_replicated(table),
        shared=noise.share,
    )


def _replicated(table: Table) -> int:
    """Sizes and budgets with runs of more than one trunk."""
    cells = table.cells()
    grouped = table.group >= 0
    pairs = np.unique(np.stack([cells[grouped], table.trunk[grouped]], axis=1), axis=0)
    return int(np.sum(np.bincount(pairs[:, 0].astype(int)) > 1)) if len(pairs) else 0
