"""A law form: y = k·(1 + ln C − mean ln C)^p, a power of the logarithm, for laws that flatten.

A ``Curve`` gives ln y of many parameter vectors at once, with where to look and where to begin;
a ``Form`` names its columns and turns those vectors into the parameters that are printed.
"""

import numpy as np

from ditlaw.equations import CATALOGUE, Form
from ditlaw.equations.catalogue import Entry


class LogPower:
    """Ln y = a − p·ln(9 + u), u the centred ln C; 9 e-folds below the mean it has no value."""

    parameters = 2
    reach = 9.0

    def value(self, theta, x):
        return theta[:, :1] - theta[:, 1:] * np.log(np.maximum(self.reach + x[0], 1e-3))

    def bounds(self, x, y):
        return np.array([-50.0, -50.0]), np.array([50.0, 50.0])

    def starts(self, x, y):
        slope, height = np.polyfit(np.log(np.maximum(self.reach + x[0], 1e-3)), y, 1)
        return np.array([[height, -slope]])


def log_power(x):
    """What the catalogue calls with ``--x``, here always None: it has its own column."""
    return Form(
        name="log-power",
        purpose="a power of the logarithm of compute",
        template="{y} = {k}·(9 + ln({x}/{x0}))^(−{p})",
        columns=("flops",),
        curve=LogPower(),
        natural=lambda theta, centre: {
            "k": np.exp(theta[:, 0]),
            "x0": np.full(len(theta), np.exp(centre[0])),
            "p": theta[:, 1],
        },
        source="this example",
    )


CATALOGUE["log-power"] = Entry(log_power)
