"""What the losses truly are: surfaces that the tool can hold, and five that it cannot.

A truth is ln L over (x, z) = (ln N/N0, ln D/D0). At C0 = 6·N0·D0, the middle of the budgets in
ln C, the surface's best size is N0, whatever its exponents, and its loss above the floor is 1.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Form = Callable[[Array, Array, Array], Array]

N0, D0 = 1e8, 2e9
LOG_N0, LOG_D0, LOG_C0 = np.log(N0), np.log(D0), np.log(6 * N0 * D0)
RANGE = 200.0  # largest ÷ smallest budget
LARGEST = float(np.log(RANGE) / 2)  # ln C/C0 of the largest budget


@dataclass(frozen=True)
class Truth:
    """``theta`` holds five logs (E, size and data terms, two exponents); a bend is in ``form``."""

    name: str
    form: Form
    theta: Array
    shows: bool = True  # whether a departure from the surface shows inside the data

    def log_loss(self, x: Array, z: Array, theta: Array | None = None) -> Array:
        return np.log(self.form(self.theta if theta is None else theta, x, z))

    def optimum(self, c: Array) -> tuple[Array, Array]:
        """x of the best size and its ln L at c = ln C/C0 (m,): grids, each finer than the last."""
        middle, reach = c / 2, 6.0
        for _ in range(4):
            x = middle[:, None] + np.linspace(-reach, reach, 241)
            loss = self.log_loss(x, c[:, None] - x)
            middle = x[np.arange(len(c)), loss.argmin(axis=1)]
            reach /= 60
        return middle, loss.min(axis=1)


def surface(theta, x, z):
    """E + A/N^α + B/D^β (Hoffmann et al. 2022)."""
    e, a, b, alpha, beta = theta
    return np.exp(e) + np.exp(a - np.exp(alpha) * x) + np.exp(b - np.exp(beta) * z)


def nested(theta, x, z):
    """Kaplan et al. 2020, equation 1.5, with a floor: the two terms are not additive."""
    e, a, b, alpha, beta = theta
    beta = np.exp(beta)
    return np.exp(e) + np.exp(beta * np.logaddexp(a - np.exp(alpha) / beta * x, b - z))


def _slower(value, start, width, keep):
    """The same up to ``start``, then growing at ``keep`` times the pace; smooth over ``width``."""
    return value - (1 - keep) * width * np.logaddexp(0.0, (value - start) / width)


def bend_inside(theta, x, z):
    """In the middle of the budgets tokens become worth less: their exponent falls to 0.7 of it."""
    return surface(theta, x, _slower(z, 0.0, 0.7, 0.7))


def bend_beyond(theta, x, z):
    """The same of compute from twice the largest budget on: nothing of it shows in the data."""
    c = x + z
    return surface(theta, x, z + _slower(c, LARGEST + np.log(2.0), 0.2, 0.7) - c)


def curved(theta, x, z):
    """The exponent of D falls with ln D: from 1.26 of its value to 0.74 within the budgets."""
    return surface(theta, x, z - 0.05 * z * z)


def warmed(theta, x, z):
    """Runs with few tokens are lifted, as by a warm-up that they have hardly left."""
    few = np.exp(-LARGEST / 2)  # about the tokens of the smallest budget's best run, in D0
    return surface(theta, x, z) + 0.25 * np.exp(-np.exp(z) / few)


def _theta(alpha, beta, share):
    """Logs of the five parameters; ``share`` is the floor's in the largest budget's best loss."""
    above = np.exp(-alpha * beta / (alpha + beta) * LARGEST)
    floor = share / (1 - share) * above
    size, data = beta / (alpha + beta), alpha / (alpha + beta)
    return np.log([floor, size, data, alpha, beta])


BENT = _theta(0.35, 0.30, 0.70)
TRUTHS = [
    Truth("surface .34/.28 E .60", surface, _theta(0.34, 0.28, 0.60)),
    Truth("surface .50/.25 E .75", surface, _theta(0.50, 0.25, 0.75)),
    Truth("surface .35/.37 E .83", surface, _theta(0.35, 0.37, 0.83)),
    Truth("surface .90/.55 E .93", surface, _theta(0.90, 0.55, 0.93)),
    Truth("bend inside", bend_inside, BENT),
    Truth("curved in ln D", curved, BENT),
    Truth("nested", nested, BENT),
    Truth("warm-up", warmed, BENT),
    Truth("bend beyond", bend_beyond, BENT, shows=False),
]
