"""What ``ditlaw fit`` answers: all laws of a table, or one equation."""

from typing import Any

from ditlaw.results.base import Dropped, Note, Quantity, Result, flat

__all__ = [
    "Backtest",
    "BudgetOptimum",
    "DataRange",
    "FitResult",
    "FormEvidence",
    "FormResult",
    "LossLaw",
    "PowerLaw",
    "Rows",
    "RunNoise",
    "SurfaceLaw",
]


class Rows(Result):
    """How many rows a fit used and which it left out."""

    used: int
    dropped: list[Dropped]


class DataRange(Result):
    """[low, high] of the rows that were fitted."""

    flops: tuple[float, float]
    params: tuple[float, float]
    tokens: tuple[float, float]


class PowerLaw(Result):
    """y = coefficient · C^exponent."""

    coefficient: Quantity
    exponent: Quantity


class LossLaw(Result):
    """L = floor + coefficient · C^(−exponent); ``exponent`` is positive."""

    floor: Quantity
    coefficient: Quantity
    exponent: Quantity


class BudgetOptimum(Result):
    """The minimum of one isoFLOP curve. ``status`` is ok, or why it is not used in the lines."""

    flops: float
    gpu_hours: float
    status: str
    points: int
    params_opt: Quantity | None
    tokens_opt: Quantity | None
    images_opt: Quantity | None
    loss_opt: Quantity | None


class SurfaceLaw(Result):
    """L = E + A/N^alpha + B/D^beta, N in params, D in tokens."""

    E: Quantity
    A: Quantity
    B: Quantity
    alpha: Quantity
    beta: Quantity


class Backtest(Result):
    """A forecast of a held-out budget from the smaller ones. ``beyond`` = its FLOPs ÷ theirs."""

    held_out: float
    beyond: float
    params_error: float
    loss_error: float
    params_covered: bool
    loss_covered: bool


class FormEvidence(Result):
    """How one form did in the backtests and how much the forecast listens to it.

    ``failed_refits`` did not converge and were left out of its intervals.
    """

    form: str
    loss_error: float | None
    loss_weight: float
    params_error: float | None
    params_weight: float
    failed_refits: int


class RunNoise(Result):
    """How far one run scatters: the relative ``sd`` of its metric at the largest budget.

    Pooled over ``replicated`` sizes and budgets that have several seeds, or over the residuals of
    the fit where seeds say too little (``source``). ``shared`` is the share of the variance that
    the rows of one run have in common.
    """

    sd: Quantity
    sd_smallest_budget: float
    source: str
    replicated: int
    shared: float


class FitResult(Result):
    """``ditlaw fit``: the laws of one table. Every ``loss`` is of the column ``metric``.

    ``loss`` is one law through all budgets' minima. ``one_law`` is how far it is believed, from 0
    to 1: its share in what the isoFLOP form forecasts, the rest being what the latest budgets say.
    Null where no form is made so (``joint``, ``surface``); there ``loss`` is what is forecast.
    """

    source: str
    metric: str = "loss"
    method: str
    flops_as: str
    level: float
    gpu: str
    mfu: float
    rows: Rows
    range: DataRange
    params: PowerLaw
    tokens: PowerLaw
    loss: LossLaw
    loss_without_floor: PowerLaw
    one_law: float | None
    budgets: list[BudgetOptimum]
    surface: SurfaceLaw | None
    evidence: list[FormEvidence]
    run_noise: float
    noise: RunNoise
    backtest: list[Backtest]
    tested_beyond: float | None
    warnings: list[Note]

    def _rows(self) -> list[dict[str, Any]]:
        return [flat(budget) for budget in self.budgets]


class FormResult(Result):
    """``ditlaw fit --form NAME``: one equation of the literature, fitted by itself.

    ``residual_sd`` and ``run_noise`` are relative, or in log odds for a score between 0 and 1.
    """

    source: str
    form: str
    target: str
    formula: str
    equation: str
    reference: str
    level: float
    rows: Rows
    range: dict[str, tuple[float, float]]
    parameters: dict[str, Quantity]
    residual_sd: float
    run_noise: float
    failed_refits: int
    warnings: list[Note]
