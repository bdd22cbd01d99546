"""A table's columns by our names, as a user says which they are."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ditlaw.errors import BadInput
from ditlaw.foreign.names import NUMBERED
from ditlaw.tablefile import numbers
from ditlaw.text import nearest

# NAME=COLUMN, …; a column with a comma in its name stands in quotes.
PAIR = re.compile(r"""\s*([^=,"']+)=\s*("[^"]*"|'[^']*'|[^,]*)\s*(?:,|$)""")
EXAMPLE = "as params=n_params,loss=val/loss"


def parse_columns(said: str | Mapping[str, str] | None) -> dict[str, str]:
    """What makes each column of ours: a mapping, or one written as ``params=n_params,loss=L``.

    Raises:
        BadInput: what is written is no such list, or names a column of ours twice.
    """
    if said is None or not isinstance(said, str):
        return dict(said or {})
    found: dict[str, str] = {}
    at = 0
    while at < len(said):
        pair = PAIR.match(said, at)
        if pair is None or not pair[1].strip() or not pair[2].strip():
            raise BadInput(f"--columns: '{said[at:]}' is not NAME=COLUMN; write it {EXAMPLE}")
        ours, theirs = pair[1].strip(), pair[2].strip()
        if ours in found:
            raise BadInput(f"--columns: {ours} is there twice")
        found[ours] = theirs[1:-1] if theirs[0] in "\"'" and theirs[0] == theirs[-1] else theirs
        at = pair.end()
    return found


def rename(frame: pd.DataFrame, columns: Mapping[str, str], path: Path) -> pd.DataFrame:
    """The table with ours first; a column that was renamed goes, all others stay.

    What makes one is a column, a product of columns and numbers as ``Step*batch*256``, or for the
    run ``#``: the number of the row.

    Raises:
        BadInput: no such column, or one of ours is there already and stays.
    """
    made: dict[str, Any] = {}
    moved = {theirs for theirs in columns.values() if theirs in frame}
    for ours, theirs in columns.items():
        if ours in frame and ours not in moved:
            raise BadInput(
                f"{path}: --columns: column '{ours}' is there already; give it another name too, "
                f"as {ours}={theirs},other_{ours}={ours}"
            )
        if theirs in frame:
            made[ours] = frame[theirs]
        elif theirs == NUMBERED:
            made[ours] = [f"row-{number}" for number in range(1, len(frame) + 1)]
        else:
            made[ours] = _product(frame, ours, theirs, path)
    return pd.DataFrame(made, index=frame.index).join(frame.drop(columns=list(moved)))


def _product(frame: pd.DataFrame, ours: str, said: str, path: Path) -> "pd.Series[float]":
    product = pd.Series(1.0, index=frame.index)
    for factor in (part.strip() for part in said.split("*")):
        if factor in frame:
            product *= numbers(frame[factor])
            continue
        try:
            product *= float(factor)
        except ValueError:
            guess = nearest(factor, frame.columns)
            hint = f"did you mean '{guess}'?" if guess else f"known: {', '.join(frame.columns)}"
            raise BadInput(f"{path}: --columns: {ours}: no column '{factor}'; {hint}") from None
    return product
