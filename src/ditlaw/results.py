"""What the commands answer: the objects behind the terminal tables and ``--json``.

Each is a pydantic model; its JSON Schema ships in ``ditlaw/schemas`` (``make schemas``).
FLOPs, params, tokens and images are plain counts, times are hours, errors are fractions.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Result(BaseModel):
    """Base: fields are fixed once made, and no undeclared field is printed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __str__(self) -> str:
        from ditlaw.display import result_text

        return result_text(self) or super().__str__()

    def _repr_html_(self) -> str | None:
        """What a notebook shows: the tables of the command line; None for a part of an answer."""
        from ditlaw.display import result_html

        return result_html(self)


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


def known(quantity: Quantity | None) -> Quantity:
    """The quantity of a forecast from a fitted law, which always has one."""
    assert quantity is not None
    return quantity


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
    """How one form did in the backtests and how much the forecast listens to it.

    ``failed_refits`` did not converge and were left out of its intervals.
    """

    form: str
    loss_error: float | None
    loss_weight: float
    params_error: float | None
    params_weight: float
    failed_refits: int


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
    backtest: list[Backtest]
    tested_beyond: float | None
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


# --- compare and published laws -----------------------------------------------------------------


Verdict = Literal["a", "b", "undecided"]


class Target(Result):
    """Two laws at one budget. ``a`` and ``b`` are the laws' own values, ``difference`` is b − a.

    ``compute_ratio`` is b's FLOPs ÷ a's for the loss that a reaches here; null if b does not within
    1,000 times the data and the targets.
    """

    flops: float
    a: float
    b: float
    difference: Quantity
    compute_ratio: Quantity | None
    verdict: Verdict


class Pair(Result):
    """Two laws. ``crossing`` is the budget at which they are equal, null where they are not.

    ``exponent_difference`` is b − a of −d ln L / d ln C at the largest target.
    """

    a_name: str
    b_name: str
    at: list[Target]
    crossing: Quantity | None
    exponent_difference: Quantity


class RefusedLaw(Result):
    """A group that no law could be fitted to, and why."""

    name: str
    reason: str


class CompareResult(Result):
    """``ditlaw compare``: which is better where, for every pair."""

    metric: str
    pairs: list[Pair]
    refused: list[RefusedLaw]
    warnings: list[Note]


class PublishedEntry(Result):
    """One published law. ``range`` is of the fitted FLOPs; null where it is not known.

    ``unscaled`` holds what was printed without a coefficient or a unit, and so answers nothing.
    """

    name: str
    source: str
    year: int
    arxiv: str
    range: tuple[float, float] | None
    flops_as: str
    units: str
    data: str
    read: str
    formulas: dict[str, str]
    unscaled: dict[str, str]
    extractors: dict[str, str]
    unknown: list[str]
    remarks: list[str]


class LawsResult(Result):
    """``ditlaw laws``: the published laws."""

    laws: list[PublishedEntry]
    warning: str


# --- metrics beside the loss ---------------------------------------------------------------------


class Offset(Result):
    """A column minus the one it is set beside (``beside``), both in one unit, at the best sizes.

    ``change`` is ``at_largest`` − ``at_smallest``, of the fitted budgets; ``constant`` says whether
    its interval holds 0.
    """

    beside: str
    at_smallest: Quantity
    at_largest: Quantity
    change: Quantity
    constant: bool


class RankCorrelation(Result):
    """Spearman's correlation of the loss with a metric over ``rows``.

    ``within_budgets`` compares runs of one budget only; null where fewer than three rows share one.
    """

    rows: int
    overall: Quantity
    within_budgets: Quantity | None


class MetricLaw(Result):
    """One metric of a table: its own law, and how it stands to the loss.

    ``basis`` is ``law`` (its best over sizes at each budget, as ``ditlaw fit --metric``),
    ``equation`` (a power law through the run of least loss at each budget, where rows are too few
    for that) or null; ``reason`` says why it is not ``law``. ``exponent`` is −d ln metric / d ln C
    over ``range``, the fitted FLOPs. ``exponent_difference`` is the metric's minus the loss's, both
    at the loss's best sizes and paired run by run; ``parallel`` says whether its interval holds 0.
    """

    name: str
    rows: int
    basis: Literal["law", "equation"] | None
    equation: str | None
    range: tuple[float, float] | None
    exponent: Quantity | None
    at_largest: Quantity | None
    best_params: Quantity | None
    reason: str | None
    exponent_difference: Quantity | None = None
    parallel: bool | None = None
    offset: Offset | None = None
    rank: RankCorrelation | None = None


class SettingsVerdict(Result):
    """Whether a metric's exponent is the same whatever it was drawn with.

    ``differences`` are each setting's exponent minus that of the best over all settings, at a level
    that all hold together; ``agree`` says whether all hold 0, null where none could be told.
    """

    metric: str
    differences: dict[str, Quantity]
    agree: bool | None
    text: str


class MetricsResult(Result):
    """``ditlaw metrics``: a law for each metric of a table, and how it stands to the loss."""

    source: str
    level: float
    metrics: list[MetricLaw]
    settings: list[SettingsVerdict]
    warnings: list[Note]


# --- plan, run, status --------------------------------------------------------------------------


class PlannedRun(Result):
    """One trunk of a study: a shape and a seed, evaluated at each of ``budgets``."""

    id: str
    family: str
    depth: int
    width: int
    heads: int
    single_depth: int
    seed: int
    params: int
    tokens: float
    images: float
    steps: int
    flops: float
    flops_6nd: float
    budgets: list[float]
    gpu_hours: float


class PlannedSize(Result):
    """One resolution of a study: what a sample costs, and its shares of all images and tokens."""

    height: int
    width: int
    tokens_per_sample: int
    share_of_images: float
    share_of_tokens: float


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
    sizes: list[PlannedSize]
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
    """``ditlaw count``: exact counts of one model, FLOPs per sample.

    The breakdowns sum to ``params`` and to ``flops.train``; ``ratio_6nd`` is ``flops_6nd`` ÷
    ``flops.train``.
    """

    family: str
    depth: int
    width: int
    heads: int
    single_depth: int
    params: int
    params_total: int
    params_breakdown: dict[str, int]
    flops_breakdown: dict[str, int]
    tokens_per_sample: int
    ratio_6nd: float
    flops: FlopsPerSample
    flops_6nd: int


class ReportResult(Result):
    """``ditlaw report``: where the page is."""

    report: str


class ExportResult(Result):
    """``ditlaw export``: the folder, the class that loads it (null: none does), the step."""

    path: str
    class_name: str | None
    step: int
    notes: list[Note]


class SkippedSample(Result):
    """A sample that could not be used, and why."""

    key: str
    reason: str


class EncodeResult(Result):
    """``ditlaw encode``: the cache's folder, its samples and shards, and what was left out.

    ``geometry`` has the fields that a study on this cache must state.
    """

    path: str
    samples: int
    skipped: list[SkippedSample]
    shards: int
    geometry: dict[str, int]


class MetricKey(Result):
    """What a metric's value is a value of; null where it does not apply.

    ``samples`` were drawn, or scored. ``extractor`` is its name, as ``inception``; ``detail`` is
    whatever else the value depends on, in words.
    """

    metric: str
    samples: int
    sampler: str | None = None
    sampler_steps: int | None = None
    guidance: float | None = None
    unconditional: bool = False
    extractor: str | None = None
    extractor_sha256: str | None = None
    reference_sha256: str | None = None
    detail: str | None = None


class MetricValue(MetricKey):
    """A metric's value and its standard error; null where there is none."""

    value: float
    error: float | None = None


class EvaluatedObservation(Result):
    """An observation of a run, and every metric of it that has been computed so far."""

    run: str
    budget: float
    params: int
    flops: float
    loss: float
    metrics: list[MetricValue]


class EvaluateResult(Result):
    """``ditlaw evaluate``: the observations; what was not measured, and why, by run."""

    study: str
    observations: list[EvaluatedObservation]
    failures: dict[str, str]
    warnings: list[Note]


class SampleResult(Result):
    """``ditlaw sample``: the pictures, one sheet of them, and what they were drawn with."""

    images: list[str]
    sheet: str
    captions: list[str]
    run: str
    budget: float
    sampler: str
    steps: int
    guidance: float
    seed: int
    warnings: list[Note]


class DemoResult(Result):
    """``ditlaw demo``: the study folder, and what forecast and verify print."""

    study: str
    forecast: Forecast
    verification: Verification
    report: str


COMMANDS: dict[str, type[Result]] = {
    "budget": BudgetResult,
    "compare": CompareResult,
    "count": CountResult,
    "demo": DemoResult,
    "encode": EncodeResult,
    "evaluate": EvaluateResult,
    "export": ExportResult,
    "fit": FitResult,
    "forecast": Forecast,
    "laws": LawsResult,
    "metrics": MetricsResult,
    "plan": PlanResult,
    "report": ReportResult,
    "run": RunSummary,
    "sample": SampleResult,
    "status": StatusResult,
    "verify": Verification,
}

# What is printed, by the name of its schema: a command's own answer, or another with an option.
ANSWERS: dict[str, type[Result]] = COMMANDS | {"fit-form": FormResult}


def json_schema(answer: str) -> dict[str, Any]:
    """The JSON Schema of what ``ditlaw COMMAND --json`` prints."""
    return ANSWERS[answer].model_json_schema()
