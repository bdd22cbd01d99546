"""What ``ditlaw watch`` answers."""

from typing import Literal

from ditlaw.results.base import Note, Quantity, Result

__all__ = [
    "Course",
    "Left",
    "Look",
    "WatchResult",
]

Course = Literal["on course", "above", "below", "too early"]


class Look(Result):
    """One look at a run on its way: the mean of ``points`` logged points, told at the last one.

    ``forecast`` is the band; a share of 1 − level of runs that follow the law leaves it anywhere on
    their way.
    """

    flops: float
    points: int
    loss: float
    forecast: Quantity
    inside: bool


class Left(Result):
    """Where a run first left its band."""

    flops: float
    side: Literal["above", "below"]


class WatchResult(Result):
    """``ditlaw watch``: a run on its way beside its forecast.

    ``verdict`` is of the newest look; ``left`` is the first look outside, null where there is none.
    ``flops`` is where the run ends, ``seen`` where it is, ``from_flops`` from where the law says
    something of it. ``forecast`` is the loss at the end as before the run, ``projected`` given what
    has been seen (null before the first look). ``false_alarm`` is the chance that a run which
    follows the law leaves the band anywhere. ``over``: nothing more is to come.
    """

    source: str
    log: str
    metric: str
    params: float
    flops: float
    from_flops: float
    seen: float | None
    verdict: Course
    left: Left | None
    looks: list[Look]
    forecast: Quantity
    projected: Quantity | None
    false_alarm: float
    meaning: list[str]
    over: bool
    warnings: list[Note]
