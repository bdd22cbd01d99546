"""What the commands answer: the objects behind the terminal tables and ``--json``.

Each is a pydantic model; its JSON Schema ships in ``ditlaw/schemas`` (``make schemas``).
FLOPs, params, tokens and images are plain counts, times are hours, errors are fractions.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Result(BaseModel):
    """Base: fields are fixed once made, and no undeclared field is printed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Quantity(Result):
    """An estimate with an interval; a bound is null where no honest one exists."""

    value: float
    low: float | None
    high: float | None
    level: float


def scaled(quantity: Quantity, factor: float) -> Quantity:
    """The quantity in another unit: value and bounds times a positive factor."""
    return Quantity(
        value=quantity.value * factor,
        low=None if quantity.low is None else quantity.low * factor,
        high=None if quantity.high is None else quantity.high * factor,
        level=quantity.level,
    )


class Note(Result):
    """A warning with a stable code."""

    code: str
    text: str


class Dropped(Result):
    """A row that was not used, and why. ``row`` counts from 1, the header left out."""

    row: int
    reason: str


# --- fit ----------------------------------------------------------------------------------------


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
    """How one form did in the backtests and how much the forecast listens to it."""

    form: str
    loss_error: float | None
    loss_weight: float
    params_error: float | None
    params_weight: float


class FitResult(Result):
    """``ditlaw fit``: the laws of one table."""

    source: str
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
    budgets: list[BudgetOptimum]
    surface: SurfaceLaw | None
    evidence: list[FormEvidence]
    run_noise: float
    backtest: list[Backtest]
    warnings: list[Note]


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


# --- forecast and verify ------------------------------------------------------------------------


class SizeRange(Result):
    """Model sizes whose loss is within ``tolerance`` (a fraction) of the best at that budget."""

    low: float
    high: float
    tolerance: float


class Recipe(Result):
    """The nearest model that can be built, and how to train it."""

    family: str
    depth: int
    width: int
    heads: int
    params: int
    steps: int
    batch: int
    learning_rate: float
    images: float
    gpu_hours: float


class Forecast(Result):
    """``ditlaw forecast``: what a budget buys.

    ``loss`` is a prediction interval for one new run; ``law_low`` and ``law_high`` are the law's.
    ``metrics`` are by their own laws in C, ``metrics_through_loss`` from the forecast loss.
    """

    source: str
    flops: float
    beyond: float
    params: Quantity
    tokens: Quantity
    images: Quantity | None
    epochs: Quantity | None
    loss: Quantity
    law_low: float | None
    law_high: float | None
    metrics: dict[str, Quantity]
    metrics_through_loss: dict[str, Quantity] = {}
    near_optimal_params: SizeRange | None
    gpu_hours: float
    gpu: str
    mfu: float
    assumed_hardware: bool
    recipe: Recipe | None
    warnings: list[Note]


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


# --- plan, run, status --------------------------------------------------------------------------


class PlannedRun(Result):
    """One trunk of a study: a shape and a seed, evaluated at each of ``budgets``."""

    id: str
    family: str
    depth: int
    width: int
    heads: int
    seed: int
    params: int
    tokens: float
    images: float
    steps: int
    flops: float
    flops_6nd: float
    budgets: list[float]
    gpu_hours: float


class PlanTotal(Result):
    """Sums over the runs of a plan."""

    flops: float
    gpu_hours: float
    images: float
    runs: int


class PlanResult(Result):
    """``ditlaw plan``: the runs a study needs, before anything runs."""

    study: str
    runs: list[PlannedRun]
    total: PlanTotal
    gpu: str
    mfu: float
    assumed_hardware: bool
    warnings: list[Note]


class RunCounts(Result):
    """Runs by how they ended."""

    done: int
    failed: int
    pending: int


class RunSummary(Result):
    """``ditlaw run``; ``failures`` gives the reason of each run that is not done."""

    study: str
    runs: RunCounts
    failures: dict[str, str]


class RunStatus(Result):
    """How far one run is; ``progress`` is a fraction, ``loss`` is null until it was evaluated."""

    id: str
    state: str
    progress: float
    loss: float | None
    train_loss: float | None
    tokens: float
    images: float
    flops: float
    gpu_hours: float
    reason: str | None


class StatusResult(Result):
    """``ditlaw status``."""

    runs: list[RunStatus]


# --- the small ones -----------------------------------------------------------------------------


class BudgetResult(Result):
    """``ditlaw budget``: GPU time and FLOPs."""

    flops: float
    gpu_hours: float
    days: float
    gpus: int
    gpu: str
    mfu: float
    peak_tflops: float
    memory_gb: float
    source: str


class FlopsPerSample(Result):
    """FLOPs of one sample."""

    forward: int
    train: int


class CountResult(Result):
    """``ditlaw count``: exact counts of one model, FLOPs per sample."""

    family: str
    depth: int
    width: int
    heads: int
    params: int
    params_total: int
    params_breakdown: dict[str, int]
    tokens_per_sample: int
    flops: FlopsPerSample
    flops_6nd: int


class ReportResult(Result):
    """``ditlaw report``: where the page is."""

    report: str


class DemoResult(Result):
    """``ditlaw demo``: the study folder, and what forecast and verify print."""

    study: str
    forecast: Forecast
    verification: Verification
    report: str


COMMANDS: dict[str, type[Result]] = {
    "budget": BudgetResult,
    "count": CountResult,
    "demo": DemoResult,
    "fit": FitResult,
    "forecast": Forecast,
    "plan": PlanResult,
    "report": ReportResult,
    "run": RunSummary,
    "status": StatusResult,
    "verify": Verification,
}

# What is printed, by the name of its schema: a command's own answer, or another with an option.
ANSWERS: dict[str, type[Result]] = COMMANDS | {"fit-form": FormResult}


def json_schema(answer: str) -> dict[str, Any]:
    """The JSON Schema of what ``ditlaw COMMAND --json`` prints."""
    return ANSWERS[answer].model_json_schema()
