"""Warnings about runs that look wrong: broken ones, learning rates, repeated data.

Each says how it is judged.
"""

from collections.abc import Iterable

import numpy as np

from ditlaw import text
from ditlaw.laws.isoflop import Parabola
from ditlaw.laws.noise import Noise
from ditlaw.laws.notes.outliers import high_rows, rising_rows
from ditlaw.laws.table import BoolArray, IntArray, Table
from ditlaw.observations import Observations
from ditlaw.results import Note

WIDE_SIZES = 10.0  # largest ÷ smallest size from which one learning rate for all is doubtful
NAMED = 3  # runs named in a line


def of_runs(
    observations: Observations, table: Table, curves: list[Parabola], noise: Noise
) -> list[Note]:
    """Every warning about the runs behind the rows."""
    return [
        *observations.chosen,
        *_odd_runs(observations, table, curves, noise),
        *_learning_rates(observations, table),
        *_repeated(observations),
    ]


def _odd_runs(
    observations: Observations, table: Table, curves: list[Parabola], noise: Noise
) -> list[Note]:
    runs = observations.frame["run"].to_numpy(dtype=str)
    notes = []
    high, excess = high_rows(table, curves)
    if len(high):
        notes.append(
            Note(
                code="high-loss",
                text=f"{_named(runs[high])}: {100 * np.expm1(excess.min()):.2g} % or more above "
                "the curve that the other runs of the budget draw, by over 6 robust standard "
                "deviations; diverged or cut short? A --where that leaves them out tells.",
            )
        )
    rising, rise = rising_rows(table, noise)
    if len(rising):
        notes.append(
            Note(
                code="rising-loss",
                text=f"{_named(runs[rising])}: the loss rises by {100 * np.expm1(rise.max()):.2g} "
                "% along the run, more than run noise explains; diverged, or overfitted?",
            )
        )
    return notes


def _named(runs: Iterable[str]) -> str:
    names = list(dict.fromkeys(str(run) for run in runs))
    shown = ", ".join(text.plain(name) for name in names[:NAMED])
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{'run' if len(names) == 1 else 'runs'} {shown}{more}"


def _mup(observations: Observations) -> bool:
    frame = observations.frame
    return "parametrization" in frame and bool(
        frame["parametrization"].map(str).str.startswith("mup").all()
    )


def _learning_rates(observations: Observations, table: Table) -> list[Note]:
    if "learning_rate" not in observations.frame:
        return []
    rates = observations.frame["learning_rate"].to_numpy(dtype=float)
    known = np.isfinite(rates) & (rates > 0)
    if not known.any():
        return []
    notes = []
    sizes = np.exp(table.log_n[known])
    # One rate was the best of several at each size, or muP makes one rate do for all.
    swept = bool(observations.chosen) or _mup(observations)
    if not swept and len(np.unique(rates[known])) == 1 and sizes.max() >= WIDE_SIZES * sizes.min():
        notes.append(
            Note(
                code="one-learning-rate",
                text=f"one learning rate ({rates[known][0]:.3g}) for sizes "
                f"{text.count(float(sizes.max() / sizes.min()))} times apart: where the best rate "
                "falls with size, large models look worse than they are and N* comes out too "
                "small.",
            )
        )
    mixed = sum(len(np.unique(rates[rows])) > 1 for rows in _cells(table, known))
    if mixed:
        notes.append(
            Note(
                code="mixed-learning-rates",
                text=f"{mixed} sizes have runs of several learning rates at one budget: their "
                "spread counts as run noise in this law. Fit its table again.",
            )
        )
    return notes


def _cells(table: Table, known: BoolArray) -> list[IntArray]:
    """The known rows of each cell."""
    cell = table.cells()[known]
    order = np.argsort(cell, kind="stable")
    ends = np.flatnonzero(np.diff(cell[order])) + 1
    return list(np.split(np.flatnonzero(known)[order], ends))


def _repeated(observations: Observations) -> list[Note]:
    frame, distinct = observations.frame, observations.distinct_images()
    epochs = frame["epochs"].to_numpy(dtype=float) if "epochs" in frame else None
    if epochs is None and distinct and "images" in frame:
        epochs = frame["images"].to_numpy(dtype=float) / distinct
    if epochs is None or not np.any(epochs > 1):
        return []
    many = int(np.sum(epochs > 1))
    return [
        Note(
            code="repeated-data",
            text=f"{many} of {len(epochs)} rows saw their data more than once, up to "
            f"{np.nanmax(epochs):.2g} epochs: the forms count a repeated token as a new one, so "
            "these rows may look worse than the law. 'ditlaw fit --form repeated' says what a "
            "repeat is worth.",
        )
    ]
