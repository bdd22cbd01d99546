"""What ``ditlaw forecast`` and ``ditlaw verify`` answer."""

from typing import Literal

from ditlaw.results.base import Check, MfuSource, Note, Quantity, Result

__all__ = [
    "Choice",
    "Forecast",
    "FrozenCheck",
    "Lifetime",
    "LifetimeCost",
    "Measured",
    "Nearby",
    "OwnImages",
    "PublishedRule",
    "Recipe",
    "SizeRange",
    "Tally",
    "TrainingMemory",
    "Verification",
    "VerifiedRun",
    "Wish",
]


class SizeRange(Result):
    """Model sizes whose loss is within ``tolerance`` (a fraction) of the best at that budget."""

    low: float
    high: float
    tolerance: float


class Choice(Result):
    """A size that is not the best: what it would reach at the budget, and what it gives away.

    ``loss`` is one new run's; ``regret`` the law's, a fraction of loss above the best size's. Both
    are null where the law speaks of the best size alone.
    """

    params: float
    tokens: float
    images: float | None
    loss: Quantity | None
    regret: Quantity | None


class Nearby(Choice):
    """A size near the best one, by ``what`` it is: half N*, twice N*, the next shapes."""

    what: str
    shape: str | None = None


class OwnImages(Result):
    """The answer to "I have only these images": ``images`` with a budget.

    ``once`` is the size that spends the budget on them without a repeat, larger than the best one;
    null where nothing repeats anyway.
    """

    images: float
    epochs: Quantity
    once: Choice | None


class TrainingMemory(Result):
    """A rough estimate in GB. ``each_gb`` is of each GPU at ``gpus`` GPUs, a sample at a time.

    ``states_gb`` are weights, gradients, EMA and AdamW's moments of the whole model, ``sample_gb``
    what one sample keeps for the backward pass. ``least_gpus`` is the fewest that train the model,
    null where no number does; ``assumes`` says how they share it out.
    """

    states_gb: float
    sample_gb: float
    each_gb: float
    gpus: int
    gpu_memory_gb: float
    least_gpus: int | None
    assumes: str


class PublishedRule(Result):
    """Batch and learning rate by a rule that a paper printed; ``of`` says for which models.

    ``batch`` is in images, ``batch_tokens`` in the tokens of the paper's rule. ``beyond`` says how
    far the run lies from what the rule was fitted on, where it does.
    """

    name: str
    source: str
    of: str
    formula: str
    batch: int
    batch_tokens: float
    learning_rate: float
    beyond: str | None


class Recipe(Result):
    """The nearest model that can be built, and how to train it.

    ``flops`` is the exact count of those steps, as GPU hours are; ``loss`` and ``regret`` are of
    this very size. ``batch_from`` and ``learning_rate_from`` name what set them; ``rules`` are what
    papers would set, where neither was swept here. ``assumed`` says what of a sample was assumed.
    """

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
    # A forecast that was frozen before there were these has none.
    tokens: float | None = None
    epochs: float | None = None
    flops: float | None = None
    days: float | None = None
    money: float | None = None
    loss: Quantity | None = None
    regret: Quantity | None = None
    batch_from: str = "study"
    learning_rate_from: str = "study"
    rules: list[PublishedRule] = []
    memory: TrainingMemory | None = None
    assumed: str | None = None


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
    ``days`` are on ``gpus`` GPUs, ``money`` at ``price`` a GPU hour; ``interpolated`` says that the
    budget lies inside the fitted ones, ``fitted_flops``. ``nearby`` are what sizes near the best
    give away, ``own_images`` what a limited number of images allows.
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
    fitted_flops: tuple[float, float] | None = None
    interpolated: bool = False
    gpus: int | None = None
    days: float | None = None
    price: float | None = None
    money: float | None = None
    nearby: list[Nearby] = []
    own_images: OwnImages | None = None
    lifetime: Lifetime | None = None


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
