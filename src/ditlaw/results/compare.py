"""What ``ditlaw compare`` and ``ditlaw laws`` answer."""

from typing import Any, Literal

from ditlaw.results.base import Check, Note, Quantity, Result, flat

__all__ = [
    "AtEqualTime",
    "CompareResult",
    "CrossingAtEqualTime",
    "LawsResult",
    "Pair",
    "PublishedEntry",
    "RefusedLaw",
    "Target",
    "Verdict",
    "verdict_of",
]

Verdict = Literal["a", "b", "undecided"]


class AtEqualTime(Result):
    """Two laws after ``seconds``: the time in which a spends ``a_flops`` at its best size.

    ``b_flops`` are what b spends in it, at its own best size and measured speed; ``a`` and ``b``
    the values then, ``difference`` b − a.
    """

    seconds: float
    a_flops: float
    b_flops: float
    a: float
    b: float
    difference: Quantity
    verdict: Verdict


class CrossingAtEqualTime(Result):
    """The device time after which two laws are equal, and what each has spent by then."""

    seconds: Quantity
    a_flops: float
    b_flops: float


class Target(Result):
    """Two laws at one budget. ``a`` and ``b`` are the laws' own values, ``difference`` is b − a.

    ``compute_ratio`` is b's FLOPs ÷ a's for the loss that a reaches here; null if b does not within
    1,000 times the data and the targets. ``at_equal_time`` is null unless both laws' rows were
    timed, on one device.
    """

    flops: float
    a: float
    b: float
    difference: Quantity
    compute_ratio: Quantity | None
    verdict: Verdict
    at_equal_time: AtEqualTime | None = None


class Pair(Result):
    """Two laws. ``crossing`` is the budget at which they are equal, null where they are not.

    ``crossing_beyond`` says on which side of both fitted ranges it lies; null inside one of them,
    or where a range is not known.

    ``exponent_difference`` is b − a of −d ln L / d ln C at the largest target. ``device`` is what
    the rows were timed on, null where they do not say.
    """

    a_name: str
    b_name: str
    at: list[Target]
    crossing: Quantity | None
    exponent_difference: Quantity
    crossing_at_equal_time: CrossingAtEqualTime | None = None
    device: str | None = None
    crossing_beyond: Literal["below", "above"] | None = None


def verdict_of(difference: Quantity) -> Verdict:
    """Which is better, where the interval of b − a leaves out 0: smaller values are better."""
    assert difference.low is not None
    assert difference.high is not None
    if difference.high < 0:
        return "b"
    return "a" if difference.low > 0 else "undecided"


class RefusedLaw(Result):
    """A group that no law could be fitted to, and why."""

    name: str
    reason: str


class CompareResult(Result):
    """``ditlaw compare``: which is better where, for every pair, and how fair that is."""

    metric: str
    pairs: list[Pair]
    refused: list[RefusedLaw]
    checklist: list[Check] = []
    warnings: list[Note]

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {"a_name": pair.a_name, "b_name": pair.b_name} | flat(target)
            for pair in self.pairs
            for target in pair.at
        ]


class PublishedEntry(Result):
    """One published law. ``range`` is of the fitted FLOPs; null where it is not known.

    ``unscaled`` holds what was printed without a coefficient or a unit, and so answers nothing.
    """

    name: str
    source: str
    year: int
    arxiv: str
    range: tuple[float, float] | None
    flops_as: str
    units: str
    data: str
    read: str
    formulas: dict[str, str]
    unscaled: dict[str, str]
    extractors: dict[str, str]
    unknown: list[str]
    remarks: list[str]


class LawsResult(Result):
    """``ditlaw laws``: the published laws."""

    laws: list[PublishedEntry]
    warning: str
