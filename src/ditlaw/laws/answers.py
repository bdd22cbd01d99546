"""What a law answers: the optimum of a budget, curves over budgets, and isoFLOP curves to plot."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from ditlaw.laws.ensemble import Band
from ditlaw.laws.table import BoolArray, FloatArray
from ditlaw.results import Note, Quantity, SizeRange

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Optimum:
    """The best use of a budget. ``loss`` is one new run's; ``law_low``, ``law_high`` the law's."""

    flops: float
    beyond: float
    params: Quantity
    tokens: Quantity
    loss: Quantity
    law_low: float
    law_high: float
    near_optimal_params: SizeRange | None
    warnings: list[Note]
    metrics: dict[str, Quantity] = field(default_factory=dict)
    formulas: dict[str, str] = field(default_factory=dict)  # empty: a mixture is no one formula
    basis: Literal["fit", "published"] = "fit"

    def __str__(self) -> str:
        from ditlaw.display import optimum_text

        return optimum_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from ditlaw.display import optimum_html

        return optimum_html(self)


@dataclass(frozen=True)
class Curve:
    """Laws over a grid of FLOPs (m,), for bands and lines; ``run`` is the loss of one new run.

    ``loss_forms`` and ``params_forms`` are the estimates of each form alone, excluded ones too.
    """

    flops: FloatArray
    params: Band
    tokens: Band
    loss: Band
    run: Band
    loss_forms: dict[str, FloatArray]
    params_forms: dict[str, FloatArray]

    def to_frame(self) -> "pd.DataFrame":
        """A row a budget: flops, then params, tokens, loss and run, each with _low and _high."""
        import pandas as pd

        columns = {"flops": self.flops}
        for name in ("params", "tokens", "loss", "run"):
            band: Band = getattr(self, name)
            columns |= {name: band.value, f"{name}_low": band.low, f"{name}_high": band.high}
        return pd.DataFrame(columns)


@dataclass(frozen=True)
class IsoflopCurve:
    """One budget for a plot: its runs, which of them the parabola used, and its minimum.

    The laws go through minima whose curvature is drawn towards that of the other budgets, so a
    fit's ``budgets`` may differ a little from ``params_opt`` and ``loss_opt``.
    ln loss = a + b·u + c·u² with u = ln(params) − centre; ``window`` is [low, high] of params.
    """

    budget: float
    flops: float
    status: str
    params: FloatArray
    losses: FloatArray
    used: BoolArray
    centre: float
    coefficients: tuple[float, float, float] | None
    window: tuple[float, float]
    params_opt: float | None
    loss_opt: float | None

    def loss(self, params: FloatArray) -> FloatArray:
        """The parabola at those sizes."""
        if self.coefficients is None:
            return np.full_like(params, np.nan)
        a, b, c = self.coefficients
        u = np.log(params) - self.centre
        return np.exp(a + b * u + c * u * u)
