"""Which columns of a table are metrics, and their values."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from ditlaw.laws import Law
from ditlaw.laws.table import FloatArray
from ditlaw.observations import Observations
from ditlaw.observations.metric_names import ERRORS, KINDS, has_settings, kind, whole
from ditlaw.tablefile import numbers
from ditlaw.text import unknown


def known_metrics(observations: Observations) -> list[str]:
    """Every known metric of the table that holds numbers, the loss first.

    Columns of single settings are there where a metric has more than one, after its best.
    """
    frame = observations.frame
    found = [name for name in frame.columns if kind(name) in KINDS and _has_numbers(frame, name)]
    settings = [whole(name) for name in found if has_settings(name)]
    shown = [n for n in found if not has_settings(n) or settings.count(whole(n)) > 1]
    return sorted(shown, key=lambda n: (KINDS.index(kind(n)), whole(n), has_settings(n)))


def with_errors(observations: Observations) -> Observations:
    """With a column of what each score lacks of 1, where it is not there already."""
    frame = observations.frame
    added = {
        error_of(name): 1.0 - numbers(frame[name])
        for name in frame.columns
        if kind(name) in ERRORS and error_of(name) not in frame
    }
    return replace(observations, frame=frame.assign(**added)) if added else observations


def error_of(name: str) -> str:
    """The column of what a score lacks of 1; any other column is itself."""
    return name.replace(kind(name), ERRORS.get(kind(name), kind(name)), 1)


def chosen_metrics(observations: Observations, metrics: Sequence[str]) -> list[str]:
    """The loss and the columns that were asked for, by default all that are known.

    Raises:
        BadInput: no such column, or no number in it.
    """
    known = known_metrics(observations)
    for name in metrics:
        if not _has_numbers(observations.frame, name):
            raise unknown("--metric", name, known)
    return list(dict.fromkeys(["loss", *(map(error_of, metrics) if metrics else known)]))


def values_of(law: Law, name: str) -> FloatArray:
    """A column over the rows of a law (n,); NaN where there is no number."""
    return np.asarray(numbers(law.observations.frame[name]), dtype=float)


def log_ratio(law: Law, name: str, other: str) -> FloatArray:
    """ln of one column ÷ another over the rows of a law; NaN where one is not positive."""
    with np.errstate(all="ignore"):
        found = np.log(values_of(law, name)) - np.log(values_of(law, other))
    return np.where(np.isfinite(found), found, np.nan)


def _has_numbers(frame: pd.DataFrame, name: str) -> bool:
    return name in frame and bool(numbers(frame[name]).notna().any())
