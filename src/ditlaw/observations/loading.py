"""From a SOURCE to checked rows of one kind, or to groups of them."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ditlaw.errors import BadInput, DitlawError, Refused
from ditlaw.foreign import foreign_table, missing_columns, rename, require_columns
from ditlaw.observations.checking import DIVERGED_NOTES, checked
from ditlaw.observations.choosing import choose, filters_of, split_source
from ditlaw.observations.study_rows import study_frame, study_of_rows
from ditlaw.observations.table import Observations
from ditlaw.study import Study, open_study
from ditlaw.tablefile import read_table, tidy
from ditlaw.text import unknown
from ditlaw.training.folder import folder_runs

# What holds rows: a study folder or a table by its path, a table in memory, or rows read before.
Tabular = str | os.PathLike[str] | pd.DataFrame | Observations

# Columns in which a fit may hold only one value: a law of a mixture is a law of nothing.
SINGLE = (
    "family",
    "parametrization",
    "cooldown",
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
IN_MEMORY = "DataFrame"  # what a table that has no path is called
MAX_ROWS = 1_000_000  # in memory, with a reason for each that is left out


def load_observations(
    source: Tabular,
    where: Iterable[str] = (),
    *,
    flops_as: str = "exact",
    several: tuple[str, ...] = (),
    columns: Mapping[str, str] | None = None,
) -> Observations:
    """Read ``SOURCE`` or ``SOURCE@COL=VALUE``: a study folder, or a .csv, .jsonl or .parquet table.

    Args:
        source: the folder or file, a table in memory, or rows that were read before.
        where: ``COL=VALUE`` filters; all must hold.
        flops_as: ``exact`` reads the flops column (6·params·tokens where there is none);
            ``6nd`` always takes 6·params·tokens. Rows read before keep what they were read with.
        several: columns of ``SINGLE`` that may hold several values, for what compares them.
        columns: what makes each column of ours, of a table with other names (``foreign``).

    Raises:
        BadInput: missing or unreadable source, missing or misspelt column, no usable row.
        Refused: several families, data sets, roles or loss weightings among the rows.
    """
    found = _selected(source, where, columns)
    rows = found.usable(found.frame, found.name, flops_as)
    return _of_study(_single(rows, found.path, but=several))


def load_swept(source: str, where: Iterable[str] = ()) -> tuple[Observations, pd.DataFrame]:
    """The rows of a sweep: several families and parametrizations may be among them.

    Returns:
        The checked rows, and as written those that note that their run diverged.

    Raises:
        BadInput, Refused: as ``load_observations``, but for those two columns.
    """
    found = _selected(source, where)
    frame = found.frame
    table = Observations(frame, source=found.name, study=found.study)
    several = ("family", "parametrization")
    rows = _single(checked(table, found.path, "exact"), found.path, but=several)
    lost = frame["note"].isin(DIVERGED_NOTES) if "note" in frame else [False] * len(frame)
    return rows, frame[lost]


def load_groups(
    source: Tabular, by: str, where: Iterable[str] = ()
) -> tuple[dict[str, Observations], dict[str, str]]:
    """The rows of each value of a column, as ``load_observations`` reads them, by that value.

    Returns:
        The groups, and the reason for each that holds no rows that one law could be fitted to.

    Raises:
        BadInput: as ``load_observations``; no such column, or it holds fewer than two values or
            more than ``MOST_GROUPS``.
    """
    found = _selected(source, where)
    path, frame = found.path, found.frame
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
        try:
            usable = found.usable(rows, f"{found.name}@{by}={value}")
            groups[value] = _of_study(_single(usable, path))
        except DitlawError as error:
            refused[value] = str(error)
    return groups, refused


class _Selected(NamedTuple):
    """Rows of a source; ``planned`` is how many all of its study gives, where nothing is chosen.

    ``name`` is the source with its filters, as answers and saved laws name their rows.
    """

    path: Path
    name: str
    frame: pd.DataFrame
    study: Study | None = None
    planned: int | None = None
    read: Observations | None = None  # what the rows are of, where they were read before

    def usable(self, frame: pd.DataFrame, name: str, flops_as: str = "exact") -> Observations:
        """Some of these rows, checked."""
        if self.read is None:
            table = Observations(frame, name, study=self.study, planned_rows=self.planned)
            return checked(table, self.path, flops_as)
        whole = len(frame) == len(self.read.frame)
        planned = self.read.planned_rows if whole else None
        return replace(self.read, frame=frame, source=name, planned_rows=planned)


def _selected(
    source: Tabular, where: Iterable[str], columns: Mapping[str, str] | None = None
) -> _Selected:
    """The rows that the filters leave, numbered as in the source from 1."""
    where = list(where)
    if isinstance(source, Observations):
        if columns:
            raise BadInput(f"--columns: {source.source} was read before; name its columns then")
        path, filters = Path(source.source), filters_of(where)
        name = "@".join([source.source, *where])
        return _Selected(path, name, choose(source.frame, filters, path), source.study, read=source)
    study = planned = None
    if isinstance(source, pd.DataFrame):
        path, filters = Path(IN_MEMORY), filters_of(where)
        frame = tidy(source.reset_index(drop=True), path)
        frame = rename(frame, columns, path) if columns else frame
    else:
        path, filters = split_source(os.fspath(source), where)
        if path.is_dir():
            study = open_study(path)
            specs = folder_runs(path, study)
            frame = study_frame(path, study, specs)
            planned = None if filters else sum(len(spec.stops) for spec in specs)
        else:
            frame = read_table(path)
            if columns or missing_columns(frame, path):  # a tracker's export, maybe
                frame = foreign_table(path, columns or {})
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    require_columns(frame, path)
    frame = choose(frame, filters, path)
    if len(frame) > MAX_ROWS:
        raise Refused(
            f"{path}: {len(frame):,} rows are more than a table may have ({MAX_ROWS:,}); keep one "
            "row a run and budget, as with --where COL=VALUE"
        )
    start = IN_MEMORY if isinstance(source, pd.DataFrame) else os.fspath(source)
    return _Selected(path, "@".join([start, *where]), frame, study, planned)


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
