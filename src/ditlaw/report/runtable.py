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
    return _of_folders(material) if material.runs else _of_rows(material)


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


def _of_rows(material: Material) -> Table:
    frame, metric = material.law.observations.frame, material.law.metric
    used = [_cells(dict(row), at, metric, USED) for at, row in frame.head(MOST_ROWS).iterrows()]
    lost = [
        _cells(_written(material, n), n, metric, f"{LEFT_OUT}: {why}")
        for _, n, why in material.dropped[:MOST_ROWS]
    ]
    caption = "Every row of the source, and whether it is in the fit"
    total = len(frame) + len(material.dropped)
    if len(used) + len(lost) < total:
        caption = f"The first {len(used)} rows of the fit and {len(lost)} left out, of {total}"
    numbered = ["FLOPs" if name == "flops" else name for name in NUMBERS]
    columns = ["run", "row", *numbered, metric, "in the fit?"]
    kinds = [USED] * len(used) + [LEFT_OUT] * len(lost)
    return Table(caption, columns, used + lost, left=frozenset({0, 7}), kinds=kinds)


def _cells(row: dict[Any, Any], at: Any, metric: str, state: str) -> list[Cell]:
    values = [number(row.get(name), form) for name, form in NUMBERS.items()]
    name = row.get("run")
    named = Cell(str(name) if name == name and name else "–")
    return [named, number(at, str), *values, number(row.get(metric), text.loss), Cell(state)]


def _written(material: Material, row: int) -> dict[str, Any]:
    """A row that was left out, its numbers as numbers; nothing of it where it is not known."""
    if row not in material.written.index:
        return {}
    found = dict(material.written.loc[row])
    for name in (*NUMBERS, material.law.metric):
        if name in found:
            found[name] = float(numbers(pd.Series([found[name]])).iloc[0])
    return found
