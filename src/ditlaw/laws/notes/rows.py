"""Warnings about the rows of a fit: what was left out, FLOPs and units."""

from collections import Counter

import numpy as np

from ditlaw import text
from ditlaw.laws.table import Table
from ditlaw.observations import IN_WARMUP, TOO_EARLY, Observations
from ditlaw.results import Dropped, Note

USUAL_RATIO = (1.0, 100.0)  # flops ÷ (params·tokens)
NAMED_ROWS = 3  # of each reason for leaving rows out
OFF_BUDGET = 0.1  # |flops ÷ budget − 1| of the median row
FAR_FROM_6ND, TILT = 0.2, 0.1  # of flops ÷ 6·params·tokens: from 1, and from size to size
# No run worth fitting is smaller than this: below it a column is in thousands or more of its unit.
SMALLEST = {"params": 1e3, "tokens": 1e4, "flops": 1e7}


def of_rows(observations: Observations, table: Table) -> list[Note]:
    """Every warning that the rows give rise to, one by one."""
    return [
        *_unfinished(observations),
        *_dropped(observations),
        *_of_flops(observations, table),
        *_of_units(table),
        *_of_budgets(table),
    ]


def _unfinished(observations: Observations) -> list[Note]:
    planned = observations.planned_rows
    there = len(observations.frame) + len(observations.dropped)
    if planned is None or there >= planned:
        return []
    return [
        Note(
            code="unfinished-study",
            text=f"{planned - there} of the study's {planned} observations are not there yet; "
            "'ditlaw status' says which runs.",
        )
    ]


def _dropped(observations: Observations) -> list[Note]:
    if not observations.dropped:
        return []
    reasons = _reasons(observations.dropped)
    notes = [left_out(observations.dropped)]
    early = reasons[IN_WARMUP] + reasons[TOO_EARLY]
    if early:
        notes.append(
            Note(
                code="early-rows",
                text=f"{early} rows are from inside warm-up or the first steps of a run, where the "
                "loss follows no law yet; they were left out. Smaller batches or larger budgets "
                "would move them in.",
            )
        )
    return notes


def left_out(dropped: list[Dropped]) -> Note:
    """How many rows were left out, why, and the first of each kind; at least one was."""
    listed = []
    for reason, many in _reasons(dropped).most_common(3):
        rows = [str(d.row) for d in dropped if _kind(d) == reason]
        more = ", …" if many > NAMED_ROWS else ""
        listed.append(f"{many} × {reason} (row {', '.join(rows[:NAMED_ROWS])}{more})")
    return Note(code="rows-dropped", text=f"rows were left out: {'; '.join(listed)}.")


def _reasons(dropped: list[Dropped]) -> Counter[str]:
    return Counter(_kind(d) for d in dropped)


def _kind(dropped: Dropped) -> str:
    return dropped.reason.partition(":")[0]


def _of_flops(observations: Observations, table: Table) -> list[Note]:
    if observations.flops_as == "6nd":
        return [
            Note(
                code="6nd-used",
                text="FLOPs are 6·params·tokens, which misses attention and embeddings; "
                "a flops column with exact counts is better.",
            )
        ]
    share = 6 * np.exp(table.log_n + table.log_d - table.log_c)
    ends = [float(np.median(share[table.log_n == n])) for n in np.unique(table.log_n)[[0, -1]]]
    low, high = float(share.min()), float(share.max())
    far = max(abs(end - 1) for end in ends) > FAR_FROM_6ND
    # Where no row is near 6ND the units are wrong, which has a warning of its own.
    if not far or max(ends) < (1 + TILT) * min(ends) or not _usual(table):
        return []
    return [
        Note(
            code="far-from-6nd",
            text=f"6·params·tokens is {low:.2f} to {high:.2f} times the flops column "
            f"({ends[0]:.2f} in the smallest size, {ends[1]:.2f} in the largest): exponents fitted "
            "on 6ND elsewhere are not comparable. The column counts here.",
        )
    ]


def _ratio(table: Table) -> float:
    return float(np.exp(np.median(table.log_c - table.log_n - table.log_d)))


def _usual(table: Table) -> bool:
    return USUAL_RATIO[0] <= _ratio(table) <= USUAL_RATIO[1]


def _of_units(table: Table) -> list[Note]:
    columns = {"params": table.log_n, "tokens": table.log_d, "flops": table.log_c}
    small = [name for name, logs in columns.items() if np.exp(logs.max()) < SMALLEST[name]]
    # 6ND of small params is small too: that is no fault of the flops.
    guess = small[0] if small else None
    if guess is None and _usual(table):
        return []
    parts = []
    if guess is not None:
        largest = float(np.exp(columns[guess].max()))
        parts.append(
            f"column '{guess}' holds no more than {text.number(largest)}, as if counted in "
            f"millions or billions; write 7e9 for 7 billion"
        )
    if not _usual(table):
        parts.append(
            f"flops are {_ratio(table):.3g} times params·tokens in the median row, where about 6 "
            "is usual; check the units of the three"
        )
        if guess is None and _ratio(table) > USUAL_RATIO[1]:
            parts.append("tokens may be images, or steps")
    return [Note(code="odd-units", text="; ".join(parts) + ".")]


def _of_budgets(table: Table) -> list[Note]:
    grouped = table.group >= 0
    if not np.any(grouped):
        return []
    share = np.exp(table.log_c[grouped]) / table.budgets[table.group[grouped]]
    if np.median(np.abs(share - 1)) <= OFF_BUDGET:
        return []
    return [
        Note(
            code="budget-mismatch",
            text=f"flops are {np.median(share):.3g} times the row's budget in the median; "
            "flops count here, and budgets only group rows.",
        )
    ]
