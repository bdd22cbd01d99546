"""Parquet files, read forwards by row groups, a few rows of one column at a time."""

import bisect
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ditlaw.data.raw.tables import Tables, as_bytes
from ditlaw.data.wanted import Wanted

ROWS = 64  # decoded at a time
BUFFER = 1 << 20  # bytes of a column that are read at a time


class Parquet(Tables):
    """The rows of Parquet files."""

    def __init__(self, wanted: Wanted, where: Path, files: list[Path], names: list[str]) -> None:
        self._readers: dict[tuple[int, str], _Reader] = {}
        super().__init__(wanted, where, files, names)

    def open(self, file: Path) -> tuple[pa.Schema, int]:
        """The schema of a file, and how many rows it has."""
        with pq.ParquetFile(file) as opened:
            return opened.schema_arrow, opened.metadata.num_rows

    def column(self, file: int, name: str) -> list[Any]:
        """All values of a column of one file."""
        with pq.ParquetFile(self.files[file]) as opened:
            parts = opened.iter_batches(columns=[name])
            return [value for part in parts for value in as_bytes(part.column(0)).to_pylist()]

    def value(self, file: int, row: int, name: str) -> Any:
        """One value; cheap where it is a little after the one before."""
        for old in [key for key in self._readers if key[0] != file]:
            self._readers.pop(old).close()
        if (file, name) not in self._readers:
            self._readers[file, name] = _Reader(self.files[file], name)
        return self._readers[file, name].value(row)


class _Reader:
    """One column of one file, from a row on."""

    def __init__(self, file: Path, name: str) -> None:
        self.name = name
        self.file = pq.ParquetFile(file, buffer_size=BUFFER)
        counts = [self.file.metadata.row_group(i).num_rows for i in range(self.file.num_row_groups)]
        self.ends = [sum(counts[: i + 1]) for i in range(len(counts))]
        self.group, self.first, self.values = -1, 0, pa.array([])
        self.parts: Any = iter(())

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def value(self, row: int) -> Any:
        """The value in a row."""
        group = bisect.bisect_right(self.ends, row)
        if group != self.group or row < self.first:
            self.group = group
            self.first = self.ends[group - 1] if group else 0
            self.values = pa.array([])
            self.parts = self.file.iter_batches(
                batch_size=ROWS, row_groups=[group], columns=[self.name]
            )
        while row >= self.first + len(self.values):
            self.first += len(self.values)
            self.values = as_bytes(next(self.parts).column(0))
        return self.values[row - self.first].as_py()
