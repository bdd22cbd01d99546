"""Several learning rates or batches at one size and budget: a law is of the best of them.

Their spread is no run noise, and a law through their mean would be of how well they were chosen.
The choice is by the loss whatever the metric is, so that all metrics' laws are of the same runs.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ditlaw.observations import Observations
from ditlaw.results import Dropped, Note
from ditlaw.tablefile import numbers

SETTINGS = ("learning_rate", "batch")
WORSE = "not the best setting of its size and budget"  # begins the reason of each row left out
DIGITS = 6  # settings that agree so far are one
RATES_TO_JUDGE = 3  # rates tried in a cell before the best of them can lie at an edge


@dataclass(frozen=True)
class _Choice:
    """The best setting of a cell in words, the rows of the others, and what is seen of the rates.

    ``judged`` is whether enough rates were tried to see an edge, ``edge`` whether the best is one.
    """

    best: str
    others: "pd.Index[int]"
    judged: bool
    edge: bool


def keep_best(observations: Observations) -> Observations:
    """The rows of the best learning rate and batch of each size and budget; the others are dropped.

    A cell is one shape (its params, and depth, width and heads where the table has them) at one
    budget, or one number of tokens where there is none. Only cells that hold two settings or more
    are touched. The best is the one whose mean ln loss over its rows (seeds) is least; the reason
    of each dropped row names it.
    """
    frame = observations.frame
    settings = [s for s in SETTINGS if s in frame and numbers(frame[s]).nunique() > 1]
    if not settings or "loss" not in frame:
        return observations
    written = pd.DataFrame({name: written_as(numbers(frame[name])) for name in settings})
    groups = written.groupby(cell_numbers(frame), sort=False)
    each = [rows for _, rows in groups]
    compared = {name: sum(rows[name].dropna().nunique() > 1 for rows in each) for name in settings}
    several = (rows for rows in each if len(rows.dropna().drop_duplicates()) > 1)
    choices = [_choice(rows, numbers(frame["loss"])) for rows in several]
    if not choices:
        return observations
    reasons = {int(i): choice.best for choice in choices for i in choice.others}
    return replace(
        observations,
        frame=frame[~frame.index.isin(list(reasons))],
        dropped=[
            *observations.dropped,
            *(Dropped(row=i, reason=f"{WORSE}: {best}") for i, best in sorted(reasons.items())),
        ],
        chosen=(*observations.chosen, *_notes(choices, len(groups), settings, len(reasons))),
        compared=compared,
    )


def cell_numbers(frame: pd.DataFrame) -> "pd.Series[int]":
    """Which rows are of one shape and budget (tokens, where there is no budget), by row."""
    budget = numbers(frame["budget"]) if "budget" in frame else pd.Series(np.nan, frame.index)
    shape = [column for column in ("depth", "width", "heads") if column in frame]
    keys = pd.DataFrame({name: frame[name].map(str) for name in shape}, index=frame.index)
    keys["params"] = np.log(numbers(frame["params"])).round(9)
    keys["grouped"] = budget.notna()
    keys["extent"] = np.log(budget.fillna(numbers(frame["tokens"]))).round(9)
    return keys.groupby(list(keys.columns), sort=False, dropna=False).ngroup()


def written_as(values: "pd.Series[float]") -> "pd.Series[Any]":
    """Settings as text with ``DIGITS`` digits, so that rounding makes no two of one; else None."""
    return values.map(lambda v: f"{v:.{DIGITS}g}" if np.isfinite(v) else None).astype(object)


def _choice(rows: pd.DataFrame, loss: "pd.Series[float]") -> _Choice:
    named = rows.apply(_named, axis=1)
    log_loss = loss[rows.index].map(np.log)
    best = str(log_loss.groupby(named, sort=True).mean().idxmin())
    tried: list[float] = []
    if "learning_rate" in rows:
        tried = sorted(set(rows["learning_rate"].dropna().map(float)))
    judged = len(tried) >= RATES_TO_JUDGE
    chosen = rows.loc[named == best].iloc[0].get("learning_rate")
    edge = judged and chosen is not None and float(chosen) in (tried[0], tried[-1])
    return _Choice(best, rows.index[named != best], judged, edge)


def _named(row: "pd.Series[Any]") -> str:
    """The known settings of a row in words: learning_rate 0.001, batch 32."""
    known = [f"{name} {value}" for name, value in row.items() if isinstance(value, str)]
    return ", ".join(known) or "no setting"


def _notes(choices: list[_Choice], cells: int, settings: list[str], rows: int) -> list[Note]:
    what = {"learning_rate": "learning rate", "batch": "batch"}
    notes = [
        Note(
            code="best-settings-used",
            text=f"{len(choices)} of {cells} sizes and budgets have runs of several settings "
            f"({' or '.join(what[s] for s in settings)}): the law is of the best of each, and "
            f"{rows} rows of others were left out. The best of several noisy runs is a little too "
            "good; 'ditlaw rates' shows the sweep.",
        )
    ]
    judged, edge = sum(c.judged for c in choices), sum(c.edge for c in choices)
    if edge:
        notes.append(
            Note(
                code="learning-rate-edge",
                text=f"in {edge} of the {judged} sizes and budgets that tried {RATES_TO_JUDGE} or "
                "more learning rates, the best is the lowest or highest that trained: the best "
                "may lie outside.",
            )
        )
    return notes
