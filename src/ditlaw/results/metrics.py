"""What ``ditlaw evaluate`` and ``ditlaw sample`` answer."""

from ditlaw.results.base import Note, Result

__all__ = [
    "EvaluateResult",
    "EvaluatedObservation",
    "MetricKey",
    "MetricValue",
    "SampleResult",
]


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
