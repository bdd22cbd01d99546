"""When an adaptive study stops, and what a round of it may take.

A study that stops when its interval is narrow enough stops more readily where the interval happens
to be too narrow. What that costs, and what to ask for it twice in a row would, is in
``docs/adaptive.md``.
"""

SHARE = 1 / 3  # of what was spent, or of what is left: what the next round takes
REST = 0.1  # of the whole spend: as little is left to the last round at once


def is_reached(interval: float, until: float | None) -> bool:
    """Whether an interval is as narrow as was asked."""
    return until is not None and interval <= until


def allowances(spent: float, spend: float) -> list[float]:
    """FLOPs that a round may take of ``spend``; the next where nothing is to be had for the first.

    None where all is spent.
    """
    left = spend - spent
    if left <= 0:
        return []
    return [left] if left <= REST * spend else [SHARE * min(spent, left), left]
