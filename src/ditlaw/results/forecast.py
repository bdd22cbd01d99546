"""What ``ditlaw forecast`` and ``ditlaw verify`` answer."""

from typing import Literal

from ditlaw.results.base import MfuSource, Note, Quantity, Result


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


class LifetimeCost(Result):
    """What the compute-optimal model of the budget costs over the same lifetime."""

    params: float
    training_flops: float
    generation_flops: float
    total_flops: float


class Lifetime(Result):
    """The model that costs the fewest FLOPs, training and ``generated`` images together.

    It reaches the loss of the compute-optimal model of the budget. ``sampler_steps`` are
    evaluations of the model an image, each twice where ``guided``; ``forward_flops`` is one of
    them. ``saving`` is the fraction of the compute-optimal model's total that it spares.
    """

    generated: float
    sampler_steps: int
    guided: bool
    forward_flops: float
    forward_counted: str
    params: Quantity
    tokens: Quantity
    images: Quantity
    training_flops: Quantity
    generation_flops: Quantity
    total_flops: Quantity
    saving: Quantity
    compute_optimal: LifetimeCost
    warnings: list[Note]


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
    lifetime: Lifetime | None = None


class Measured(Result):
    """What a verifying run reached."""

    params: float
    tokens: float
    flops: float
    loss: float


class VerifiedRun(Result):
    """One verifying run beside the forecast for its shape; ``error`` = measured/forecast − 1."""

    id: str
    seed: int
    forecast_loss: Quantity
    measured: Measured
    error: float
    inside: bool


class Verification(Result):
    """``ditlaw verify``: the frozen forecast and what the runs say. The first run is nearest N*."""

    forecast: Forecast
    measured: Measured
    error: float
    inside: bool
    runs: list[VerifiedRun]
    frozen: str
    digest: str
