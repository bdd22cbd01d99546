"""What ``ditlaw shapes`` answers: depth and width beside N, and other axes at fixed FLOPs."""

from typing import Literal

from ditlaw.results.base import Note, Quantity, Result
from ditlaw.results.laws import PowerLaw, Rows

__all__ = [
    "AxisBudget",
    "AxisValue",
    "NestedFit",
    "RatioRange",
    "ShapeAxis",
    "ShapeBudget",
    "ShapeLaw",
    "ShapesResult",
    "TriedRatio",
]

Standing = Literal["within", "worse", "undecided"]


class NestedFit(Result):
    """One of two nested laws on the same rows. Errors are relative, of one row's loss.

    ``residual_sd`` is for its degrees of freedom; ``left_out_error`` is the rms error on shapes
    that were left out of the fit, null where none could be. ``aicc`` compares only the two.
    """

    parameters: int
    residual_sd: float
    left_out_error: float | None
    aicc: float


class RatioRange(Result):
    """Ratios width/depth whose loss is within the tolerance of the best one.

    An end that lies at the edge of the ratios that were run is only known to reach that far:
    ``low_at_edge`` and ``high_at_edge`` say so, and its outer bound is null.
    """

    low: Quantity
    high: Quantity
    low_at_edge: bool
    high_at_edge: bool


class TriedRatio(Result):
    """A ratio that was run: its regret by the law, the best size being taken at each ratio."""

    ratio: float
    runs: int
    regret: Quantity
    standing: Standing


class ShapeBudget(Result):
    """What the law of shapes says at one budget.

    ``best_ratio`` is width/depth, between the ratios that were run (``tried_range``); where it is
    one of those ends, ``inside`` is false and its outer bound null. The best params are null
    where the best size lies outside those that were run, depth and width also where a bound of the
    ratio is.
    """

    flops: float
    runs: int
    tried_range: tuple[float, float]
    best_ratio: Quantity
    inside: bool
    within: RatioRange
    best_params: Quantity | None
    best_depth: Quantity | None
    best_width: Quantity | None
    tried: list[TriedRatio]


class ShapeLaw(Result):
    """ln loss as a valley in ln N and ln(width/depth), beside the same without the ratio.

    ``says_more`` is whether the ratio says more than N alone: the F test (``p_value`` < 0.05) and
    the error on left-out shapes, which must agree; null where they do not. ``leans`` tells that the
    valley is steeper on one side of the best ratio, ``interplay`` that
    the best ratio depends on the size within a budget. The laws in C are null where the rows allow
    none.
    """

    runs: int
    shapes: int
    size_only: NestedFit
    with_shape: NestedFit
    p_value: float
    says_more: bool | None
    leans: bool
    interplay: bool
    ratio: PowerLaw | None
    params: PowerLaw | None
    depth: PowerLaw | None
    width: PowerLaw | None
    budgets: list[ShapeBudget]
    text: str


class AxisValue(Result):
    """One value of an axis at one budget; ``difference`` is its loss above the best value's.

    ``loss`` is at the best size, or the mean over the matched shapes.
    """

    value: str
    runs: int
    loss: float
    difference: Quantity
    standing: Standing


class AxisBudget(Result):
    """The values of an axis at one budget, the best one first.

    ``basis`` is ``best size`` (each value's own minimum over sizes) or ``matched`` (runs that
    differ in nothing else, of as many ``shapes``).
    """

    flops: float
    basis: Literal["best size", "matched"]
    shapes: int
    values: list[AxisValue]


class ShapeAxis(Result):
    """One axis beside depth and width, at each budget where it varies."""

    axis: str
    budgets: list[AxisBudget]
    text: str


class ShapesResult(Result):
    """``ditlaw shapes``: what depth, width and other axes are worth at fixed FLOPs.

    ``run_noise`` is one run's relative scatter at the largest budget, from ``replicates`` (seeds)
    or ``residuals``. ``law`` is null where the rows allow none, and ``reason`` says why.
    """

    source: str
    metric: str
    level: float
    tolerance: float
    rows: Rows
    run_noise: float
    noise_from: Literal["replicates", "residuals"]
    law: ShapeLaw | None
    reason: str | None
    axes: list[ShapeAxis]
    warnings: list[Note]
