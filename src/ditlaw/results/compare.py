"""What ``ditlaw compare`` and ``ditlaw laws`` answer."""

from typing import Literal

from ditlaw.results.base import Note, Quantity, Result

Verdict = Literal["a", "b", "undecided"]


class Target(Result):
    """Two laws at one budget. ``a`` and ``b`` are the laws' own values, ``difference`` is b − a.

    ``compute_ratio`` is b's FLOPs ÷ a's for the loss that a reaches here; null if b does not within
    1,000 times the data and the targets.
    """

    flops: float
    a: float
    b: float
    difference: Quantity
    compute_ratio: Quantity | None
    verdict: Verdict


class Pair(Result):
    """Two laws. ``crossing`` is the budget at which they are equal, null where they are not.

    ``exponent_difference`` is b − a of −d ln L / d ln C at the largest target.
    """

    a_name: str
    b_name: str
    at: list[Target]
    crossing: Quantity | None
    exponent_difference: Quantity


class RefusedLaw(Result):
    """A group that no law could be fitted to, and why."""

    name: str
    reason: str


class CompareResult(Result):
    """``ditlaw compare``: which is better where, for every pair."""

    metric: str
    pairs: list[Pair]
    refused: list[RefusedLaw]
    warnings: list[Note]


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
