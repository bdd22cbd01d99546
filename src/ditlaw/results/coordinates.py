"""What ``ditlaw coordinates`` answers."""

from typing import Literal

from ditlaw.results.base import Result

__all__ = [
    "CoordinateCheck",
    "CoordinatesResult",
    "PartMoves",
    "StepMove",
]

Trend = Literal["flat", "grows", "shrinks", "still"]


class StepMove(Result):
    """How far a part has moved after a step, at every width, as the geometric mean of the seeds.

    ``slope`` is d ln(move)/d ln(width), the mean of the seeds' own, ``spread`` its standard error;
    null where a move is zero or not finite, the spread also where there is one seed.
    """

    step: int
    values: list[float | None]
    slope: float | None
    spread: float | None


class PartMoves(Result):
    """One part: its output's change (``moved``), and the share of its own updates (``own``)."""

    part: str
    trend: Trend
    moved: list[StepMove]
    own: list[StepMove]


class CoordinateCheck(Result):
    """A family in one parametrization. ``trend`` is flat only where no part grows or shrinks."""

    family: str
    parametrization: str
    depth: int
    single_depth: int
    head_size: int
    learning_rates: list[float]
    trend: Trend
    parts: list[PartMoves]


class CoordinatesResult(Result):
    """``ditlaw coordinates``; a slope within ± ``tolerance`` is flat."""

    study: str
    inputs: str
    batch: int
    seeds: list[int]
    steps: int
    widths: list[int]
    tolerance: float
    checks: list[CoordinateCheck]
