"""The log of a training that goes on: a ditlaw run's own folder, or a table of whoever trains it.

A table has a loss and what has been spent: ``flops``, or ``tokens``, ``images``, or ``step`` with
``batch``. It is read while it is written: a last line without its end is left for the next look.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ditlaw.errors import BadInput
from ditlaw.files import read_json_lines
from ditlaw.laws.table import BoolArray, FloatArray
from ditlaw.study import RunSpec
from ditlaw.tablefile import numbers, read_table
from ditlaw.text import nearest, plain
from ditlaw.training.folder import ENDED, RunFolder
from ditlaw.training.observation import observation

SPENT = ("flops", "tokens", "images", "step")  # the first that is there counts
ALIASES = {"steps": "step"}
LINES = (".jsonl", ".ndjson")


@dataclass(frozen=True)
class Log:
    """What a log says so far: rows as written, and what is known of the run beside them.

    ``spec`` is of a ditlaw run; ``ended`` is how that has ended, empty while it goes on.
    """

    path: Path
    frame: pd.DataFrame
    spec: RunSpec | None = None
    ended: str = ""

    def has(self, column: str) -> bool:
        """Whether some row has a number there."""
        return column in self.frame and bool(numbers(self.frame[column]).notna().any())

    def one(self, column: str) -> str | None:
        """The one value that a column has; None where it has none or several."""
        values = set(self.frame[column].dropna().map(str)) if column in self.frame else set()
        return values.pop() if len(values) == 1 else None


def read_log(path: Path) -> Log:
    """Read a run folder, its ``log.jsonl``, or a table.

    Raises:
        BadInput: there is none, or it cannot be read.
    """
    if path.name == "log.jsonl" and (path.parent / "spec.json").exists():
        path = path.parent
    if path.is_dir():
        return _of_run(RunFolder(path))
    if not path.exists():
        raise BadInput(f"{path}: no such file")
    if path.suffix.lower() in LINES:
        frame = pd.DataFrame(list(read_json_lines(path)))
    else:
        frame = read_table(path)
        frame = frame.iloc[:-1] if path.suffix.lower() == ".csv" and _torn(path) else frame
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    renamed = {old: new for old, new in ALIASES.items() if old in frame and new not in frame}
    return Log(path, frame.rename(columns=renamed))


def _torn(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) not in b"\r\n"


def _of_run(run: RunFolder) -> Log:
    """Rows where it was evaluated; between them its training loss, unless its rate cools down.

    A trunk at its full rate is not what rows at the end of cooldowns are, nor is a branch's middle.
    """
    spec = run.spec()
    rows = [{**row, "step": row["steps"]} for row in run.observations()]
    told: dict[int, float] = {}
    for event in run.events() if not spec.recipe.cooldown else ():
        step, loss = event.get("step"), event.get("train_loss")
        if isinstance(step, int) and isinstance(loss, int | float) and step > 0:
            told[step] = float(loss)  # what a resumed run says again counts
    seen = {row["step"] for row in rows}
    rows += [
        {"step": step, "flops": float(spec.flops(step)), "train_loss": loss}
        for step, loss in told.items()
        if step not in seen and step > spec.recipe.warmup_steps
    ]
    kinds = {k: v for k, v in observation(spec, spec.stops[-1]).items() if isinstance(v, str)}
    frame = pd.DataFrame([kinds | row for row in rows])
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    last = str(run.last_event().get("event", ""))
    return Log(run.path, frame, spec, last if last in ENDED else "")


@dataclass(frozen=True)
class Points:
    """(k,) FLOPs in rising order and the metric there; ``dropped`` rows with the reason."""

    flops: FloatArray
    loss: FloatArray
    dropped: list[tuple[int, str]]


def points(log: Log, metric: str, flops: "pd.Series[float]") -> Points:
    """The rows that have both, in order of FLOPs; of two at the same FLOPs the later counts."""
    found: dict[float, float] = {}
    dropped = []
    if metric in log.frame:
        losses = numbers(log.frame[metric])
        for row in log.frame.index[_said(log.frame[metric])]:
            loss, spent = float(losses[row]), float(flops[row])
            if not (np.isfinite(loss) and loss > 0):
                dropped.append((int(row), f"{metric} is {plain(str(log.frame[metric][row]), 24)}"))
            elif not (np.isfinite(spent) and spent > 0):
                dropped.append((int(row), "what was spent is not a positive number"))
            else:
                found[spent] = loss
    order = sorted(found)
    return Points(np.array(order), np.array([found[c] for c in order]), dropped)


def _said(cells: "pd.Series[Any]") -> BoolArray:
    """Which rows mean to say something.

    Logs have rows of one thing or another, so that a cell without a value says nothing; but where
    there was one in every row until the last of them, what comes after is a loss that is no number.
    """
    empty = cells.isna().to_numpy()
    there = np.flatnonzero(~empty)
    if len(there) and not empty[: there[-1]].any():
        return np.ones(len(cells), dtype=bool)
    return np.asarray(~empty)


def require_column(log: Log, wanted: Iterable[str], what: str) -> str:
    """The first of several columns that the log has.

    Raises:
        BadInput: it has none of them.
    """
    wanted = list(wanted)
    for column in wanted:
        if column in log.frame:
            return column
    for column in wanted:
        if guess := nearest(column, log.frame.columns):
            raise BadInput(f"{log.path}: no {what}; is '{guess}' meant for '{column}'?")
    there = ", ".join(log.frame.columns) or "none"
    raise BadInput(
        f"{log.path}: no {what}; name a column {' or '.join(wanted)} (there are: {there})"
    )
