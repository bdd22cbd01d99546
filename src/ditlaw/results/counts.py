"""What ``ditlaw count`` and ``ditlaw budget`` answer."""

from ditlaw.results.base import Result

__all__ = [
    "BudgetResult",
    "CountResult",
    "FlopsPerSample",
]


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
