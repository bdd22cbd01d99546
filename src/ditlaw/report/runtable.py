"""The table of runs: from the run folders of a study, else from the rows themselves."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from ditlaw import text
from ditlaw.report.material import Material, Run
from ditlaw.report.tables import MOST_ROWS, Cell, Table, number
from ditlaw.tablefile import numbers

NUMBERS: dict[str, Callable[[float], str]] = {
    "params": text.count,
    "tokens": text.count,
    "flops": text.flops,
    "budget": text.flops,
}
USED, LEFT_OUT, CHECKS = "in the fit", "left out", "checks a forecast"


def run_table(material: Material) -> Table:
    """Every run of a study with its time and state; the rows of a table, those left out too."""
    if material.runs:
        return _of_folders(material)
    law = material.law
    return row_table(law.observations.frame, material.dropped, material.written, law.metric)


def _of_folders(material: Material) -> Table:
    why: dict[str, list[str]] = {}
    for name, _, reason in material.dropped:
        if reason not in why.setdefault(name, []):
            why[name].append(reason)
    fitted = set(material.law.observations.frame["run"])
    columns = ["run", "seed", "params", "images", "tokens", "FLOPs", "time", "state"]
    return Table(
        "Every run: what it was trained on so far, how long that took, and its last loss",
        [*columns, material.law.metric, "in the fit?"],
        [_row(material, run, why.get(run.status.id, []), fitted) for run in material.runs],
        left=frozenset({0, 7, 9}),
        kinds=[_kind(run, fitted) for run in material.runs],
        saved_as={"time": "seconds"},
    )


def _kind(run: Run, fitted: set[str]) -> str:
    if run.verifying:
        return CHECKS
    return USED if run.status.id in fitted else LEFT_OUT


def _row(material: Material, run: Run, why: list[str], fitted: set[str]) -> list[Cell]:
    spec, status = run.spec, run.status
    kind = _kind(run, fitted)
    notes = ["checks a forecast; in no fit"] if run.verifying else [kind]
    notes += [status.reason] if status.reason else []
    some = "some rows left out" if kind == USED else "rows left out"
    notes += [] if run.verifying else [f"{some}: {reason}" for reason in why]
    state = status.state if status.state == "done" else f"{status.state}, {status.progress:.0%}"
    return [
        Cell(status.id),
        number(spec.seed, str),
        number(spec.counts().params, text.count),
        number(status.images, text.count),
        number(status.tokens, text.count),
        number(status.flops, text.flops),
        number(run.seconds, lambda seconds: f"{seconds:,.1f} s"),
        Cell(state, mood="bad" if status.state in ("failed", "diverged") else ""),
        number(status.loss, text.loss),
        Cell("; ".join(notes)),
    ]


def row_table(
    frame: pd.DataFrame,
    dropped: list[tuple[str, int, str]],
    written: pd.DataFrame,
    metric: str,
    used_as: str = USED,
) -> Table:
    """Rows that are used, then those left out with the reason, by their number in the source.

    Args:
        frame: the rows that are used.
        dropped: run, row and reason of the others, as ``named_drops`` has them.
        written: all rows of the source, whose numbers the others have.
        metric: the column whose values are shown.
        used_as: what the used ones are used for.
    """
    used = [_cells(dict(row), at, metric, used_as) for at, row in frame.head(MOST_ROWS).iterrows()]
    lost = [
        _cells(_written(written, n, metric), n, metric, f"{LEFT_OUT}: {why}")
        for _, n, why in dropped[:MOST_ROWS]
    ]
    caption = f"Every row of the source, and whether it is {used_as}"
    total = len(frame) + len(dropped)
    if len(used) + len(lost) < total:
        caption = f"The first {len(used)} rows {used_as} and {len(lost)} left out, of {total}"
    numbered = ["FLOPs" if name == "flops" else name for name in NUMBERS]
    columns = ["run", "row", *numbered, metric, f"{used_as}?"]
    kinds = [used_as] * len(used) + [LEFT_OUT] * len(lost)
    return Table(caption, columns, used + lost, left=frozenset({0, 7}), kinds=kinds)


def _cells(row: dict[Any, Any], at: Any, metric: str, state: str) -> list[Cell]:
    values = [number(row.get(name), form) for name, form in NUMBERS.items()]
    name = row.get("run")
    named = Cell(str(name) if name == name and name else "–")
    return [named, number(at, str), *values, number(row.get(metric), text.loss), Cell(state)]


def _written(written: pd.DataFrame, row: int, metric: str) -> dict[str, Any]:
    """A row that was left out, its numbers as numbers; nothing of it where it is not known."""
    if row not in written.index:
        return {}
    found = dict(written.loc[row])
    for name in (*NUMBERS, metric):
        if name in found:
            found[name] = float(numbers(pd.Series([found[name]])).iloc[0])
    return found
