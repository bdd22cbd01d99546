"""Which rows can be used: numbers that are numbers, runs that are past their start."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ditlaw.errors import BadInput
from ditlaw.observations.table import Observations
from ditlaw.results import Dropped
from ditlaw.tablefile import numbers
from ditlaw.text import plain

NUMERIC = ("params", "tokens", "loss", "flops", "budget", "images")
# Numbers that only warnings are made from: one that is no number there is not held against a row.
TELLING = ("steps", "warmup_steps", "epochs", "learning_rate", "device_seconds")
MIN_STEPS = 100  # below this a run is still on its first plateau
# Why a row is kept out of a fit, as written in its ``note``; any other note is the user's own.
IN_WARMUP, TOO_EARLY, DIVERGED = "inside warm-up", f"under {MIN_STEPS} steps", "run diverged"
DIVERGED_NOTES = (DIVERGED, "diverged")
REPEATED = "repeats its data"  # kept, and warned of


def checked(table: Observations, path: Path, flops_as: str) -> Observations:
    """The rows of a table that can be used, their numbers as numbers; the others are dropped.

    Raises:
        BadInput: none can.
    """
    written = table.frame
    frame = written.copy()
    for column in (*NUMERIC, *TELLING):
        if column in frame:
            frame[column] = numbers(frame[column])
    if flops_as == "6nd" or "flops" not in frame:
        frame["flops"] = 6.0 * frame["params"] * frame["tokens"]
        flops_as = "6nd"
    if "trunk" not in frame:
        frame["trunk"] = frame["run"]
    frame["trunk"] = frame["trunk"].fillna(frame["run"]).astype(str)
    frame["run"] = frame["run"].astype(str)
    if "budget" not in frame:
        frame["budget"] = np.nan
    table = replace(table, frame=frame, flops_as=flops_as)

    if "note" in frame:  # first: such a row need not have a loss
        lost = table.frame["note"].isin(DIVERGED_NOTES)
        table = replace(table.keep(~lost, DIVERGED), diverged=table.frame[lost])
    table = table.keep(written["run"].notna()[table.frame.index], "run is missing")
    for column in ("params", "tokens", "flops", "loss"):
        counted = column == "flops" and flops_as == "6nd"
        as_written = table.frame[column] if counted else written[column]
        table = _keep_numbers(table, column, as_written)
        table = table.keep(table.frame[column] > 0, f"{column} is not positive")
    if "budget" in written:
        budget = table.frame["budget"]
        stated = written["budget"].notna()[budget.index]
        wrong = stated & ~(np.isfinite(budget) & (budget > 0))
        table = table.keep(~wrong, "budget is not a positive number")
    table = _keep_fit_for_use(table)
    repeated = table.frame.duplicated(subset=["run", "params", "tokens", "loss"])
    table = table.keep(~repeated, "repeats an earlier row")
    if table.frame.empty:
        first = table.dropped[0] if table.dropped else None
        reason = f"row {first.row}: {first.reason}" if first else "none were given"
        raise BadInput(f"{path}: no usable row ({reason})")
    return table


def _keep_numbers(table: Observations, column: str, written: "pd.Series[Any]") -> Observations:
    """Rows whose cell is a finite number; a cell that was written as something else is quoted."""
    lost = table.frame.index[~np.isfinite(table.frame[column])]
    dropped = []
    for row, cell in zip(lost, written[lost], strict=True):
        quoted = "" if isinstance(cell, float) or cell is None else f": {plain(repr(cell), 24)}"
        reason = f"{column} is not a finite number{quoted}"
        dropped.append(Dropped(row=int(row), reason=reason))
    return replace(table, frame=table.frame.drop(index=lost), dropped=[*table.dropped, *dropped])


def _keep_fit_for_use(table: Observations) -> Observations:
    """Rows that do not say of themselves that they are too early."""
    if "note" in table.frame:
        for note in (IN_WARMUP, TOO_EARLY):
            table = table.keep(table.frame["note"] != note, note)
    if "steps" in table.frame:
        if "warmup_steps" in table.frame:
            inside = table.frame["steps"] <= table.frame["warmup_steps"]
            table = table.keep(~inside, IN_WARMUP)
        table = table.keep(~(table.frame["steps"] < MIN_STEPS), TOO_EARLY)
    return table
