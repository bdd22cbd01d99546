"""What an adaptive study added to its grid, round by round, and why it stopped."""

from typing import Literal

from ditlaw.results.base import Result

__all__ = [
    "AdaptiveStudy",
    "AddedRun",
    "Stopped",
    "StudyRound",
]

# The interval was reached; the spend is used up; more runs would not help; no run can be paid with
# what is left; a limit that the study states forbids the next round.
Stopped = Literal["interval", "spend", "no-help", "unaffordable", "limit"]


class AddedRun(Result):
    """A run that a round added, or trained on: its new budgets and the FLOPs that they take."""

    id: str
    params: int
    budgets: list[float]
    flops: float
    trained_on: bool


class StudyRound(Result):
    """One round: ``interval`` was known before it, ``expected`` is what was hoped for of it.

    ``after`` is the interval that came of it; null while its runs are not done. Intervals are
    relative half-widths of the loss of one new run at the target.
    """

    number: int
    interval: float
    expected: float
    after: float | None
    flops: float
    reason: str
    runs: list[AddedRun]


class AdaptiveStudy(Result):
    """An adaptive study so far: what was asked, what it took, and why it stopped if it did.

    ``spend`` is the most FLOPs that the whole study may take, ``spent`` what its runs took before
    the last round or, where it stopped, in all. ``verdict`` is null while it goes on.
    """

    target: float
    until: float | None
    spend: float
    spent: float
    interval: float
    verdict: Stopped | None
    reason: str
    rounds: list[StudyRound]
