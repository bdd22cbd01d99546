"""How far one run's loss scatters, and redraws of a study's losses under that scatter.

The design stays as it was: sizes and budgets are never resampled. A redraw moves the losses: one
effect shared by the rows of a trunk (initial weights, data order) and one effect of each row.
"""

from dataclasses import dataclass, replace

import numpy as np

from ditlaw.laws.table import FloatArray, IntArray, Table

MIN_REPLICATE_DF = 3  # fewer seed differences than this say too little about the scatter
PRIOR_SHARE = 0.5  # share of the variance that a trunk's rows have in common, where unmeasured
PRIOR_SHARE_DF = 4.0
POOL_DF = 4.0  # how many degrees of freedom the pooled scatter counts for in each size's own


@dataclass(frozen=True)
class Noise:
    """Relative sd of one run, the share of its variance common to a trunk, degrees of freedom."""

    sd: float
    share: float
    df: float
    source: str

    def sd_draws(self, draws: int, rng: np.random.Generator) -> FloatArray:
        """(draws,) plausible sds: s·√(df/χ²), so that few degrees of freedom widen intervals."""
        return np.asarray(self.sd * np.sqrt(self.df / rng.chisquare(self.df, draws)))

    def perturbations(self, table: Table, sd: FloatArray, rng: np.random.Generator) -> FloatArray:
        """(draws, n) changes of ln loss: √share · trunk effect + √(1 − share) · row effect."""
        shared = rng.standard_normal((len(sd), int(table.trunk.max()) + 1))[:, table.trunk]
        own = rng.standard_normal((len(sd), len(table)))
        mixed = np.sqrt(self.share) * shared + np.sqrt(1 - self.share) * own
        return np.asarray(sd[:, None] * mixed * table.scatter)


def from_replicates(table: Table) -> Noise | None:
    """Scatter between seeds: rows of one size and budget from different trunks.

    The trunk share is the correlation of a trunk's deviations over its budgets, shrunk towards a
    half. Degrees of freedom follow Satterthwaite's rule for the two parts. None where there are
    fewer than three seed differences.
    """
    deviation, rows = _deviations(table)
    if not len(rows):
        return None
    # One trunk difference per size and extra seed is independent; its repeats over budgets are not.
    free = _free(table, rows)
    pairs = min(_trunk_differences(table, table.trunk[rows]), free)
    if pairs < MIN_REPLICATE_DF:
        return None
    share = _shrunk_share(deviation / table.scatter[rows], table.trunk[rows], pairs)
    sd = float(np.sqrt(np.mean(deviation**2)))
    return Noise(sd, share, _satterthwaite(share, pairs, free), "replicates")


def weighed(table: Table) -> Table:
    """The table with the scatter of each size, from its seed replicates and shrunk to the pool.

    Without replicates, and for sizes that have none, the pooled scatter stands.
    """
    table = replace(table, scatter=np.ones(len(table)))
    pool = from_replicates(table)
    if pool is None or pool.sd <= 0:
        return table
    deviation, rows = _deviations(table)
    scatter = np.ones(len(table))
    for size in np.unique(table.log_n[rows]):
        own = table.log_n[rows] == size
        free = _free(table, rows[own])
        pairs = min(len(np.unique(table.trunk[rows[own]])) - 1, free)
        df = _satterthwaite(pool.share, pairs, free)
        square = float(np.mean(deviation[own] ** 2)) / pool.sd**2
        scatter[table.log_n == size] = np.sqrt((df * square + POOL_DF) / (df + POOL_DF))
    return replace(table, scatter=scatter)


def from_residuals(residuals: FloatArray, parameters: int) -> Noise:
    """Scatter about a fitted curve, with the parameters it took; a trunk shares half of it."""
    df = max(len(residuals) - parameters, 1)
    sd = float(np.sqrt(np.sum(residuals**2) / df))
    return Noise(sd, PRIOR_SHARE, float(df), "residuals")


def misfit(noise: Noise, residuals: FloatArray, parameters: int) -> float:
    """How much larger than run noise a form's residuals are (at least 1): its own lack of fit."""
    df = len(residuals) - parameters
    if df < 1 or noise.sd <= 0:
        return 1.0
    return max(1.0, float(np.sqrt(np.sum(residuals**2) / df)) / noise.sd)


def _deviations(table: Table) -> tuple[FloatArray, IntArray]:
    """Deviations in ln L from the mean of one size and budget, and their rows.

    Unbiased for a cell of k rows: every deviation is scaled to variance σ².
    """
    grouped = np.flatnonzero(table.group >= 0)
    deviations, rows_of = [np.zeros(0)], [np.zeros(0, dtype=np.int64)]
    cells = _cells(table, grouped)
    for cell in np.unique(cells):
        rows = grouped[cells == cell]
        if len(np.unique(table.trunk[rows])) < 2:
            continue
        spread = table.log_loss[rows] - table.log_loss[rows].mean()
        deviations.append(spread * np.sqrt(len(rows) / (len(rows) - 1)))
        rows_of.append(rows)
    return np.concatenate(deviations), np.concatenate(rows_of)


def _trunk_differences(table: Table, trunks: IntArray) -> int:
    unique = np.unique(trunks)
    sizes = {float(table.log_n[table.trunk == t][0]) for t in unique}
    return len(unique) - len(sizes)


def _cells(table: Table, rows: IntArray) -> IntArray:
    """Which size and budget each row is of."""
    keys = np.stack([table.group[rows].astype(float), table.log_n[rows]], axis=1)
    return np.asarray(np.unique(keys, axis=0, return_inverse=True)[1].ravel())


def _free(table: Table, rows: IntArray) -> int:
    """Differences between rows of one cell that are free."""
    return len(rows) - len(np.unique(_cells(table, rows)))


def _satterthwaite(share: float, pairs: int, rows: int) -> float:
    return float(1 / (share**2 / pairs + (1 - share) ** 2 / rows))


def _shrunk_share(deviation: FloatArray, trunk: IntArray, df: int) -> float:
    between = within = 0.0
    for t in np.unique(trunk):
        own = deviation[trunk == t]
        squares = float(np.sum(own**2))
        between += float(np.sum(own)) ** 2 - squares
        within += (len(own) - 1) * squares
    raw = float(np.clip(between / within, 0.0, 0.95)) if within > 0 else PRIOR_SHARE
    weight = df if within > 0 else 0
    return (weight * raw + PRIOR_SHARE_DF * PRIOR_SHARE) / (weight + PRIOR_SHARE_DF)
