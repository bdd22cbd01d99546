"""From a table to the observations of one equation: which rows, which numbers of them."""

from dataclasses import replace

import numpy as np
import pandas as pd

from ditlaw.equations.base import Form, Sample
from ditlaw.errors import BadInput, Refused
from ditlaw.laws import noise as noise_module
from ditlaw.laws.table import FloatArray, Table, as_table, prepare
from ditlaw.observations import Observations
from ditlaw.results import Note
from ditlaw.text import nearest

NEAR_BEST = 0.0025  # a setting this close to the best of its cell is near-optimal (DeepSeek)
MIN_SETTINGS = 3  # different learning rates or batches in a cell, to see which is best


def of_rows(form: Form, observations: Observations, metric: str) -> Sample:
    """Every usable row: its columns and its metric.

    Raises:
        BadInput: no such metric, or a column that the form needs is missing.
        Refused: no usable row.
    """
    observations, table = prepare(observations, metric)
    if form.score:
        observations = observations.keep(
            observations.frame[metric].astype(float) < 1, f"{metric} is not below 1"
        )
        if observations.frame.empty:
            raise Refused(
                f"{observations.source}: {form.name}: no {metric} lies between 0 and 1; "
                "'power' and 'floor' are for distances"
            )
        table = as_table(observations.frame, metric)
    y = np.exp(table.log_loss)
    noise = None
    if "epochs" not in form.columns:  # rows that differ in epochs are not replicates
        noise = noise_module.from_replicates(replace(table, log_loss=form.link(y)))
    return Sample(
        source=observations.source,
        target=metric,
        x=np.stack([_column(name, observations, table) for name in form.columns]),
        y=y,
        trunk=table.trunk,
        noise=noise,
        log_c=table.log_c,
        dropped=observations.dropped,
        notes=[*observations.chosen, *_of_flops(form, observations)],
    )


def of_best_settings(form: Form, observations: Observations, setting: str) -> Sample:
    """The near-optimal rows of each size and budget, their learning rate or batch as y.

    A cell is one size with one budget (or one amount of tokens where there is none). It says
    something if it holds three settings or more and its best is not at an end of them.

    Raises:
        BadInput: the column is missing or holds no numbers.
        Refused: no cell says anything.
    """
    frame = observations.frame
    if setting not in frame:
        guess = nearest(setting, frame.columns)
        hint = f"is '{guess}' meant? rename it" if guess else "add it to the table"
        raise BadInput(f"{observations.source}: {form.name}: column '{setting}' is missing; {hint}")
    cells_held = pd.to_numeric(frame[setting], errors="coerce").astype(float)
    usable = (cells_held > 0) & (cells_held < np.inf)
    observations = observations.keep(usable, f"{setting} is not a positive number")
    if observations.frame.empty:
        raise BadInput(f"{observations.source}: {form.name}: '{setting}' holds no positive number")
    observations, table = prepare(observations, "loss")
    values = observations.frame[setting].to_numpy(dtype=float)
    cells = table.cells()
    near, few, ends = np.zeros(len(table), dtype=bool), 0, 0
    for cell in np.unique(cells):
        rows = np.flatnonzero(cells == cell)
        settings = np.unique(values[rows])
        if len(settings) < MIN_SETTINGS:
            few += 1
            continue
        best = rows[table.log_loss[rows].argmin()]
        if values[best] in (settings[0], settings[-1]):
            ends += 1
            continue
        near[rows] = table.log_loss[rows] <= table.log_loss[best] + np.log1p(NEAR_BEST)
    if not near.any():
        raise Refused(
            f"{observations.source}: {form.name}: no size and budget has its best {setting} inside "
            f"{MIN_SETTINGS} or more of them ({few} have fewer, {ends} are best at an end); "
            f"run several values of {setting} at each size"
        )
    notes = _of_flops(form, observations)
    if few or ends:
        notes.append(
            Note(
                code="settings-at-edge" if ends else "few-settings",
                text=f"{few + ends} of {int(cells.max()) + 1} sizes and budgets say nothing: {few} "
                f"have fewer than {MIN_SETTINGS} values of {setting}, {ends} are best at an end.",
            )
        )
    x = np.stack([_column(name, observations, table) for name in form.columns])
    return Sample(
        source=observations.source,
        target=setting,
        x=x[:, near],
        y=values[near],
        trunk=np.unique(cells[near], return_inverse=True)[1],  # a cell's optimum errs as a whole
        dropped=observations.dropped,
        notes=notes,
    )


def _column(name: str, observations: Observations, table: Table) -> FloatArray:
    """Logs of one column, (n,)."""
    if name in ("params", "tokens", "flops"):
        return {"params": table.log_n, "tokens": table.log_d, "flops": table.log_c}[name]
    if name == "loss":
        return np.asarray(np.log(observations.frame["loss"].to_numpy(dtype=float)))
    assert name == "epochs", name
    return _log_epochs(observations)


def _log_epochs(observations: Observations) -> FloatArray:
    """ln of D/U, at least 0, from ``unique_tokens`` or ``epochs``."""
    frame = observations.frame
    if "unique_tokens" in frame:
        unique = pd.to_numeric(frame["unique_tokens"], errors="coerce").astype(float)
        epochs = frame["tokens"].astype(float) / unique
        column = "unique_tokens"
    elif "epochs" in frame:
        epochs, column = pd.to_numeric(frame["epochs"], errors="coerce").astype(float), "epochs"
    else:
        raise BadInput(
            f"{observations.source}: repeated: column 'unique_tokens' (or 'epochs') is missing; it "
            "says how much of the data was new"
        )
    values = epochs.to_numpy()
    bad = ~(np.isfinite(values) & (values > 0) & (values < 1e9))
    if np.any(bad):
        raise BadInput(
            f"{observations.source}: row {frame.index[bad][0]}: {column} gives no positive number "
            "of epochs; fill it or leave the row out with --where"
        )
    if values.max() <= 1.0:
        raise Refused(
            f"{observations.source}: repeated: no row repeats its data (epochs are at most 1); "
            "'chinchilla' is the equation for these rows"
        )
    return np.asarray(np.log(np.maximum(values, 1.0)))


def _of_flops(form: Form, observations: Observations) -> list[Note]:
    if "flops" in form.columns and observations.flops_as == "6nd":
        return [
            Note(
                code="6nd-used",
                text="FLOPs are 6·params·tokens, which misses attention and embeddings.",
            )
        ]
    return []
