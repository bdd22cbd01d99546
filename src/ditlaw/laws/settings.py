"""Several learning rates or batches at one size and budget: a law is of the best of them.

Their spread is no run noise, and a law through their mean would be of how well they were chosen.
The choice is by the loss whatever the metric is, so that all metrics' laws are of the same runs.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ditlaw.laws.setting_scores import best_of_cells
from ditlaw.observations import Observations
from ditlaw.results import Dropped, Note
from ditlaw.tablefile import numbers

SETTINGS = ("learning_rate", "batch")
CHOSEN = (*SETTINGS, "heads")  # of which a law is of the best
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
    """The rows of the best settings of each size and budget; the others are dropped.

    Settings are the learning rate, the batch and, at one depth and width, the number of heads. A
    cell is one shape (its params, and depth and width where the table has them) at one budget, or
    one number of tokens where there is none. Only cells that hold two settings or more are touched.
    Which is best is told by all cells together (``setting_scores``); a setting of which a seed
    diverged is not. The reason of each dropped row names the best.
    """
    frame = observations.frame
    settings = [s for s in CHOSEN if s in frame and _known(frame[s]).nunique() > 1]
    if not settings or "loss" not in frame:
        return observations
    lost = observations.diverged
    both = pd.concat([frame, lost]) if len(lost) else frame
    cells = cell_numbers(both, but=("heads",))
    written = pd.DataFrame({s: written_as(_known(both[s])) for s in settings}, index=both.index)
    named = written.apply(_named, axis=1)
    cell, words = cells[frame.index], named[frame.index]
    diverged = set(zip(cells[lost.index], named[lost.index], strict=True))
    several = words.groupby(cell).transform("nunique") > 1
    if not several.any():
        return observations
    best = _best(frame[several], cell[several], words[several], settings, diverged)
    choices = [
        _choice(rows, words[rows.index], best[number])
        for number, rows in written.loc[frame.index][several].groupby(cell[several], sort=False)
    ]
    reasons = {int(i): choice.best for choice in choices for i in choice.others}
    if not reasons:
        return observations
    tried = {s: written.loc[frame.index, s].groupby(cell).nunique() for s in settings}
    return replace(
        observations,
        frame=frame[~frame.index.isin(list(reasons))],
        dropped=[
            *observations.dropped,
            *(Dropped(row=i, reason=f"{WORSE}: {best}") for i, best in sorted(reasons.items())),
        ],
        chosen=(*observations.chosen, *_notes(choices, cell.nunique(), settings, len(reasons))),
        compared={s: (int((n >= RATES_TO_JUDGE).sum()), len(n)) for s, n in tried.items()},
    )


def _known(values: "pd.Series[Any]") -> "pd.Series[float]":
    """Settings as numbers; what is no positive one is not known."""
    found = numbers(values)
    return found.where(found > 0)


def _best(
    frame: pd.DataFrame,
    cell: "pd.Series[int]",
    words: "pd.Series[str]",
    settings: list[str],
    diverged: set[tuple[int, str]],
) -> dict[int, str]:
    """The best settings of each cell, in words; those that diverged only where all did."""
    size = np.log(numbers(frame["params"]))
    budget = numbers(frame["budget"]) if "budget" in frame else pd.Series(np.nan, frame.index)
    extent = np.log(budget.fillna(numbers(frame["tokens"])))
    logs = {s: np.log(_known(frame[s])) for s in settings}
    columns = pd.DataFrame(
        {"cell": cell, "words": words, "loss": np.log(numbers(frame["loss"])), **logs}
        | {"size": size, "extent": extent}
    )
    entries = columns.groupby(["cell", "words"], sort=True).mean()
    entries["rows"] = columns.groupby(["cell", "words"], sort=True).size()
    entries = entries.reset_index()
    broken = [key in diverged for key in zip(entries["cell"], entries["words"], strict=True)]
    sound = ~pd.Series(broken, entries.index)
    sound |= ~sound.groupby(entries["cell"]).transform("any")
    entries = entries[sound]
    logs_known = entries[settings].fillna(entries[settings].mean())
    chosen = best_of_cells(
        entries["cell"].to_numpy(),
        logs_known.to_numpy(dtype=float),
        entries[["size", "extent"]].to_numpy(dtype=float),
        entries["loss"].to_numpy(dtype=float),
        entries["rows"].to_numpy(dtype=float),
    )
    found = entries.iloc[chosen]
    return dict(zip(found["cell"], found["words"], strict=True))


def cell_numbers(frame: pd.DataFrame, but: tuple[str, ...] = ()) -> "pd.Series[int]":
    """Which rows are of one shape (``but`` a column) and budget, or tokens, by row."""
    budget = numbers(frame["budget"]) if "budget" in frame else pd.Series(np.nan, frame.index)
    shape = [c for c in ("depth", "width", "heads") if c in frame and c not in but]
    keys = pd.DataFrame({name: frame[name].map(str) for name in shape}, index=frame.index)
    keys["params"] = np.log(numbers(frame["params"])).round(9)
    keys["grouped"] = budget.notna()
    keys["extent"] = np.log(budget.fillna(numbers(frame["tokens"]))).round(9)
    return keys.groupby(list(keys.columns), sort=False, dropna=False).ngroup()


def written_as(values: "pd.Series[float]") -> "pd.Series[Any]":
    """Settings as text with ``DIGITS`` digits, so that rounding makes no two of one; else None."""
    return values.map(lambda v: f"{v:.{DIGITS}g}" if np.isfinite(v) else None).astype(object)


def _choice(rows: pd.DataFrame, named: "pd.Series[str]", best: str) -> _Choice:
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
    what = {"learning_rate": "learning rate", "batch": "batch", "heads": "number of heads"}
    notes = [
        Note(
            code="best-settings-used",
            text=f"{len(choices)} of {cells} sizes and budgets have runs of several settings "
            f"({' or '.join(what[s] for s in settings)}): the law is of the best of each "
            f"as all sizes and budgets together tell it, and {rows} rows of others were left out; "
            "'ditlaw rates' shows the sweep.",
        )
    ]
    judged, edge = sum(c.judged for c in choices), sum(c.edge for c in choices)
    if edge:
        notes.append(
            Note(
                code="learning-rate-edge",
                text=f"in {edge} of the {judged} sizes and budgets that tried {RATES_TO_JUDGE} or "
                "more learning rates, the one that the law keeps is the lowest or highest that "
                "trained: the best may lie outside.",
            )
        )
    return notes
