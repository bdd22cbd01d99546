"""Cooldown branches: where a budget's branch leaves the trunk, and how its rate falls. No torch.

A trunk trains at a constant rate for all budgets. With ``recipe.cooldown`` each budget is reached
by a branch of its own: the last part of its steps at a falling rate, from the trunk's state.
Source: Hägele et al. 2405.18392, whose (1 − sqrt) form this is.
"""

import math
from typing import NamedTuple


class Branch(NamedTuple):
    """The steps after ``start``, to ``end``; none where the two are one step."""

    start: int
    end: int

    @property
    def steps(self) -> int:
        """How many they are."""
        return self.end - self.start

    def share(self, step: int) -> float:
        """The rate of the ``step``-th step of the run, as a share of the trunk's: from 1 down.

        Not quite to 0: the last step still moves the weights.
        """
        return 1 - math.sqrt((step - 1 - self.start) / self.steps)


def branch_to(step: int, fraction: float) -> Branch:
    """The branch that ends at a step and has that fraction of all steps to there, rounded up."""
    # 0.07 · 100 is a little over 7 in binary, and is to be 7.
    return Branch(step - math.ceil(round(fraction * step, 6)), step)
