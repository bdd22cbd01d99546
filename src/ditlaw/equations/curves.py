"""The curves behind the equations, each of many parameter vectors at once.

Every curve is a function of centred natural logarithms of its columns, and gives what least squares
is done in: ln y, or the log odds of a score between 0 and 1. ``theta`` is (r, p), ``x`` (k, n), the
answer (r, n).
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ditlaw.laws.table import FloatArray

FLOOR_BELOW = 12.0  # a floor is searched down to e^−12 of the smallest loss
MAX_SHARE = 0.98  # of a floor, or of a pole, in the smallest value: a numerical guard
LOG_EXPONENTS = (float(np.log(1e-3)), float(np.log(10.0)))
FREE = 60.0


class Curve(Protocol):
    """What least squares needs to know of a curve."""

    @property
    def parameters(self) -> int:
        """How many parameters it has."""
        ...

    def value(self, theta: FloatArray, x: FloatArray) -> FloatArray:
        """Ln y or log odds: (r, n)."""
        ...

    def bounds(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest parameters (p,) that the rows can speak of."""
        ...

    def starts(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Where to begin: (s, p)."""
        ...


@dataclass(frozen=True)
class Line:
    """y = θ0 + Σ θj·xj: a power law in logs, a logistic curve in log odds."""

    columns: int = 1

    @property
    def parameters(self) -> int:
        """See ``Curve``."""
        return self.columns + 1

    def value(self, theta: FloatArray, x: FloatArray) -> FloatArray:
        """See ``Curve``."""
        return np.asarray(theta[:, :1] + theta[:, 1:] @ x)

    def bounds(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See ``Curve``."""
        return np.full(self.parameters, -1e4), np.full(self.parameters, 1e4)

    def starts(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """See ``Curve``: the least-squares line."""
        return straight(x, y)[None]


@dataclass(frozen=True)
class Floor:
    """ln y = ln(e^θ0 + e^(θ1 − c·x)), c = e^θ2."""

    parameters: int = 3

    def value(self, theta: FloatArray, x: FloatArray) -> FloatArray:
        """See ``Curve``."""
        return np.logaddexp(theta[:, :1], theta[:, 1:2] - np.exp(theta[:, 2:3]) * x)

    def bounds(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See ``Curve``."""
        low = [y.min() - FLOOR_BELOW, y.min() - FREE, LOG_EXPONENTS[0]]
        return np.array(low), np.array([y.min(), y.max() + FREE, LOG_EXPONENTS[1]])

    def starts(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """See ``Curve``: a straight line of ln(y − E) for several shares of a floor E."""
        found = []
        for share in (1e-5, 0.3, 0.6, 0.8, 0.9, 0.95, 0.98):
            floor = y.min() + np.log(share)
            level, slope = straight(x, y + np.log1p(-np.exp(floor - y)))
            found.append([floor, level, np.log(np.clip(-slope, 2e-3, 5.0))])
        return np.array(found)


@dataclass(frozen=True)
class Broken:
    """ln y = θ0 − θ1·x − θ2·f·ln(1 + e^((x − d)/f)), d = θ3, f = e^θ4: a slope θ1, then θ1 + θ2."""

    parameters: int = 5

    def value(self, theta: FloatArray, x: FloatArray) -> FloatArray:
        """See ``Curve``."""
        width = np.exp(theta[:, 4:5])
        turned = width * np.logaddexp(0.0, (x - theta[:, 3:4]) / width)
        return np.asarray(theta[:, :1] - theta[:, 1:2] * x - theta[:, 2:3] * turned)

    def bounds(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See ``Curve``: the break lies inside the data."""
        span = max(float(np.ptp(x)), 1e-6)
        low = [-1e4, -50.0, -50.0, x.min(), np.log(0.01 * span)]
        return np.array(low), np.array([1e4, 50.0, 50.0, x.max(), np.log(span)])

    def starts(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """See ``Curve``: a grid of breaks and widths, the rest by least squares."""
        span = max(float(np.ptp(x)), 1e-6)
        found = []
        for width in (0.03 * span, 0.15 * span):
            for at in x.min() + span * np.linspace(0.1, 0.9, 9):
                turned = width * np.logaddexp(0.0, (x - at) / width)
                level, before, more = straight(np.vstack([x, turned]), y)
                found.append([level, -before, -more, at, np.log(width)])
        return np.array(found)


@dataclass(frozen=True)
class Pole:
    """ln y = θ0 + p·ln(e^x − s), p = e^θ1, s = e^θ2 below every e^x that was seen.

    Below s the curve is held at the value of a thousandth of the smallest gap: as good as 0.
    """

    parameters: int = 3

    def value(self, theta: FloatArray, x: FloatArray) -> FloatArray:
        """See ``Curve``."""
        pole = np.exp(theta[:, 2:3])
        gap = np.maximum(np.exp(x[0]) - pole, 1e-3 * (1 - MAX_SHARE) * pole)
        return np.asarray(theta[:, :1] + np.exp(theta[:, 1:2]) * np.log(gap))

    def bounds(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See ``Curve``."""
        low = [y.min() - 1e3, np.log(1e-2), x.min() - FLOOR_BELOW]
        return np.array(low), np.array([y.max() + 1e3, np.log(50.0), x.min() + np.log(MAX_SHARE)])

    def starts(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """See ``Curve``: a straight line for several poles."""
        found = []
        for share in (0.05, 0.5, 0.8, 0.9, 0.95):
            pole = x.min() + np.log(share)
            level, slope = straight(np.log(np.exp(x) - np.exp(pole)), y)
            found.append([level, np.log(np.clip(slope, 0.02, 20.0)), pole])
        return np.array(found)


@dataclass(frozen=True)
class Logistic:
    """y = t/(1 + e^−(θ0 + θ1·x)) in log odds of y, t = 1/(1 + e^−θ2): a score with a ceiling."""

    parameters: int = 3

    def value(self, theta: FloatArray, x: FloatArray) -> FloatArray:
        """See ``Curve``."""
        log_y = -np.logaddexp(0.0, -theta[:, 2:3])
        log_y = log_y - np.logaddexp(0.0, -(theta[:, :1] + theta[:, 1:2] * x))
        return np.asarray(log_y - np.log(-np.expm1(np.minimum(log_y, -1e-12))))

    def bounds(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See ``Curve``."""
        ceiling = float(y.max()) + 1e-3
        return np.array([-FREE, -FREE, min(ceiling, 9.0)]), np.array([FREE, FREE, 10.0])

    def starts(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """See ``Curve``: a straight line of log odds for several ceilings."""
        log_y, found = -np.logaddexp(0.0, -y), []
        for above in (0.1, 0.5, 1.0, 2.0, 4.0, 8.0):
            ceiling = min(float(y.max()) + above, 9.5)
            share = np.minimum(log_y + np.logaddexp(0.0, -ceiling), -1e-9)
            level, slope = straight(x, share - np.log(-np.expm1(share)))
            found.append([level, slope, ceiling])
        return np.array(found)


def straight(x: FloatArray, y: FloatArray) -> FloatArray:
    """Level and slopes of the least-squares plane of y (n,) on x (k, n) or (n,)."""
    design = np.vstack([np.ones_like(y), x]).T
    return np.asarray(np.linalg.lstsq(design, y, rcond=None)[0])
