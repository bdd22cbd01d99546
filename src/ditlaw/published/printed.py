"""Numbers as a paper prints them: the value, and what rounding to those digits hides."""

from dataclasses import dataclass
from decimal import Decimal
from itertools import product

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Printed:
    """A number as printed, as ``0.0009`` or ``2.2566e6``; trailing zeros count as digits."""

    text: str

    @property
    def value(self) -> float:
        """The number as it stands."""
        return float(self.text)

    @property
    def bounds(self) -> tuple[float, float]:
        """What prints alike: half a unit of the last digit to either side."""
        number = Decimal(self.text)
        half = Decimal((0, (5,), int(number.as_tuple().exponent) - 1))
        return float(number - half), float(number + half)

    def __str__(self) -> str:
        return self.text


def corners(*numbers: Printed) -> FloatArray:
    """The numbers as printed, then every corner of what prints alike: (2^k + 1, k).

    A function that is monotone in each number takes its extremes at corners, so they give the
    range that rounding alone allows.
    """
    exact = [tuple(number.value for number in numbers)]
    return np.array(exact + list(product(*(number.bounds for number in numbers))))
