"""ln N* on ln C: a straight line whose slope may drift slowly.

The drift is an integrated random walk from the middle of the budgets to either side, so the
estimate is a smoothing spline that continues as a straight line beyond the data, and its error
grows with distance. Everything is linear in the minima, hence one small matrix serves the estimate
and all its draws.
"""

from dataclasses import dataclass

import numpy as np

from ditlaw.laws.table import FloatArray

# Slope change per √e-fold and scatter of a minimum beyond run noise: the least drift whose marginal
# likelihood is within one unit of the best, over public isoFLOP sweeps whose three largest budgets
# are left out.
DRIFT = 0.06
SCATTER = 0.02
# Prior of the slope at the middle. Published exponents of N* lie between 0.41 and 0.73.
SLOPE, SLOPE_SPREAD = 0.5, 0.15


@dataclass(frozen=True)
class DriftingLine:
    """B points at ``log_c`` with variances; ``log_n`` holds the estimate, then draws."""

    log_c: FloatArray  # (B,)
    log_n: FloatArray  # (draws + 1, B)
    variance: FloatArray  # (B,)

    def __call__(self, log_c: FloatArray) -> FloatArray:
        """Ln N* at ln C: (draws + 1, m)."""
        # The prior slope is taken off and put back: drawn towards it, not towards 0.
        usual, ahead = SLOPE * self._from_middle(self.log_c), SLOPE * self._from_middle(log_c)
        operator, _, _ = self._operator(log_c)
        return np.asarray((self.log_n - usual) @ operator.T + ahead)

    def model_sd(self, log_c: FloatArray) -> FloatArray:
        """Sd of ln N* from drift, scatter and the prior of the slope, without run noise: (m,)."""
        operator, cross, inner = self._operator(log_c)
        new = self._from_middle(log_c)
        variance = DRIFT**2 * np.abs(new) ** 3 / 3
        variance -= 2 * np.sum(operator * cross, axis=1)
        variance += np.sum((operator @ inner) * operator, axis=1)
        # What noisy minima leave of the prior: the share of the slope that is not theirs.
        variance += (SLOPE_SPREAD * (new - operator @ self._from_middle(self.log_c))) ** 2
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)))

    def _from_middle(self, log_c: FloatArray) -> FloatArray:
        return np.asarray(log_c - self.log_c.mean())

    def _operator(self, log_c: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Generalised least squares prediction: (m, B) weights, and the drift's covariances."""
        x, new = self._from_middle(self.log_c), self._from_middle(log_c)
        inner = _walk(x, x) + SCATTER**2 * np.eye(len(x))
        cross = _walk(new, x)
        inverse = np.linalg.inv(inner + np.diag(self.variance))
        basis = np.stack([np.ones_like(x), x], axis=1)
        normal = basis.T @ inverse @ basis
        normal[1, 1] += SLOPE_SPREAD**-2
        trend = np.linalg.solve(normal, basis.T @ inverse)
        rest = inverse @ (np.eye(len(x)) - basis @ trend)
        operator = np.stack([np.ones_like(new), new], axis=1) @ trend + cross @ rest
        return operator, cross, inner


def drift_sd(distance: FloatArray) -> FloatArray:
    """Sd of ln N* a distance in ln C beyond the data, by the scatter and the drift of a line.

    For a form that has no line of its own.
    """
    return np.asarray(DRIFT * np.sqrt(distance**3 / 3) + SCATTER)


def _walk(s: FloatArray, t: FloatArray) -> FloatArray:
    """Covariance of an integrated random walk from 0 to either side: σ²·m²(3M − m)/6 on one side,
    m = min, M = max of the distances; nothing across.
    """
    same = s[:, None] * t[None, :] > 0
    low = np.minimum(np.abs(s)[:, None], np.abs(t)[None, :])
    high = np.maximum(np.abs(s)[:, None], np.abs(t)[None, :])
    return np.asarray(same * DRIFT**2 * low**2 * (3 * high - low) / 6)
