"""A curve as ``laws.leastsquares`` takes it: derivatives by central differences, no priors."""

from dataclasses import dataclass, field

import numpy as np

from ditlaw.equations.curves import Curve
from ditlaw.laws import leastsquares
from ditlaw.laws.table import BoolArray, FloatArray

STEP = 1e-6  # of the central differences


@dataclass(frozen=True)
class _Model:
    """See ``leastsquares.Model``."""

    curve: Curve
    x: FloatArray
    low: FloatArray
    high: FloatArray
    pull: FloatArray = field(init=False)
    aim: FloatArray = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        object.__setattr__(self, "pull", np.zeros((0, len(self.low))))

    def predict(self, theta: FloatArray) -> FloatArray:
        return self.curve.value(theta, self.x)

    def derivatives(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        value = self.predict(theta)
        slopes = np.empty((len(theta), theta.shape[1], value.shape[1]))
        for j in range(theta.shape[1]):
            nudge = np.zeros(theta.shape[1])
            nudge[j] = STEP
            up, down = self.predict(theta + nudge), self.predict(theta - nudge)
            slopes[:, j] = (up - down) / (2 * STEP)
        return value, slopes


def solve(
    curve: Curve,
    x: FloatArray,
    y: FloatArray,
    theta: FloatArray,
    limits: tuple[FloatArray, FloatArray],
    *,
    delta: float,
    steps: int,
    tolerance: float,
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """θ (r, p), Huber objective (r,) and whether each converged, for targets ``y`` (r, n)."""
    return leastsquares.refine(_Model(curve, x, *limits), theta, y, delta, steps, tolerance)
