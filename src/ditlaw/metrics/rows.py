"""Metrics on disk: a run's ``metrics.jsonl``, read and added to. No torch here."""

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from ditlaw.files import append_json, read_json_lines
from ditlaw.metrics.base import Key, MetricRow
from ditlaw.training.folder import RunFolder


def read_rows(folder: RunFolder) -> list[MetricRow]:
    """Every row so far; a line that is none is passed over, and so measured again."""
    rows = []
    for line in read_json_lines(folder.metrics_path):
        try:
            rows.append(MetricRow.model_validate(line))
        except ValidationError:
            continue
    return rows


def of_observation(rows: Iterable[MetricRow], observation: dict[str, Any]) -> dict[Key, MetricRow]:
    """The rows that are of an observation as it is now, by what they are values of."""
    return {
        row.key: row
        for row in rows
        if (row.budget, row.steps, row.loss)
        == (observation["budget"], observation["steps"], observation["loss"])
    }


def add_row(folder: RunFolder, row: MetricRow) -> None:
    """Append a row, and wait until the disk has it."""
    append_json(folder.metrics_path, row.model_dump(mode="json"), durable=True)
