"""``SOURCE@COL=VALUE``: which rows of a source a user asks for."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ditlaw.errors import BadInput
from ditlaw.text import nearest


def split_source(source: str, where: Iterable[str]) -> tuple[Path, list[tuple[str, str]]]:
    """A source and the filters behind it, with those of ``where``.

    Raises:
        BadInput: a filter is not COL=VALUE, or there is no such file or folder.
    """
    name, *conditions = source.split("@") if not Path(source).exists() else [source]
    filters = filters_of([*conditions, *where])
    path = Path(name)
    if not path.exists():
        if path.is_symlink():
            raise BadInput(f"{name}: a link to {path.readlink()}, which is not there")
        raise BadInput(f"{name}: no such file or study folder")
    return path, filters


def filters_of(where: Iterable[str]) -> list[tuple[str, str]]:
    """Columns and the values that they must hold, of ``COL=VALUE`` filters.

    Raises:
        BadInput: one is not COL=VALUE.
    """
    filters = []
    for condition in where:
        column, equals, value = condition.partition("=")
        if not equals or not column:
            raise BadInput(f"--where: '{condition}' is not COL=VALUE")
        filters.append((column.strip(), value.strip()))
    return filters


def choose(frame: pd.DataFrame, filters: list[tuple[str, str]], path: Path) -> pd.DataFrame:
    """The rows that all filters leave.

    Raises:
        BadInput: no such column, or no row is left.
    """
    for column, value in filters:
        if column not in frame:
            guess = nearest(column, frame.columns)
            hint = f"did you mean '{guess}'?" if guess else f"known: {', '.join(frame.columns)}"
            raise BadInput(f"{path}: --where: no column '{column}'; {hint}")
        chosen = frame[frame[column].map(lambda cell, v=value: same_cell(cell, v))]
        if chosen.empty:
            values = ", ".join(sorted(set(frame[column].dropna().map(str)))[:8])
            raise BadInput(f"{path}: --where: no row has {column}={value}; it holds {values}")
        frame = chosen
    return frame


def same_cell(cell: object, value: str) -> bool:
    """Whether a cell is what a ``COL=VALUE`` filter asks for, as text or as a number."""
    if str(cell) == value:
        return True
    try:
        return float(cell) == float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
