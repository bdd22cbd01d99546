"""Arrow files: a Hugging Face data set as ``save_to_disk`` leaves it, or the files themselves."""

import bisect
import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from ditlaw.data.raw.tables import Tables, as_bytes, names_of
from ditlaw.data.wanted import Wanted

INFO = "dataset_info.json"


class Arrow(Tables):
    """The rows of Arrow files, mapped into memory."""

    def __init__(self, wanted: Wanted, where: Path, files: list[Path], names: list[str]) -> None:
        self._batches: list[list[pa.RecordBatch]] = []
        self._ends: list[list[int]] = []
        self._checked_part: tuple[tuple[int, int, str], Any] | None = None
        super().__init__(wanted, where, files, names)

    def open(self, file: Path) -> tuple[pa.Schema, int]:
        """The schema of the next file, and how many rows it has."""
        source = pa.memory_map(str(file))
        try:
            reader = pa.ipc.open_stream(source)
            batches = list(reader)
        except pa.ArrowInvalid:  # of Arrow's other form?
            source.seek(0)
            reader = pa.ipc.open_file(source)
            batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
        counts = [len(batch) for batch in batches]
        self._batches.append(batches)
        self._ends.append([sum(counts[: i + 1]) for i in range(len(counts))])
        return reader.schema, sum(counts)

    def column(self, file: int, name: str) -> list[Any]:
        """All values of a column of one file."""
        parts = (as_bytes(batch.column(name)) for batch in self._batches[file])
        return [value for part in parts for value in part.to_pylist()]

    def value(self, file: int, row: int, name: str) -> Any:
        """One value."""
        ends = self._ends[file]
        part = bisect.bisect_right(ends, row)
        if self._checked_part is None or self._checked_part[0] != (file, part, name):
            column = as_bytes(self._batches[file][part].column(name))
            self._checked_part = (file, part, name), column
        return self._checked_part[1][row - (ends[part - 1] if part else 0)].as_py()

    def label_names(self, schema: pa.Schema) -> dict[str, list[str]]:
        """Names of class labels by column, from the notes beside the files or in them."""
        try:
            notes = json.loads((self.files[0].parent / INFO).read_text(encoding="utf-8"))
            return names_of(notes["features"]) or super().label_names(schema)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return super().label_names(schema)
