"""What ``ditlaw plan``, ``run`` and ``status`` answer, and ``demo`` and ``report``."""

from typing import Any

from ditlaw.results.base import MfuSource, Note, Result, flat
from ditlaw.results.design import ExpectedInterval
from ditlaw.results.forecast import Forecast, Verification
from ditlaw.results.rounds import AdaptiveStudy

__all__ = [
    "DemoResult",
    "PlanResult",
    "PlanTotal",
    "PlannedRun",
    "PlannedSize",
    "ReportResult",
    "RunCounts",
    "RunStatus",
    "RunSummary",
    "StatusResult",
]


class PlannedRun(Result):
    """One trunk of a study: a shape and a seed, evaluated at each of ``budgets``.

    What it costs is all that is trained, the cooldown branches of the budgets included.
    """

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
    dataset: str
    batch: int
    learning_rate: float


class PlannedSize(Result):
    """One resolution of a study: what a sample costs, and its shares of all images and tokens."""

    height: int
    width: int
    tokens_per_sample: int
    share_of_images: float
    share_of_tokens: float


class PlanTotal(Result):
    """Sums over the runs of a plan; ``flops_separate`` with a run of its own for every budget."""

    flops: float
    flops_separate: float
    gpu_hours: float
    images: float
    runs: int


class PlanResult(Result):
    """``ditlaw plan``: the runs a study needs, before anything runs.

    ``mfu`` is that of all runs together where it was measured, by size. ``expected`` is what their
    fit can be expected to say of the study's target; null where it was not simulated.
    """

    study: str
    runs: list[PlannedRun]
    sizes: list[PlannedSize]
    total: PlanTotal
    gpu: str
    mfu: float
    mfu_source: MfuSource
    assumed_hardware: bool
    warnings: list[Note]
    expected: ExpectedInterval | None = None

    def _rows(self) -> list[dict[str, Any]]:
        return [flat(run) for run in self.runs]


class RunCounts(Result):
    """Runs by how they ended."""

    done: int
    failed: int
    pending: int


class RunSummary(Result):
    """``ditlaw run``; ``failures`` gives the reason of each run that is not done.

    ``adaptive`` is null of a study that has no more than its own grid.
    """

    study: str
    runs: RunCounts
    failures: dict[str, str]
    adaptive: AdaptiveStudy | None = None


class RunStatus(Result):
    """How far one run is; ``progress`` is a fraction, ``loss`` is null until it was evaluated.

    ``gpu_hours`` are those of ``flops`` on the study's hardware. ``gpu_hours_spent`` is measured,
    null off a GPU; ``gpu_hours_left`` goes by the measured rate, else by the study's hardware.
    Nothing is left of a diverged run: it is not trained again.
    ``tokens_per_second``, ``mfu`` and ``eta_seconds`` are of a run that is running.
    """

    id: str
    state: str
    progress: float
    loss: float | None
    train_loss: float | None
    tokens: float
    images: float
    flops: float
    flops_left: float
    gpu_hours: float
    gpu_hours_spent: float | None
    gpu_hours_left: float
    tokens_per_second: float | None
    mfu: float | None
    eta_seconds: float | None
    reason: str | None


class StatusResult(Result):
    """``ditlaw status``; ``adaptive`` is as ``ditlaw run`` has it."""

    runs: list[RunStatus]
    adaptive: AdaptiveStudy | None = None


class ReportResult(Result):
    """``ditlaw report``: where the page is, and each file of the figures for a paper."""

    report: str
    figures: list[str] = []


class DemoResult(Result):
    """``ditlaw demo``: the study folder, and what forecast and verify print."""

    study: str
    forecast: Forecast
    verification: Verification
    report: str
