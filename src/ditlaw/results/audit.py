"""What ``ditlaw audit`` answers: is a law defensible, and what would mend it."""

from typing import Literal

from ditlaw.results.base import Check, Note, Quantity, Result
from ditlaw.results.laws import Backtest

__all__ = [
    "AuditCheck",
    "AuditResult",
    "Refit",
]

AuditGroup = Literal["form and fit", "training", "points", "budgets", "held out", "refits"]


class AuditCheck(Check):
    """One item of the audit; ``mend`` is what would make it hold, null where it does."""

    group: AuditGroup
    mend: str | None


class Refit(Result):
    """The law fitted in another way: exponent of N*, and size and loss at the audit's target.

    ``loss`` has the law's own interval, not that of one run. ``loss_error`` and ``params_error``
    are the root mean squares of its own forecasts of held-out budgets, null without any.
    """

    name: str
    exponent: float
    params: Quantity
    loss: Quantity
    loss_error: float | None
    params_error: float | None


class AuditResult(Result):
    """``ditlaw audit``: a law's checklist, refits and held-out budgets, and a verdict.

    ``reach`` is the largest distance at which the loss is defensible, ``params_reach`` the same of
    the best size: FLOPs ÷ the largest fitted ones, null where there is none. ``target`` is the
    budget that the refits are compared at, in FLOPs.
    """

    source: str
    metric: str
    verdict: str
    reach: float | None
    params_reach: float | None
    target: float
    level: float
    checks: list[AuditCheck]
    refits: list[Refit]
    backtests: list[Backtest]
    warnings: list[Note]
