"""When an adaptive study stops, and what a round of it may take.

A study that stops the first time its interval is narrow enough stops where the interval happens to
be too narrow. How often the last interval then holds the truth is in ``docs/adaptive.md``.
"""

from collections.abc import Sequence

IN_A_ROW = 2  # successive intervals that must all be narrow enough
SHARE = 1 / 3  # of what was spent, or of what is left: what the next round takes
REST = 0.1  # of the whole spend: as little is left to the last round at once


def is_reached(intervals: Sequence[float], until: float | None) -> bool:
    """Whether the intervals so far, the newest last, are as narrow as was asked."""
    last = intervals[-IN_A_ROW:]
    return until is not None and len(last) == IN_A_ROW and max(last) <= until


def allowances(spent: float, spend: float) -> list[float]:
    """FLOPs that a round may take of ``spend``; the next where nothing is to be had for the first.

    None where all is spent.
    """
    left = spend - spent
    if left <= 0:
        return []
    return [left] if left <= REST * spend else [SHARE * min(spent, left), left]
