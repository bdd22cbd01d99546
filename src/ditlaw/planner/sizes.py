"""The sizes and budgets that next runs are chosen from: those there, and on beyond them."""

import numpy as np

from ditlaw.laws.table import FloatArray

MOST_BUDGETS = 6  # beyond the largest
SAME = 0.02  # ln: rows of one budget or size differ by whole steps
STEP = 1.5  # between sizes or budgets, where there are too few to say


def onward(log_c: FloatArray, most: float) -> FloatArray:
    """Rising budgets ln C, and further ones at their own spacing up to ``most``."""
    known = distinct(log_c)
    step = float(np.median(np.diff(known))) if len(known) > 1 else float(np.log(STEP))
    beyond = known[-1] + step * np.arange(1, MOST_BUDGETS + 1)
    return np.concatenate([known, beyond[beyond <= most]])


def around(log_n: FloatArray, needed: tuple[float, float]) -> FloatArray:
    """Sizes ln N, and further ones at their own spacing as far as ``needed``, low and high."""
    known = distinct(log_n)
    step = float(np.median(np.diff(known))) if len(known) > 1 else float(np.log(STEP))
    below = np.arange(known[0] - step, needed[0] - step, -step)[::-1]
    above = np.arange(known[-1] + step, needed[1] + step, step)
    return np.concatenate([below, known, above])


def distinct(logs: FloatArray) -> FloatArray:
    """Values that differ, rising; what lies within rounding of the one before is the same."""
    found: list[float] = []
    for value in np.sort(logs):
        if not found or value - found[-1] > SAME:
            found.append(float(value))
    return np.array(found)


def nearest(logs: FloatArray, value: float) -> int:
    """The index of the value of ``logs`` that is nearest."""
    return int(np.abs(logs - value).argmin())
