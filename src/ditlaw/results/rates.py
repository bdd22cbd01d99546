"""What ``ditlaw rates`` answers: how good each setting of the optimiser is, size by size."""

from typing import Literal

from ditlaw.results.base import Note, Quantity, Result
from ditlaw.results.laws import RunNoise

__all__ = [
    "FlaggedRow",
    "RatesResult",
    "SensitivityTrend",
    "SettingAdvice",
    "SettingCell",
    "SettingGroup",
    "SettingPower",
    "SettingRule",
    "Transfer",
]


class SettingCell(Result):
    """One shape at one budget, with what was tried there.

    ``status`` is ``inside`` (lower and higher settings are worse), ``edge`` (the best is the lowest
    or highest), ``cliff`` (the best is the highest that trained, a higher one diverged) or ``too
    few`` (fewer than three trained). ``optimum`` and ``curvature`` (of ln loss in the squared ln of
    the setting) are null unless inside. ``loss`` is at the optimum, or at the best tried. ``near``
    is the range that gives away ``tolerance`` at most; an end is null where it goes on to the last
    setting tried. ``sensitivity`` is the mean of min(loss, loss at initialisation) over the
    settings tried, minus the best loss, over ``sensitivity_range``.
    """

    params: float
    tokens: float
    flops: float
    depth: float | None
    width: float | None
    tried: list[float]
    diverged: list[float]
    status: Literal["inside", "edge", "cliff", "too few"]
    best_tried: float
    optimum: Quantity | None
    loss: Quantity
    curvature: float | None
    near: tuple[float | None, float | None]
    sensitivity: Quantity | None
    sensitivity_range: tuple[float, float] | None


class SensitivityTrend(Result):
    """How the sensitivity changes with ten times the params, at one budget over common settings."""

    change_per_decade: Quantity
    range: tuple[float, float]
    flops: float
    sizes: int


class SettingPower(Result):
    """setting = coefficient·N^params_exponent·D^tokens_exponent through the optima inside.

    An exponent is null where the design does not determine it; ``note`` says why. ``scatter`` is
    the optima's deviation about the law beyond their own errors, in ln of the setting.
    """

    coefficient: Quantity
    params_exponent: Quantity | None
    tokens_exponent: Quantity | None
    scatter: float
    cells: int
    params_range: tuple[float, float]
    tokens_range: tuple[float, float]
    note: str | None


class Transfer(Result):
    """By what factor the best setting moves from the smallest swept size to the largest.

    ``over`` is how much wider the largest is (``of`` is "width", where all have one depth), or how
    many times the params it has.
    ``at_fixed_tokens`` says whether the law tells params from tokens.
    """

    factor: Quantity
    over: float
    of: Literal["width", "params"]
    at_fixed_tokens: bool


class SettingRule(Result):
    """The law of compute that a rule for choosing the setting would have given.

    ``exponent`` is that of N*, ``params`` and ``loss`` are N* and its loss at the largest budget.
    ``cells`` of ``of_cells`` swept sizes and budgets have a run under that rule. ``reason`` says
    why numbers are missing, or which cells are.
    """

    rule: Literal["constant", "best constant", "power law", "best of each", "transferred"]
    setting: float | None
    cells: int
    of_cells: int
    exponent: Quantity | None
    params: Quantity | None
    loss: Quantity | None
    reason: str | None


class SettingAdvice(Result):
    """Which setting to use at ``flops``, the largest swept budget, for ``params``.

    ``params`` is N* under the rule 'best of each' there (``at_best_size``), or the size of least
    loss. ``setting`` is what the law gives (``by`` is "law"), or without one that size's own
    optimum or best tried ("size").
    """

    flops: float
    params: float
    tokens: float
    at_best_size: bool
    setting: Quantity
    by: Literal["law", "size"]


class SettingGroup(Result):
    """The rows of one family and parametrization; either is null where the table has no column.

    ``rules_at`` is the largest swept budget, in FLOPs. ``advice`` is null where nothing was swept.
    """

    family: str | None
    parametrization: str | None
    rows: int
    unswept_cells: int
    run_noise: RunNoise | None
    cells: list[SettingCell]
    sensitivity_trend: SensitivityTrend | None
    law: SettingPower | None
    no_law: str | None
    transfer: Transfer | None
    rules_at: float | None
    rules: list[SettingRule]
    advice: SettingAdvice | None = None


class FlaggedRow(Result):
    """A row whose setting gives away more than the tolerance.

    ``excess`` is a fraction of the loss at ``best``: measured in a swept cell, or predicted from
    the law of the best setting. ``beyond_noise`` says whether it is above the tolerance
    by more than luck among the settings of a cell explains; null where run noise is not known.
    ``budget`` is the row's own, or its FLOPs where it has none.
    """

    row: int
    run: str
    setting: float
    best: float
    excess: float
    beyond_noise: bool | None
    how: Literal["measured", "predicted"]
    budget: float | None = None


class RatesResult(Result):
    """``ditlaw rates``: the best setting of each size and budget, its law, and what follows."""

    source: str
    setting: Literal["learning_rate", "batch"]
    tolerance: float
    level: float
    groups: list[SettingGroup]
    flagged: list[FlaggedRow]
    warnings: list[Note]
