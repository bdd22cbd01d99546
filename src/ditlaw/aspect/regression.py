"""Least squares under a run noise that a trunk's rows share, and evidence for one of two laws."""

from dataclasses import dataclass

import numpy as np
from scipy.special import fdtrc

from ditlaw.laws.noise import Noise
from ditlaw.laws.table import FloatArray, IntArray

CERTAIN = 1 - 1e-6  # leverage above which leaving rows out leaves nothing to predict them by


@dataclass(frozen=True)
class Regression:
    """Generalised least squares of y (n,) on a design (n, k): ``beta`` = ``operator`` @ y.

    ``rss`` is the sum of squares in units of the run noise.
    """

    design: FloatArray
    beta: FloatArray
    operator: FloatArray  # (k, n)
    residual: FloatArray  # (n,) of y itself
    rss: float
    left_out: FloatArray  # (n,) errors of rows whose shape was left out; NaN where impossible

    @property
    def free(self) -> int:
        """Rows less parameters."""
        return len(self.residual) - len(self.beta)

    @property
    def residual_sd(self) -> float:
        """Of y about the fit, for its degrees of freedom."""
        return float(np.sqrt(np.sum(self.residual**2) / max(self.free, 1)))

    @property
    def aicc(self) -> float:
        """Akaike's criterion for small samples (Hurvich and Tsai 1989); smaller is better."""
        n, k = len(self.residual), len(self.beta) + 1
        spare = max(n - k - 1, 1)
        return float(n * np.log(max(self.rss, 1e-300) / n) + 2 * k + 2 * k * (k + 1) / spare)


def regress(
    y: FloatArray,
    design: FloatArray,
    trunk: IntArray,
    sd: FloatArray,
    share: float,
    shape: IntArray,
) -> Regression:
    """Fit y under noise of sd (n,), ``share`` of whose variance a trunk's rows have in common.

    ``shape`` (n,) says which rows are left out together for ``left_out``.
    """
    half, scale = _Whitener(trunk, share), sd[:, None]
    white = half(design / scale)
    inverse = np.linalg.pinv(white)
    operator = np.asarray((half(np.asarray(inverse.T)) / scale).T)
    beta = operator @ y
    residual = y - design @ beta
    left = half(residual[:, None] / scale)[:, 0]
    errors = np.full(len(y), np.nan)
    normal = inverse @ inverse.T
    for group in np.unique(shape):
        rows = np.flatnonzero(shape == group)
        hat = white[rows] @ inverse[:, rows]
        if np.linalg.eigvalsh((hat + hat.T) / 2).max() > CERTAIN:
            continue
        change = normal @ white[rows].T @ np.linalg.solve(np.eye(len(rows)) - hat, left[rows])
        errors[rows] = y[rows] - design[rows] @ (beta - change)
    return Regression(design, beta, operator, residual, float(left @ left), errors)


@dataclass(frozen=True)
class Evidence:
    """Of a smaller law and a larger one that holds it: the F test, and errors on left-out shapes.

    ``p_value`` is the chance of so large a gain where the smaller law is true.
    """

    p_value: float
    smaller_error: float
    larger_error: float

    @property
    def says_more(self) -> bool | None:
        """Whether the larger law does; None where test and left-out shapes disagree."""
        votes = (self.p_value < 0.05, self.larger_error < self.smaller_error)
        return votes[0] if votes[0] == votes[1] else None


def evidence(smaller: Regression, larger: Regression, sd: FloatArray, noise: Noise) -> Evidence:
    """Weigh two nested fits of the same rows.

    The gain is measured against the larger law's own residuals, or the scatter of replicates where
    that is more: residuals below it were luck.
    """
    extra = len(larger.beta) - len(smaller.beta)
    scale, df = larger.rss / max(larger.free, 1), float(larger.free)
    if noise.source == "replicates" and scale < 1:
        scale, df = 1.0, noise.df
    gain = max(smaller.rss - larger.rss, 0.0) / extra / max(scale, 1e-300)
    both = np.isfinite(smaller.left_out) & np.isfinite(larger.left_out)
    weight = sd[both] ** -2 / np.sum(sd[both] ** -2)
    errors = [float(np.sqrt(np.sum(weight * fit.left_out[both] ** 2))) for fit in (smaller, larger)]
    return Evidence(float(fdtrc(extra, max(df, 1.0), gain)), *errors)


class _Whitener:
    """R^(−1/2), R the correlation of rows: 1 − s of each row's own and s shared by its trunk.

    That of (1 − s)·I + s·11ᵀ for k rows is (I − (1 − √((1 − s)/(1 − s + ks)))·11ᵀ/k)/√(1 − s).
    """

    def __init__(self, trunk: IntArray, share: float) -> None:
        self.member = np.unique(trunk, return_inverse=True)[1]
        self.count = np.bincount(self.member).astype(float)
        self.rest = 1 - share
        self.pull = 1 - np.sqrt(self.rest / (self.rest + self.count * share))

    def __call__(self, values: FloatArray) -> FloatArray:
        """Times (n, k)."""
        sums = np.stack([np.bincount(self.member, column) for column in values.T], axis=1)
        mean = sums * (self.pull / self.count)[:, None]
        return np.asarray((values - mean[self.member]) / np.sqrt(self.rest))
