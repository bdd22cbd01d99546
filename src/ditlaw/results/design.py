"""What ``ditlaw plan`` says of the fit that is to come."""

from ditlaw.results.base import Result

__all__ = [
    "ErrorQuantiles",
    "ExpectedInterval",
    "Halving",
]


class ErrorQuantiles(Result):
    """How far forecasts lay from the truth, as fractions: the median and the 90th percentile."""

    median: float
    ninetieth: float


class Halving(Result):
    """How many more budgets, or seeds, would halve the loss interval at the target.

    ``number`` are those to add, null where none that was tried would; ``tried`` is the most that
    was. ``flops`` is what ``number``, else ``tried``, costs beside the plan, and ``half_width``
    what it leaves.
    """

    number: int | None
    tried: int
    flops: float
    half_width: float


class ExpectedInterval(Result):
    """What a plan's fit can be expected to say at ``flops``, by simulated studies.

    ``loss_half_width`` is of the interval of one new run, relative; ``params_half_width`` is the
    factor of N* less 1; both are medians, null where fewer than half of the studies could be
    fitted. ``loss_error`` and ``params_error`` are of the estimates themselves, ``held`` the share
    of truths in the law's own interval. ``usable_budgets`` is the median number of budgets whose
    minimum can be used, ``noise`` the relative sd of one run that was simulated. ``more_budgets``
    and ``more_seeds`` are null where none can be added, or where nothing is expected; seeds are
    those to add to each of the plan's.
    """

    flops: float
    beyond: float
    level: float
    loss_half_width: float | None
    params_half_width: float | None
    loss_error: ErrorQuantiles | None
    params_error: ErrorQuantiles | None
    held: float | None
    usable_budgets: float | None
    simulated: int
    refused: int
    more_budgets: Halving | None
    more_seeds: Halving | None
    noise: float
    assumptions: list[str]
