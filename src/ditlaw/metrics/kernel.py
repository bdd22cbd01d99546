"""The kernel distance of two sets of features: squared MMD, unbiased, with its standard error.

With the kernel (x·y/d + 1)³ it is the KID (Bińkowski et al. 2018). Its expectation does not depend
on how many samples there are, unlike the Fréchet distance's; it may be negative.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ditlaw.data.order import Floats
from ditlaw.errors import BadInput

BLOCK = 2048  # rows of the kernel matrix that are held at once, and columns
FEWEST = 3  # samples of each set: one is left out at a time, and the rest still need a pair


@dataclass(frozen=True)
class Mmd:
    """The squared MMD and its standard error over draws of both sets."""

    value: float
    standard_error: float


def mmd2(x: NDArray[Any], y: NDArray[Any], within_y: Floats | None = None) -> Mmd:
    """The U-statistic of features x (m, d) and y (n, d).

    ``within_y`` is ``within(y)``, where a set is compared with many others.

    The standard error is a jackknife over both sets (Arvesen 1969). Where the two distributions are
    one the statistic is degenerate, and the error then comes out √2 too large, never too small.

    Raises:
        BadInput: too few samples, or features of different widths.
    """
    if min(len(x), len(y)) < FEWEST:
        raise BadInput(f"samples: {min(len(x), len(y))} are too few for kid; use at least {FEWEST}")
    if x.shape[1] != y.shape[1]:
        raise BadInput(
            f"features: {x.shape[1]} and {y.shape[1]} wide; compare those of one extractor"
        )
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    m, n = len(x), len(y)
    of_x = within(x)
    of_y = within(y) if within_y is None else within_y
    x_to_y, y_to_x = _between(x, y)  # each sample's sum over the other set
    xx, yy, xy = of_x.sum(), of_y.sum(), x_to_y.sum()
    value = xx / (m * (m - 1)) + yy / (n * (n - 1)) - 2 * xy / (m * n)
    without_x = (
        (xx - 2 * of_x) / ((m - 1) * (m - 2))
        + yy / (n * (n - 1))
        - 2 * (xy - x_to_y) / ((m - 1) * n)
    )
    without_y = (
        xx / (m * (m - 1))
        + (yy - 2 * of_y) / ((n - 1) * (n - 2))
        - 2 * (xy - y_to_x) / (m * (n - 1))
    )
    variance = sum((len(part) - 1) * float(np.var(part)) for part in (without_x, without_y))
    return Mmd(float(value), float(np.sqrt(variance)))


def within(x: NDArray[Any]) -> Floats:
    """Each sample's sum over the others of its own set, (m,); every pair is computed once."""
    x, sums = np.asarray(x, np.float64), np.zeros(len(x))
    for i in range(0, len(x), BLOCK):
        block = _kernel(x[i : i + BLOCK], x[i : i + BLOCK])
        np.fill_diagonal(block, 0)
        sums[i : i + BLOCK] += block.sum(axis=1)
        for j in range(i + BLOCK, len(x), BLOCK):
            block = _kernel(x[i : i + BLOCK], x[j : j + BLOCK])
            sums[i : i + BLOCK] += block.sum(axis=1)
            sums[j : j + BLOCK] += block.sum(axis=0)
    return sums


def _kernel(x: Floats, y: Floats) -> Floats:
    kernel: Floats = (x @ y.T / x.shape[1] + 1) ** 3
    return kernel


def _between(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Sums of the kernel over each row (m,) and each column (n,), a block at a time."""
    rows, columns = np.zeros(len(x)), np.zeros(len(y))
    for i in range(0, len(x), BLOCK):
        for j in range(0, len(y), BLOCK):
            block = _kernel(x[i : i + BLOCK], y[j : j + BLOCK])
            rows[i : i + BLOCK] += block.sum(axis=1)
            columns[j : j + BLOCK] += block.sum(axis=0)
    return rows, columns
