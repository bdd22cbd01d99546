"""How far one run's loss scatters, and redraws of a study's losses under that scatter.

The design stays as it was: sizes and budgets are never resampled. A redraw moves the losses: one
effect shared by the rows of a trunk (initial weights, data order) and one effect of each row.
"""

from dataclasses import dataclass

import numpy as np

from ditlaw.laws.table import FloatArray, IntArray, Table

MIN_REPLICATE_DF = 3  # fewer seed differences than this say too little about the scatter
PRIOR_SHARE = 0.5  # share of the variance that a trunk's rows have in common, where unmeasured
PRIOR_SHARE_DF = 4.0


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

    def perturbations(
        self, trunk: IntArray, sd: FloatArray, rng: np.random.Generator
    ) -> FloatArray:
        """(draws, n) changes of ln loss: √share · trunk effect + √(1 − share) · row effect."""
        shared = rng.standard_normal((len(sd), int(trunk.max()) + 1))[:, trunk]
        own = rng.standard_normal((len(sd), len(trunk)))
        mixed = np.sqrt(self.share) * shared + np.sqrt(1 - self.share) * own
        return np.asarray(sd[:, None] * mixed)


def from_replicates(table: Table) -> Noise | None:
    """Scatter between seeds: rows of one size and budget from different trunks.

    The trunk share is the correlation of a trunk's deviations over its budgets, shrunk towards a
    half. Degrees of freedom follow Satterthwaite's rule for the two parts. None where there are
    fewer than three seed differences.
    """
    grouped = np.flatnonzero(table.group >= 0)
    keys = np.stack([table.group[grouped].astype(float), table.log_n[grouped]], axis=1)
    cells = np.unique(keys, axis=0, return_inverse=True)[1].ravel()
    deviations, cell_of, trunk_of = [], [], []
    for cell in np.unique(cells):
        rows = grouped[cells == cell]
        if len(np.unique(table.trunk[rows])) < 2:
            continue
        spread = table.log_loss[rows] - table.log_loss[rows].mean()
        # Unbiased for a cell of k rows: every deviation has variance σ²(k − 1)/k.
        deviations.append(spread * np.sqrt(len(rows) / (len(rows) - 1)))
        cell_of.append(np.full(len(rows), cell))
        trunk_of.append(table.trunk[rows])
    if not deviations:
        return None
    deviation, cell_id, trunk = (np.concatenate(part) for part in (deviations, cell_of, trunk_of))
    cells_used = len(np.unique(cell_id))
    rows_df = max(len(deviation) - cells_used, 1)
    # One trunk difference per size and extra seed is independent; its repeats over budgets are not.
    pairs = min(_trunk_differences(table, trunk), rows_df)
    if pairs < MIN_REPLICATE_DF:
        return None
    variance = float(np.mean(deviation**2))
    share = _shrunk_share(deviation, trunk, pairs)
    # Never more than there are differences: runs of one budget only are independent already.
    df = min(1 / (share**2 / pairs + (1 - share) ** 2 / rows_df), rows_df)
    return Noise(float(np.sqrt(variance)), share, float(df), "replicates")


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


def _trunk_differences(table: Table, trunks: IntArray) -> int:
    unique = np.unique(trunks)
    sizes = {float(table.log_n[table.trunk == t][0]) for t in unique}
    return len(unique) - len(sizes)


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
