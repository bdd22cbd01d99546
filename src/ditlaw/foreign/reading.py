"""Exports, one or several, as one table in our columns."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import pandas as pd

from ditlaw.errors import BadInput
from ditlaw.foreign import tensorboard, wandb
from ditlaw.foreign.names import propose, require_columns
from ditlaw.foreign.renaming import rename
from ditlaw.tablefile import numbers, read_table

Points = Literal["last", "all"]
CARRIED = (
    "params",
    "tokens",
    "flops",
)  # a loss is of the newest of these, logged at that step or before


def foreign_table(path: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    """One export in our columns, of curves the last point of each run.

    Raises:
        BadInput: as ``read_exports``.
    """
    return read_exports([path], columns)


def read_exports(
    files: Sequence[Path], columns: Mapping[str, str], points: Points = "last"
) -> pd.DataFrame:
    """Exports in our columns, joined by run; columns that were not named keep their names.

    Args:
        files: CSV exports of Weights & Biases and TensorBoard, event files or a folder of them,
            any table with other column names.
        columns: what makes each column of ours (``rename``).
        points: of curves, the ``last`` point of each run, or ``all``.

    Raises:
        BadInput: unreadable, of no run in common, no such column, or columns of ours are missing.
    """
    if not files:
        raise BadInput("import: give a file")
    curves: list[tuple[Path, pd.DataFrame]] = []
    tables: list[tuple[Path, pd.DataFrame]] = []
    for file in files:
        frame, is_curves = _read(file)
        (curves if is_curves else tables).append((file, frame))
    path = files[0]
    if not curves and len(tables) == 1:
        return require_columns(rename(tables[0][1], columns, path), path)
    named = [(file, _by_run(frame, columns, file)) for file, frame in tables]
    rest = {ours: theirs for ours, theirs in columns.items() if ours != "run"}
    if not curves:
        return require_columns(rename(_joined(named), rest, path), path)
    whole, axis = _curves(curves)
    if named:
        whole = _beside(whole, _joined(named), path, named[0][0])
    frame = require_columns(rename(whole, rest, path), path)
    return _observed(frame, rest.get(axis, axis), points, path)


def _read(path: Path) -> tuple[pd.DataFrame, bool]:
    """A file as it is, and whether it holds curves: run, axis, then values."""
    if not path.exists():
        raise BadInput(f"{path}: no such file or folder")
    if tensorboard.holds_events(path):
        return tensorboard.event_curves(path), True
    if path.is_dir():
        raise BadInput(f"{path}: a folder without event files; name the files")
    frame = wandb.unnested(read_table(path), path)
    if tensorboard.is_scalars(frame):
        return tensorboard.scalar_curve(frame, path), True
    if wandb.is_chart(frame):
        return wandb.chart_curves(frame), True
    if wandb.is_history(frame):
        return wandb.history_curves(frame, path), True
    return frame, False


def _by_run(frame: pd.DataFrame, columns: Mapping[str, str], path: Path) -> pd.DataFrame:
    """A table with its runs in column ``run``."""
    if "run" not in frame:
        theirs = columns.get("run") or propose(frame.columns).get("run")
        if theirs not in frame:
            raise BadInput(f"{path}: no column names its runs; give --columns run=COLUMN")
        frame = frame.rename(columns={theirs: "run"})
    return frame.assign(run=frame["run"].astype(str))


def _joined(tables: list[tuple[Path, pd.DataFrame]]) -> pd.DataFrame:
    """Tables of the same columns below each other, of others side by side."""
    (first, whole), *others = tables
    for path, frame in others:
        if set(frame) == set(whole):
            whole = pd.concat([whole, frame], ignore_index=True)
        else:
            whole = _beside(whole, frame, first, path)
    return whole


def _beside(whole: pd.DataFrame, frame: pd.DataFrame, path: Path, other: Path) -> pd.DataFrame:
    """The rows of one with what another table says of their runs."""
    twice = frame["run"][frame["run"].duplicated()]
    if len(twice):
        raise BadInput(f"{other}: run '{twice.iloc[0]}' is there twice; which one is meant?")
    if not set(whole["run"]) & set(frame["run"]):
        raise BadInput(
            f"{other}: none of its runs is in {path}; as '{frame['run'].iloc[0]}' there and "
            f"'{whole['run'].iloc[0]}' here"
        )
    fresh = [column for column in frame.columns if column == "run" or column not in whole]
    return whole.merge(frame[fresh], on="run", how="left")


def _curves(parts: list[tuple[Path, pd.DataFrame]]) -> tuple[pd.DataFrame, str]:
    """All curves in one table, a row a run and point of the axis; and the axis."""
    axis = str(parts[0][1].columns[1])
    for path, frame in parts:
        if frame.columns[1] != axis:
            raise BadInput(
                f"{path}: is over '{frame.columns[1]}', and {parts[0][0]} over '{axis}'; export "
                "both over one axis"
            )
    whole = pd.concat([frame for _, frame in parts], ignore_index=True)
    whole = whole.assign(run=whole["run"].astype(str))
    return whole.groupby(["run", axis], sort=False, as_index=False).first(), axis


def _observed(frame: pd.DataFrame, axis: str, points: Points, path: Path) -> pd.DataFrame:
    """The points that have a loss, in the order of the axis."""
    order = axis if axis in frame else "tokens"
    frame = frame.assign(**{order: numbers(frame[order])}).sort_values(order, kind="stable")
    known = [column for column in CARRIED if column in frame]
    frame[known] = frame.groupby("run")[known].ffill()
    frame = frame[frame["loss"].notna()]
    if frame.empty:
        raise BadInput(f"{path}: no point has a loss; is it another column?")
    if points == "last":
        frame = frame.groupby("run", as_index=False).tail(1)
    return frame.sort_values(["run", order], kind="stable").reset_index(drop=True)
