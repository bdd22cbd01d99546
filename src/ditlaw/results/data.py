"""What ``ditlaw encode``, ``ditlaw export`` and ``ditlaw import`` answer."""

from ditlaw.results.base import Note, Result

__all__ = [
    "EncodeResult",
    "ExportResult",
    "ImportResult",
    "SkippedSample",
]


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


class ExportResult(Result):
    """``ditlaw export``: the folder, the class that loads it (null: none does), the step."""

    path: str
    class_name: str | None
    step: int
    notes: list[Note]


class ImportResult(Result):
    """``ditlaw import``: the table, its rows and runs, and what made each column of ours."""

    out: str
    rows: int
    runs: int
    columns: dict[str, str]
    warnings: list[Note]
