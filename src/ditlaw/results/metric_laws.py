"""What ``ditlaw metrics`` answers: the metrics of a table beside its loss."""

from typing import Literal

from ditlaw.results.base import Note, Quantity, Result

__all__ = [
    "MetricLaw",
    "MetricsResult",
    "Offset",
    "RankCorrelation",
    "SettingsVerdict",
]


class Offset(Result):
    """A column minus the one it is set beside (``beside``), both in one unit, at the best sizes.

    ``change`` is ``at_largest`` − ``at_smallest``, of the fitted budgets; ``constant`` says whether
    its interval holds 0.
    """

    beside: str
    at_smallest: Quantity
    at_largest: Quantity
    change: Quantity
    constant: bool


class RankCorrelation(Result):
    """Spearman's correlation of the loss with a metric over ``rows``.

    ``within_budgets`` compares runs of one budget only; null where fewer than three rows share one.
    """

    rows: int
    overall: Quantity
    within_budgets: Quantity | None


class MetricLaw(Result):
    """One metric of a table: its own law, and how it stands to the loss.

    ``basis`` is ``law`` (its best over sizes at each budget, as ``ditlaw fit --metric``),
    ``equation`` (a power law through the run of least loss at each budget, where rows are too few
    for that) or null; ``reason`` says why it is not ``law``. ``exponent`` is −d ln metric / d ln C
    over ``range``, the fitted FLOPs. ``exponent_difference`` is the metric's minus the loss's, both
    at the loss's best sizes and paired run by run; ``parallel`` says whether its interval holds 0.
    """

    name: str
    rows: int
    basis: Literal["law", "equation"] | None
    equation: str | None
    range: tuple[float, float] | None
    exponent: Quantity | None
    at_largest: Quantity | None
    best_params: Quantity | None
    reason: str | None
    exponent_difference: Quantity | None = None
    parallel: bool | None = None
    offset: Offset | None = None
    rank: RankCorrelation | None = None


class SettingsVerdict(Result):
    """Whether a metric's exponent is the same whatever it was drawn with.

    ``differences`` are each setting's exponent minus that of the best over all settings, at a level
    that all hold together; ``agree`` says whether all hold 0, null where none could be told.
    """

    metric: str
    differences: dict[str, Quantity]
    agree: bool | None
    text: str


class MetricsResult(Result):
    """``ditlaw metrics``: a law for each metric of a table, and how it stands to the loss."""

    source: str
    level: float
    metrics: list[MetricLaw]
    settings: list[SettingsVerdict]
    warnings: list[Note]
