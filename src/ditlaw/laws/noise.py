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
SLOPE_SPREAD = 0.25  # prior sd of d ln sd / d ln C


@dataclass(frozen=True)
class Noise:
    """Relative sd of one run, the share of its variance common to a trunk, degrees of freedom.

    ``sd`` holds at the largest budget. Smaller budgets may scatter more or less: ln sd changes by
    ``slope`` an e-fold of compute between the ln C of the smallest and the largest, ``reach``.
    """

    sd: float
    share: float
    df: float
    source: str
    slope: float = 0.0
    reach: tuple[float, float] = (0.0, 0.0)

    def at(self, log_c: FloatArray) -> FloatArray:
        """The sd at ln C, any shape; held constant outside the budgets."""
        away = np.clip(log_c, *self.reach) - self.reach[1]
        return np.asarray(self.sd * np.exp(self.slope * away))

    def sd_draws(self, draws: int, rng: np.random.Generator) -> FloatArray:
        """(draws,) plausible sds: s·√(df/χ²), so that few degrees of freedom widen intervals."""
        return np.asarray(self.sd * np.sqrt(self.df / rng.chisquare(self.df, draws)))

    def perturbations(
        self, trunk: IntArray, log_c: FloatArray, sd: FloatArray, rng: np.random.Generator
    ) -> FloatArray:
        """(draws, n) changes of ln loss: √share · trunk effect + √(1 − share) · row effect.

        ``trunk`` and ``log_c`` (n,) are of the rows; ``sd`` (draws,) as ``sd_draws`` gives it.
        """
        changes = rng.standard_normal((len(sd), int(trunk.max()) + 1))[:, trunk]
        own = rng.standard_normal((len(sd), len(trunk)))
        # In place: of tens of thousands of rows these are the largest arrays of a fit.
        changes *= np.sqrt(self.share)
        own *= np.sqrt(1 - self.share)
        changes += own
        relative = np.exp(self.slope * (np.clip(log_c, *self.reach) - self.reach[1]))
        changes *= np.multiply(sd[:, None], relative, out=own)
        return np.asarray(changes)

    def luck(self, trunk: IntArray, log_c: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Changes of ln loss (n,) of one study's rows, under this very sd."""
        return np.asarray(self.perturbations(trunk, log_c, np.array([self.sd]), rng)[0])


def level_and_slope(
    log_c: FloatArray, squares: FloatArray, df: FloatArray
) -> tuple[float, float, tuple[float, float]]:
    """Sd at the largest ln C, its slope and reach, from sums of squares of ln L at each ln C.

    Maximum likelihood of Gaussian scatter whose ln sd is a line in ln C, with a prior slope of
    0 ± ``SLOPE_SPREAD``: small budgets of public sweeps scatter several times as much as large
    ones, which says nothing against the large ones.
    """
    reach = (float(log_c.min()), float(log_c.max()))
    slopes = np.linspace(-3 * SLOPE_SPREAD, 3 * SLOPE_SPREAD, 121)[:, None]
    away = slopes * (log_c - reach[1])
    variance = np.sum(squares * np.exp(-2 * away), axis=1) / df.sum()
    if not np.all(variance > 0):
        return 0.0, 0.0, reach
    cost = np.sum(df * away, axis=1) + 0.5 * df.sum() * np.log(variance)
    best = int(np.argmin(cost + 0.5 * (slopes[:, 0] / SLOPE_SPREAD) ** 2))
    return float(np.sqrt(variance[best])), float(slopes[best, 0]), reach


def df_at_end(log_c: FloatArray, df_share: FloatArray, df: float) -> float:
    """Degrees of freedom that the sd at the largest ln C is worth, its slope being estimated too.

    From the first-order variance of ln sd there, as 1/(2·df) would be without a slope.
    """
    middle = float(np.average(log_c, weights=df_share))
    spread = float(np.average((log_c - middle) ** 2, weights=df_share))
    slope_variance = 1 / (2 * df * spread + SLOPE_SPREAD**-2)
    return 1 / (1 / df + 2 * slope_variance * (float(log_c.max()) - middle) ** 2)


def from_replicates(table: Table) -> Noise | None:
    """Scatter between seeds: rows of one size and budget from different trunks.

    The trunk share is the correlation of a trunk's deviations over its budgets, shrunk towards a
    half. Degrees of freedom follow Satterthwaite's rule for the two parts. None where there are
    fewer than three seed differences.
    """
    grouped = np.flatnonzero(table.group >= 0)
    cells = table.cells()[grouped]
    deviations, row_of, shares = [], [], []
    for cell in np.unique(cells):
        rows = grouped[cells == cell]
        if len(np.unique(table.trunk[rows])) < 2:
            continue
        spread = table.log_loss[rows] - table.log_loss[rows].mean()
        # Unbiased for a cell of k rows: every deviation has variance σ²(k − 1)/k.
        deviations.append(spread * np.sqrt(len(rows) / (len(rows) - 1)))
        row_of.append(rows)
        shares.append(np.full(len(rows), 1 - 1 / len(rows)))
    if not deviations:
        return None
    deviation, rows, df_share = (np.concatenate(part) for part in (deviations, row_of, shares))
    trunk, log_c = table.trunk[rows], table.log_c[rows]
    rows_df = max(len(deviation) - len(deviations), 1)
    # One trunk difference per size and extra seed is independent; its repeats over budgets are not.
    pairs = min(_trunk_differences(table, trunk), rows_df)
    if pairs < MIN_REPLICATE_DF:
        return None
    sd, slope, reach = level_and_slope(log_c, df_share * deviation**2, df_share)
    noise = Noise(sd, PRIOR_SHARE, PRIOR_SHARE_DF, "replicates", slope, reach)
    share = _shrunk_share(deviation / np.maximum(noise.at(log_c), 1e-300), trunk, pairs)
    # Never more than there are differences: runs of one budget only are independent already.
    df = min(1 / (share**2 / pairs + (1 - share) ** 2 / rows_df), rows_df)
    return replace(noise, share=share, df=df_at_end(log_c, df_share, float(df)))


@dataclass(frozen=True)
class Residuals:
    """What a fit of ln L leaves at rows of ln C ``log_c``, and each row's share of its df: (n,)."""

    value: FloatArray
    log_c: FloatArray
    df: FloatArray


def from_residuals(residuals: Residuals) -> Noise:
    """Scatter about fitted curves; a trunk shares half of it."""
    sd, slope, reach = level_and_slope(residuals.log_c, residuals.value**2, residuals.df)
    df = df_at_end(residuals.log_c, residuals.df, float(residuals.df.sum()))
    return Noise(sd, PRIOR_SHARE, df, "residuals", slope, reach)


def scaled(noise: Noise, factor: float) -> Noise:
    """The same scatter, larger by a factor."""
    return replace(noise, sd=noise.sd * factor)


def misfit(noise: Noise, residuals: Residuals) -> float:
    """How much larger than run noise a form's residuals are (at least 1): its own lack of fit."""
    df = float(residuals.df.sum())
    if df < 1 or noise.sd <= 0:
        return 1.0
    scaled = residuals.value / noise.at(residuals.log_c)
    return max(1.0, float(np.sqrt(np.sum(scaled**2) / df)))


def _trunk_differences(table: Table, trunks: IntArray) -> int:
    unique, first = np.unique(table.trunk, return_index=True)
    there = np.isin(unique, trunks)
    return int(there.sum()) - len(np.unique(table.log_n[first[there]]))


def _shrunk_share(deviation: FloatArray, trunk: IntArray, df: int) -> float:
    sums, squares = np.bincount(trunk, deviation), np.bincount(trunk, deviation**2)
    between = float(np.sum(sums**2 - squares))
    within = float(np.sum((np.bincount(trunk) - 1) * squares))  # of no rows, no squares
    raw = float(np.clip(between / within, 0.0, 0.95)) if within > 0 else PRIOR_SHARE
    weight = df if within > 0 else 0
    return (weight * raw + PRIOR_SHARE_DF * PRIOR_SHARE) / (weight + PRIOR_SHARE_DF)
