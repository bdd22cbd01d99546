"""Reading a table file: CSV, JSON lines or Parquet, and in one line what is wrong with one."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ditlaw.errors import BadInput, DitlawError

REQUIRED = ("run", "params", "tokens", "loss")  # what every table of runs has
SEPARATORS = (",", ";", "\t", "|")
NAMES = ("run", "trunk", "note")  # in which a comma is just a comma
EMPTY = "empty; a table has a header and at least one row"
# Digits grouped by commas, which may also be a decimal comma with three digits behind it.
GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
WITH_COMMA = re.compile(r"[+-]?[\d.]*\d,\d[\d.,]*([eE][+-]?\d+)?")


def read_table(path: Path) -> pd.DataFrame:
    """The cells of a table as they are written; column names are stripped text.

    Raises:
        BadInput: unreadable, empty, of an unknown kind, or with two columns of one name.
    """
    kind = path.suffix.lower()
    if kind == ".gz":
        raise BadInput(f"{path}: is compressed; unpack it first ('gunzip -k {path}')")
    readers = {
        ".csv": _read_csv,
        ".jsonl": _read_json_lines,
        ".ndjson": _read_json_lines,
        ".parquet": _read_parquet,
    }
    if kind not in readers:
        raise BadInput(f"{path}: unknown kind of table; use .csv, .jsonl or .parquet")
    try:
        frame = readers[kind](path)
    except DitlawError:
        raise
    except pd.errors.EmptyDataError:
        raise BadInput(f"{path}: {EMPTY}") from None
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path}: not UTF-8 text (byte {error.object[error.start]:#04x} at position "
            f"{error.start}); save it as UTF-8"
        ) from None
    except PermissionError:
        raise BadInput(f"{path}: may not be read (permission denied)") from None
    except MemoryError:
        raise BadInput(f"{path}: does not fit in memory; keep only the rows of a fit") from None
    except (OSError, ValueError, csv.Error, pd.errors.ParserError) as error:
        reason = (str(error).splitlines() or ["unreadable"])[0]
        raise BadInput(f"{path}: cannot be read as {kind[1:]} ({reason})") from None
    return tidy(frame, path)


def tidy(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The table with stripped text as column names; ``path`` is what errors call it.

    Raises:
        BadInput: it is empty, or has two columns of one name.
    """
    if frame.empty:
        raise BadInput(f"{path}: {EMPTY}")
    names = [str(name).strip() for name in frame.columns]
    _require_unique(names, path)
    frame = frame.set_axis(names, axis="columns")
    return frame.apply(_without_na) if _nullable(frame).any() else frame


def _nullable(frame: pd.DataFrame) -> "pd.Series[bool]":
    return frame.dtypes.map(lambda dtype: getattr(dtype, "na_value", None) is pd.NA)


def _without_na(cells: "pd.Series[Any]") -> "pd.Series[Any]":
    """Cells with NaN where pandas' nullable types have NA, which compares as neither."""
    if getattr(cells.dtype, "na_value", None) is not pd.NA:
        return cells
    if cells.isna().any() or not pd.api.types.is_numeric_dtype(cells):
        cells = cells.astype(object).where(cells.notna(), np.nan)
    return pd.Series(cells.to_numpy(), index=cells.index).infer_objects()


def numbers(cells: "pd.Series[Any]") -> "pd.Series[float]":
    """Cells as floats, NaN where a cell is no number: text, true or false, a list, nothing.

    Floats throughout: 6·params·tokens overflows 64-bit integers above 9.2e18.
    """
    if pd.api.types.is_bool_dtype(cells):
        return pd.Series(np.nan, index=cells.index)
    if pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_complex_dtype(cells):
        return pd.Series(cells.to_numpy(dtype=float, na_value=np.nan), index=cells.index)
    return cells.map(_number).astype(float)


def _number(cell: Any) -> float:
    if isinstance(cell, bool | np.bool_) or not isinstance(cell, int | float | str | np.number):
        return np.nan
    if isinstance(cell, str) and "_" in cell:  # 1_000 is a number in Python only
        return np.nan
    try:
        return float(cell)
    except OverflowError:
        return np.inf
    except (ValueError, TypeError):
        return np.nan


def _read_csv(path: Path) -> pd.DataFrame:
    with path.open("rb") as raw:
        start = raw.read(4)
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise BadInput(f"{path}: UTF-16 text; save it as UTF-8")
    if start[:2] == b"\x1f\x8b" or start == b"PK\x03\x04":
        raise BadInput(f"{path}: a compressed file or spreadsheet, not CSV; save it as CSV")
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = next((line for line in file if line.strip()), "")
    separator = max(SEPARATORS, key=header.count)
    names = [name.strip() for name in next(csv.reader([header], delimiter=separator), [])]
    _require_unique(names, path)
    # In one piece: read in parts, a column of mixed cells would be of mixed kinds.
    frame = pd.read_csv(path, sep=separator, encoding="utf-8-sig", low_memory=False)
    if not isinstance(frame.index, pd.RangeIndex):  # pandas would shift every column by one
        raise BadInput(f"{path}: rows have more cells than the header; name or remove the last")
    return _without_commas(frame, path, separator)


def _without_commas(frame: pd.DataFrame, path: Path, separator: str) -> pd.DataFrame:
    """Decimal commas read as such where the file shows that they are; else an error.

    "1,234" is a thousand in one country and one in another, a thousandfold mistake that no row
    would show. A file in which some cell cannot be a thousand, as "0,71", has decimal commas.
    """
    marked = {}
    for name in frame.columns:
        if name not in NAMES and not pd.api.types.is_numeric_dtype(frame[name]):
            cells = frame[name].dropna().astype(str).str.strip()
            commas = cells[[bool(WITH_COMMA.fullmatch(cell)) for cell in cells]]
            plain = numbers(cells.drop(commas.index)).notna().sum()
            if len(commas) and 2 * (len(commas) + plain) >= len(cells):
                marked[name] = commas
    if not marked:
        return frame
    decimal = [
        cell.count(",") == 1 and not GROUPED.fullmatch(cell) and "." not in cell
        for text in marked.values()
        for cell in text
    ]
    grouped_twice = [cell.count(",") > 1 for text in marked.values() for cell in text]
    if any(decimal) and not any(grouped_twice) and separator != ",":
        for name, text in marked.items():
            frame[name] = frame[name].astype(object)
            frame.loc[text.index, name] = text.str.replace(",", ".", regex=False)
        return frame
    name, text = next(iter(marked.items()))
    raise BadInput(
        f"{path}: row {int(text.index[0]) + 1}, column '{name}': '{text.iloc[0]}' has a comma; "
        "write numbers without thousands separators and with a decimal point"
    )


def _read_json_lines(path: Path) -> pd.DataFrame:
    return pd.DataFrame(list(_json_rows(path)))


def _json_rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig") as file:
        for line, text in enumerate(file, start=1):
            if not text.strip():
                continue
            try:
                row = json.loads(text)
            except (ValueError, RecursionError):
                raise BadInput(
                    f"{path}: line {line} is not JSON; write one object a line"
                ) from None
            if not isinstance(row, dict):
                raise BadInput(f"{path}: line {line} is not an object; write one object a line")
            yield row


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise BadInput(
            f"{path}: reading Parquet needs an extra; pip install 'ditlaw[parquet]'"
        ) from None
    return pd.read_parquet(path).reset_index(drop=True)


def _require_unique(names: list[str], path: Path) -> None:
    repeated = [name for name in names if name and names.count(name) > 1]
    if repeated:  # pandas would quietly rename the second
        raise BadInput(f"{path}: column '{repeated[0]}' is there twice; rename or remove one")
