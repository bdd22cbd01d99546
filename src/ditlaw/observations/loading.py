"""From a SOURCE to checked rows of one kind, or to groups of them."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ditlaw.errors import BadInput, DitlawError, Refused
from ditlaw.observations.checking import DIVERGED_NOTES, checked
from ditlaw.observations.choosing import choose, split_source
from ditlaw.observations.study_rows import study_frame, study_of_rows
from ditlaw.observations.table import REQUIRED, Observations
from ditlaw.study import Study, open_study
from ditlaw.tablefile import read_table
from ditlaw.text import nearest, unknown
from ditlaw.training.folder import folder_runs

# Columns in which a fit may hold only one value: a law of a mixture is a law of nothing.
SINGLE = (
    "family",
    "parametrization",
    "dataset",
    "patch",
    "text_tokens",
    "role",
    "recipe",
    "timesteps",
    "weighting",
    "loss_weighting",
    "timestep_weighting",
)
MOST_GROUPS = 20  # of a comparison; more is a column that names runs
MAX_ROWS = 1_000_000  # in memory, with a reason for each that is left out


def load_observations(
    source: str,
    where: Iterable[str] = (),
    *,
    flops_as: str = "exact",
    several: tuple[str, ...] = (),
) -> Observations:
    """Read ``SOURCE`` or ``SOURCE@COL=VALUE``: a study folder, or a .csv, .jsonl or .parquet table.

    Args:
        source: the folder or file.
        where: ``COL=VALUE`` filters; all must hold.
        flops_as: ``exact`` reads the flops column (6·params·tokens where there is none);
            ``6nd`` always takes 6·params·tokens.
        several: columns of ``SINGLE`` that may hold several values, for what compares them.

    Raises:
        BadInput: missing or unreadable source, missing or misspelt column, no usable row.
        Refused: several families, data sets, roles or loss weightings among the rows.
    """
    where = list(where)
    found = _selected(source, where)
    # Answers and saved laws name the rows that they are of.
    named = "@".join([source, *where])
    table = Observations(found.frame, named, study=found.study, planned_rows=found.planned)
    return _of_study(_single(checked(table, found.path, flops_as), found.path, but=several))


def load_swept(source: str, where: Iterable[str] = ()) -> tuple[Observations, pd.DataFrame]:
    """The rows of a sweep: several families and parametrizations may be among them.

    Returns:
        The checked rows, and as written those that note that their run diverged.

    Raises:
        BadInput, Refused: as ``load_observations``, but for those two columns.
    """
    where = list(where)
    path, frame, study, _ = _selected(source, where)
    table = Observations(frame, source="@".join([source, *where]), study=study)
    several = ("family", "parametrization")
    rows = _single(checked(table, path, "exact"), path, but=several)
    lost = frame["note"].isin(DIVERGED_NOTES) if "note" in frame else [False] * len(frame)
    return rows, frame[lost]


def load_groups(
    source: str, by: str, where: Iterable[str] = ()
) -> tuple[dict[str, Observations], dict[str, str]]:
    """The rows of each value of a column, as ``load_observations`` reads them, by that value.

    Returns:
        The groups, and the reason for each that holds no rows that one law could be fitted to.

    Raises:
        BadInput: as ``load_observations``; no such column, or it holds fewer than two values or
            more than ``MOST_GROUPS``.
    """
    where = list(where)
    path, frame, study, _ = _selected(source, where)
    if by not in frame:
        raise unknown(f"{path}: --by", by, frame.columns)
    values = sorted(frame[by].dropna().map(str).unique())
    if not 1 < len(values) <= MOST_GROUPS:
        held = f"only '{values[0]}'" if len(values) == 1 else f"{len(values)} values"
        raise BadInput(
            f"{path}: --by: column '{by}' holds {held}; a comparison takes 2 to {MOST_GROUPS}"
        )
    groups, refused = {}, {}
    for value in values:
        rows = frame[frame[by].map(str) == value]
        named = "@".join([source, *where, f"{by}={value}"])
        table = Observations(rows, source=named, study=study)
        try:
            groups[value] = _of_study(_single(checked(table, path, "exact"), path))
        except DitlawError as error:
            refused[value] = str(error)
    return groups, refused


class _Selected(NamedTuple):
    """Rows of a source; ``planned`` is how many all of its study gives, where nothing is chosen."""

    path: Path
    frame: pd.DataFrame
    study: Study | None
    planned: int | None


def _selected(source: str, where: Iterable[str]) -> _Selected:
    """The rows that the filters leave, numbered as in the source from 1."""
    path, filters = split_source(source, where)
    study = planned = None
    if path.is_dir():
        study = open_study(path)
        specs = folder_runs(path, study)
        frame = study_frame(path, study, specs)
        planned = None if filters else sum(len(spec.stops) for spec in specs)
    else:
        frame = read_table(path)
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    _require_columns(frame, path)
    frame = choose(frame, filters, path)
    if len(frame) > MAX_ROWS:
        raise Refused(
            f"{path}: {len(frame):,} rows are more than a table may have ({MAX_ROWS:,}); keep one "
            "row a run and budget, as with --where COL=VALUE"
        )
    return _Selected(path, frame, study, planned)


def _of_study(table: Observations) -> Observations:
    """The table with the part of its study that the rows which can be used are of."""
    return replace(table, study=study_of_rows(table.study, table.frame))


def _single(table: Observations, path: Path, but: tuple[str, ...] = ()) -> Observations:
    """The table, if its rows are of one family, data set, role and so on, ``but`` some columns."""
    for column in (name for name in SINGLE if name not in but):
        values = sorted(set(table.frame[column].dropna().map(str))) if column in table.frame else []
        if len(values) > 1:
            raise Refused(
                f"{path}: column '{column}' holds {', '.join(values)}; a law holds one of them; "
                f"choose one with --where {column}={values[0]}, or set them side by side with "
                f"'ditlaw compare {path} --by {column}'"
            )
    return table


def _require_columns(frame: pd.DataFrame, path: Path) -> None:
    for column in REQUIRED:
        if column not in frame:
            guess = nearest(column, frame.columns)
            hint = f"is '{guess}' meant?" if guess else f"there are: {', '.join(frame.columns)}"
            raise BadInput(f"{path}: column '{column}' is missing; {hint}")
