"""What ``ditlaw time`` answers."""

from ditlaw.results.base import Note, Result

__all__ = [
    "TimeResult",
    "TimedModel",
]


class TimedModel(Result):
    """Seconds of one training step: the median over rounds of a block of steps, and quartiles.

    ``flops_per_second`` are the exact training FLOPs of a step over those seconds.
    """

    device: str
    family: str
    depth: int
    width: int
    heads: int
    single_depth: int
    params: int
    batch: int
    precision: str
    dataset: str
    seconds: float
    low: float
    high: float
    rounds: int
    steps: int
    flops_per_second: float


class TimeResult(Result):
    """``ditlaw time``: every timed model of a study; ``measured`` counts those of this command."""

    study: str
    file: str
    measured: int
    models: list[TimedModel]
    warnings: list[Note]
