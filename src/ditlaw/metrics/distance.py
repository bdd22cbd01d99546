"""The Fréchet distance of two sets of features, from their means and covariances.

‖μ₁ − μ₂‖² + tr Σ₁ + tr Σ₂ − 2·tr (Σ₁Σ₂)^½ (Dowson & Landau 1982; on features of a network, Heusel
et al. 2017). The last trace is the nuclear norm of Σ₁^½Σ₂^½: a sum of singular values, which needs
no root of a product, so nothing turns complex and covariances may be singular.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ditlaw.data.order import Floats
from ditlaw.errors import BadInput


@dataclass(frozen=True)
class Statistics:
    """Mean (d,) and unbiased covariance (d, d) of ``count`` features, in float64."""

    mean: Floats
    covariance: Floats
    count: int

    @property
    def few(self) -> bool:
        """Whether the samples cannot fill the space of features: the covariance is singular.

        The distance is still defined, but its bias, which falls as 1/count, is then large.
        """
        return self.count <= len(self.mean)

    @cached_property
    def root(self) -> Floats:
        """(d, rank) R with R·Rᵀ the covariance; directions without any spread are left out."""
        values, vectors = np.linalg.eigh((self.covariance + self.covariance.T) / 2)
        kept = values > max(values[-1], 0) * len(values) * np.finfo(np.float64).eps
        root: Floats = vectors[:, kept] * np.sqrt(values[kept])
        return root


def statistics(batches: Iterable[NDArray[Any]]) -> Statistics:
    """Statistics of features that come in batches (n, d), whatever the size of the batches.

    Centred sums are merged batch by batch (Chan, Golub & LeVeque 1983): a mean far from zero costs
    no digits, as it would if squares were summed and the square of the mean taken away.

    Raises:
        BadInput: fewer than two samples, or a feature that is no finite number.
    """
    count, mean, scatter = 0, np.zeros(0), np.zeros((0, 0))
    for batch in batches:
        features = np.asarray(batch, np.float64)
        if not np.isfinite(features).all():
            raise BadInput("features: hold numbers that are not finite; use another extractor")
        n = len(features)
        if not n:
            continue
        own = features.mean(axis=0)
        centred = features - own
        if not count:
            count, mean, scatter = n, own, centred.T @ centred
            continue
        shift, together = own - mean, count + n
        scatter += centred.T @ centred + np.outer(shift, shift) * (count * n / together)
        mean = mean + shift * (n / together)
        count = together
    if count < 2:
        raise BadInput(f"samples: {count} give no covariance; use at least 2")
    return Statistics(mean, scatter / (count - 1), count)


def frechet(a: Statistics, b: Statistics) -> float:
    """The squared Fréchet distance of two Gaussians; never negative.

    Raises:
        BadInput: the features are of different widths.
    """
    if a.mean.shape != b.mean.shape:
        raise BadInput(
            f"features: {len(a.mean)} and {len(b.mean)} wide; compare those of one extractor"
        )
    apart = float(np.sum((a.mean - b.mean) ** 2))
    spread = float(np.trace(a.covariance) + np.trace(b.covariance))
    cross = np.linalg.svd(a.root.T @ b.root, compute_uv=False)
    return max(0.0, apart + spread - 2 * float(cross.sum()))
