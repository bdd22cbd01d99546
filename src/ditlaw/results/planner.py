"""What ``ditlaw next`` answers."""

from typing import Literal

from ditlaw.results.base import Note, Result

__all__ = [
    "IntervalChange",
    "NextResult",
    "NextRun",
    "NextTotal",
]


class NextRun(Result):
    """One run to train, or to train on; fields as in ``PlannedRun``, null where rows name no model.

    ``budgets`` are those that it adds, ``flops`` what that takes. Where it ``extends`` a run, that
    one goes on from where it ended.
    """

    id: str
    family: str | None
    depth: int | None
    width: int | None
    heads: int | None
    single_depth: int | None
    seed: int | None
    params: float
    tokens: float
    images: float | None
    steps: int | None
    flops: float
    flops_6nd: float
    budgets: list[float]
    gpu_hours: float
    extends: str | None


class IntervalChange(Result):
    """Relative half-width of the loss of one run at the target: now, and after the runs."""

    now: float
    expected: float


class NextTotal(Result):
    """Sums over the runs."""

    flops: float
    gpu_hours: float
    runs: int


class NextResult(Result):
    """``ditlaw next``: the runs that would narrow the forecast at ``target`` FLOPs most.

    ``verdict`` is ``no-help`` where no run that can be paid for takes much away; ``reason`` says
    what the interval is made of. ``command`` trains such runs, chosen anew in rounds; null for a
    table, and for a study that cannot be trained on.
    """

    source: str
    target: float
    spend: float
    runs: list[NextRun]
    total: NextTotal
    interval: IntervalChange
    verdict: Literal["run", "no-help"]
    reason: str
    command: str | None
    gpu: str
    mfu: float
    assumed_hardware: bool
    warnings: list[Note]
