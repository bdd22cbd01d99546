"""The curves of params and tokens together; see ``curves`` for what a curve is."""

from dataclasses import dataclass

import numpy as np

from ditlaw.equations.curves import FLOOR_BELOW, FREE, LOG_EXPONENTS
from ditlaw.laws import solver
from ditlaw.laws.table import FloatArray


@dataclass(frozen=True)
class Nested:
    """ln y = αD·ln(e^((θ0 − αN·n)/αD) + e^((θ1 − αD·d)/αD)), αN = e^θ2, αD = e^θ3."""

    parameters: int = 4

    def value(self, theta: FloatArray, x: FloatArray) -> FloatArray:
        """See ``Curve``."""
        size, data = np.exp(theta[:, 2:3]), np.exp(theta[:, 3:4])
        first = (theta[:, :1] - size * x[0]) / data
        return np.asarray(data * np.logaddexp(first, theta[:, 1:2] / data - x[1]))

    def bounds(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See ``Curve``."""
        low = [y.min() - FREE, y.min() - FREE, *[LOG_EXPONENTS[0]] * 2]
        return np.array(low), np.array([*[y.max() + FREE] * 2, *[LOG_EXPONENTS[1]] * 2])

    def starts(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """See ``Curve``: a grid of exponents, the level by the mean."""
        found = []
        for size in (0.05, 0.2, 0.6):
            for data in (0.05, 0.2, 0.6):
                for lean in (-0.3, 0.0, 0.3):
                    theta = [lean, -lean, np.log(size), np.log(data)]
                    level = float(np.mean(y - self.value(np.array([theta]), x)[0]))
                    found.append([level + lean, level - lean, *theta[2:]])
        return np.array(found)


@dataclass(frozen=True)
class Additive:
    """ln y = ln(e^θ0 + e^(θ1 − α·n) + e^(θ2 − β·d)), α = e^θ3, β = e^θ4."""

    parameters: int = 5

    def value(self, theta: FloatArray, x: FloatArray) -> FloatArray:
        """See ``Curve``."""
        return _three_terms(theta, x[0], x[1])

    def bounds(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See ``Curve``."""
        low = [y.min() - FLOOR_BELOW, *[y.min() - FREE] * 2, *[LOG_EXPONENTS[0]] * 2]
        high = [y.max(), *[y.max() + FREE] * 2, *[LOG_EXPONENTS[1]] * 2]
        return np.array(low), np.array(high)

    def starts(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """See ``Curve``: those of the laws' own surface."""
        return solver.best_start(x[0], x[1], y)


@dataclass(frozen=True)
class Repeated:
    """``Additive`` in effective data: D′ = U·(1 + R*·(1 − e^(−R/R*))), R = D/U − 1, R* = e^θ5.

    x holds ln N, ln D and the uncentred ln of the epochs D/U, at least 0.
    """

    parameters: int = 6

    def value(self, theta: FloatArray, x: FloatArray) -> FloatArray:
        """See ``Curve``."""
        return _three_terms(theta, x[0], x[1] - x[2] + log_gain(x[2], theta[:, 5:6]))

    def bounds(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See ``Curve``."""
        low, high = Additive().bounds(x, y)
        return np.append(low, np.log(0.05)), np.append(high, np.log(1e4))

    def starts(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """See ``Curve``: those of the plain surface in the effective data of several R*."""
        found = []
        for star in (2.0, 8.0, 30.0):
            effective = x[1] - x[2] + log_gain(x[2], np.log(star))
            plain = Additive().starts(np.stack([x[0], effective]), y)[:3]
            found += [[*theta, np.log(star)] for theta in plain]
        return np.array(found)


def log_gain(log_epochs: FloatArray, log_star: FloatArray) -> FloatArray:
    """ln(D′/U): what epochs of the same data are worth, in units of the first."""
    star = np.exp(log_star)
    return np.asarray(np.log1p(-star * np.expm1(-np.expm1(log_epochs) / star)))


def _three_terms(theta: FloatArray, log_n: FloatArray, log_d: FloatArray) -> FloatArray:
    size = theta[:, 1:2] - np.exp(theta[:, 3:4]) * log_n
    data = theta[:, 2:3] - np.exp(theta[:, 4:5]) * log_d
    top = np.maximum(np.maximum(size, data), theta[:, :1])
    total = np.exp(theta[:, :1] - top) + np.exp(size - top) + np.exp(data - top)
    return np.asarray(top + np.log(total))
