"""What ``ditlaw forecast`` and ``ditlaw verify`` answer."""

from typing import Literal

from ditlaw.results.base import Check, MfuSource, Note, Quantity, Result


class SizeRange(Result):
    """Model sizes whose loss is within ``tolerance`` (a fraction) of the best at that budget."""

    low: float
    high: float
    tolerance: float


class Choice(Result):
    """A size that the user named: what it would reach at the budget, and what it gives away.

    ``loss`` is one new run's; ``regret`` the law's, a fraction of loss above the best size's.
    """

    params: float
    tokens: float
    images: float | None
    loss: Quantity
    regret: Quantity


class Recipe(Result):
    """The nearest model that can be built, and how to train it."""

    family: str
    depth: int
    width: int
    heads: int
    single_depth: int
    params: int
    steps: int
    batch: int
    learning_rate: float
    parametrization: str = "standard"
    cooldown: float = 0.0
    images: float
    gpu_hours: float


class Wish(Result):
    """What a size, a loss or a number of images costs: the FLOPs at which the law's best is that.

    ``how`` says it in words, with the formula where the law is one.
    """

    of: str
    value: float
    flops: Quantity
    how: str


class Forecast(Result):
    """``ditlaw forecast``: what a budget buys, or what a ``wish`` costs.

    ``loss`` is a prediction interval for one new run; ``law_low`` and ``law_high`` are the law's.
    ``metrics`` are by their own laws in C, ``metrics_through_loss`` from the forecast loss.
    Where ``basis`` is ``published``, every interval is what the printed digits allow (level 1), and
    what the paper does not tell is null. ``loss`` is of the column ``metric``.
    """

    source: str
    metric: str = "loss"
    flops: float
    beyond: float | None
    params: Quantity | None
    tokens: Quantity | None
    images: Quantity | None
    epochs: Quantity | None
    loss: Quantity | None
    law_low: float | None
    law_high: float | None
    metrics: dict[str, Quantity]
    metrics_through_loss: dict[str, Quantity] = {}
    near_optimal_params: SizeRange | None
    choices: list[Choice] = []  # a forecast that was frozen before there were any has none
    tested_beyond: float | None = None
    gpu_hours: float
    gpu: str
    mfu: float
    mfu_source: MfuSource | None = None  # null in forecasts frozen before it was measured
    assumed_hardware: bool
    recipe: Recipe | None
    warnings: list[Note]
    basis: Literal["fit", "published"] = "fit"
    formulas: dict[str, str] = {}
    wish: Wish | None = None


class Measured(Result):
    """What a verifying run reached."""

    params: float
    tokens: float
    flops: float
    loss: float


class VerifiedRun(Result):
    """One verifying run beside the forecast for its shape; ``error`` = measured/forecast − 1.

    ``half_widths`` is how far out it is: 1 at the upper bound of the interval, −1 at the lower.
    """

    id: str
    seed: int
    forecast_loss: Quantity
    measured: Measured
    error: float
    half_widths: float
    inside: bool


class Tally(Result):
    """How many checking runs of a study lay inside, where ``level`` of them should."""

    inside: int
    runs: int
    level: float


class Verification(Result):
    """``ditlaw verify``: the frozen forecast and what the runs say. The first run is nearest N*.

    ``meaning`` is what that implies, in sentences. ``loss_with_checks``, after a miss, is the loss
    of one new run at the best size had the frozen law known the checking runs; null where the file
    is of a version that froze no rows. ``tally`` counts all finished checks of the study.
    """

    forecast: Forecast
    measured: Measured
    error: float
    inside: bool
    runs: list[VerifiedRun]
    frozen: str
    frozen_at: str
    digest: str
    meaning: list[str]
    loss_with_checks: Quantity | None = None
    tally: Tally | None = None


class FrozenCheck(Result):
    """``ditlaw check``: what a frozen forecast said, and whether it is what it claims to be.

    ``checks`` are ``met``, ``not met`` or ``unknown``; ``sound`` is that none is not met. ``runs``
    are the checking runs that are there and done, beside their forecasts.
    """

    frozen: str
    frozen_at: str
    digest: str
    versions: dict[str, str]
    forecast: Forecast
    checks: list[Check]
    sound: bool
    runs: list[VerifiedRun]
