"""ln N* on ln C: a straight line whose slope may drift slowly.

The drift is an integrated random walk, so the estimate is a smoothing spline that continues as a
straight line beyond the data, and its error grows with distance. Everything is linear in the
minima, hence one small matrix serves the estimate and all its draws.
"""

from dataclasses import dataclass

import numpy as np

from ditlaw.laws.table import FloatArray

# Slope change per √e-fold and scatter of a minimum beyond run noise. Estimated once, by marginal
# likelihood over public isoFLOP sweeps, with each sweep's three largest budgets left out.
DRIFT = 0.05
SCATTER = 0.04


@dataclass(frozen=True)
class DriftingLine:
    """B points at ``log_c`` with variances; ``log_n`` holds the estimate, then draws."""

    log_c: FloatArray  # (B,)
    log_n: FloatArray  # (draws + 1, B)
    variance: FloatArray  # (B,)

    def __call__(self, log_c: FloatArray) -> FloatArray:
        """Ln N* at ln C: (draws + 1, m)."""
        return np.asarray(self.log_n @ self._operator(log_c)[0].T)

    def model_sd(self, log_c: FloatArray) -> FloatArray:
        """Sd of ln N* from drift and scatter alone, without run noise: (m,)."""
        operator, prior, cross, inner = self._operator(log_c)
        variance = prior - 2 * np.sum(operator * cross, axis=1)
        variance += np.sum((operator @ inner) * operator, axis=1)
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)))

    def _operator(self, log_c: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Generalised least squares prediction: (m, B) weights, and the drift's covariances."""
        anchor = min(self.log_c.min(), log_c.min())
        x, new = self.log_c - anchor, log_c - anchor
        inner = _walk(x, x) + SCATTER**2 * np.eye(len(x))
        cross = _walk(new, x)
        inverse = np.linalg.inv(inner + np.diag(self.variance))
        basis = np.stack([np.ones_like(x), x - x.mean()], axis=1)
        trend = np.linalg.solve(basis.T @ inverse @ basis, basis.T @ inverse)
        rest = inverse @ (np.eye(len(x)) - basis @ trend)
        operator = np.stack([np.ones_like(new), new - x.mean()], axis=1) @ trend + cross @ rest
        return operator, np.diagonal(_walk(new, new)), cross, inner


def drift_sd(distance: FloatArray) -> FloatArray:
    """Sd of ln N* that drift adds over a distance in ln C beyond the data."""
    return np.asarray(DRIFT * np.sqrt(distance**3 / 3) + SCATTER)


def _walk(s: FloatArray, t: FloatArray) -> FloatArray:
    """Covariance of an integrated random walk from 0: σ²·m²(3M − m)/6, m = min, M = max."""
    low = np.minimum(s[:, None], t[None, :])
    high = np.maximum(s[:, None], t[None, :])
    return np.asarray(DRIFT**2 * low**2 * (3 * high - low) / 6)
