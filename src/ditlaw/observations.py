"""The observations table: where the half that makes runs meets the half that fits laws.

One row is one run's params, tokens, FLOPs and loss at one point of its training. Rows of one
``trunk`` (one training run, evaluated several times) share an error.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ditlaw.digests import digest
from ditlaw.errors import BadInput, DitlawError, Refused
from ditlaw.families import FAMILIES
from ditlaw.files import last_json_line, read_json_lines
from ditlaw.metrics_table import merged
from ditlaw.results import Dropped, Note
from ditlaw.speed import Speed, speed_of
from ditlaw.step_times import with_times
from ditlaw.study import STUDY_FILE, Study, narrowed, open_study
from ditlaw.tablefile import numbers, read_table
from ditlaw.text import nearest, plain, unknown
from ditlaw.training.folder import RunFolder, folder_runs
from ditlaw.training.observation import observation

REQUIRED = ("run", "params", "tokens", "loss")
NUMERIC = ("params", "tokens", "loss", "flops", "budget", "images")
# Numbers that only warnings are made from: one that is no number there is not held against a row.
TELLING = ("steps", "warmup_steps", "epochs", "learning_rate", "device_seconds")
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
QUANTITY = (
    "dataset",
    "evaluated_on",
    "timesteps",
    "weighting",
    "loss_weighting",
    "timestep_weighting",
    "extractor",
    "reference",
    "samples_drawn",
    "drawn_with",
)
MOST_GROUPS = 20  # of a comparison; more is a column that names runs
SAME_RATIO = 1.01  # rows whose tokens per image differ by less than this agree
MAX_ROWS = 1_000_000  # in memory, with a reason for each that is left out
MIN_STEPS = 100  # below this a run is still on its first plateau
# Why a row is kept out of a fit, as written in its ``note``; any other note is the user's own.
IN_WARMUP, TOO_EARLY, DIVERGED = "inside warm-up", f"under {MIN_STEPS} steps", "run diverged"
DIVERGED_NOTES = (DIVERGED, "diverged")
REPEATED = "repeats its data"  # kept, and warned of


@dataclass(frozen=True)
class Observations:
    """Checked rows, and what was left out on the way.

    ``frame`` has the columns run, trunk, params, tokens, flops, loss (floats, positive, finite),
    budget (NaN where a row belongs to no isoFLOP group) and whatever else the source had. Its
    index is the row number in the source, from 1. ``planned_rows`` is how many rows the whole study
    gives, where the source is all of one. ``chosen`` says how rows were chosen among others,
    ``compared`` in how many cells a setting was, by its column.
    """

    frame: pd.DataFrame
    source: str
    flops_as: str = "exact"
    dropped: list[Dropped] = field(default_factory=list)
    study: Study | None = None
    planned_rows: int | None = None
    chosen: tuple[Note, ...] = ()
    compared: dict[str, int] = field(default_factory=dict)

    def tokens_per_image(self) -> float | None:
        """Tokens of one image: the study's, or the table's where all its rows agree; else None.

        Where a study mixes resolutions it is the mean.
        """
        if self.study is not None:
            return self.study.geometry.tokens_per_sample()
        if "images" not in self.frame or not (self.frame["images"] > 0).all():
            return None
        ratio = self.frame["tokens"] / self.frame["images"]
        return float(ratio.median()) if ratio.max() < SAME_RATIO * ratio.min() else None

    def distinct_images(self) -> float | None:
        """How many images there are before they repeat; None where that is not known."""
        if {"epochs", "images"} <= set(self.frame):
            each = (numbers(self.frame["images"]) / numbers(self.frame["epochs"])).dropna()
            if len(each):
                return float(each.median())
        stated = {data.images for data in self.study.data} if self.study is not None else set()
        return stated.pop() if len(stated) == 1 else None

    def flops_range(self) -> tuple[float, float]:
        """Smallest and largest FLOPs of a row."""
        return float(self.frame["flops"].min()), float(self.frame["flops"].max())

    def kinds(self) -> dict[str, str]:
        """What the loss is a loss of: the one value of each column that makes losses incomparable.

        Rows without such a column are taken to be like any others.
        """
        found = {}
        for column in QUANTITY:
            values = set(self.frame[column].dropna().map(str)) if column in self.frame else set()
            if len(values) == 1:
                found[column] = values.pop()
        return found

    @cached_property
    def speed(self) -> Speed | None:
        """How fast its models train, by size; None where no row has ``device_seconds``."""
        return speed_of(self.frame)

    def of_diffusion(self) -> bool:
        """Whether the losses are known to be of diffusion models: of a study, or by a column."""
        if self.study is not None or "timesteps" in self.frame:
            return True
        return "family" in self.frame and bool(self.frame["family"].isin(FAMILIES).any())

    def digest(self) -> str:
        """SHA-256 of the rows that a fit reads."""
        rows = self.frame[[*REQUIRED, "flops", "budget"]].sort_values(["run", "tokens"])
        return digest(rows.astype(object).where(rows.notna(), None).to_numpy().tolist())

    def keep(self, mask: "pd.Series[bool]", reason: str) -> "Observations":
        """The rows of a mask; the others are listed as dropped for that reason."""
        lost = [Dropped(row=int(i), reason=reason) for i in self.frame.index[~mask]]
        return replace(self, frame=self.frame[mask], dropped=[*self.dropped, *lost])


def load_observations(
    source: str, where: Iterable[str] = (), *, flops_as: str = "exact"
) -> Observations:
    """Read ``SOURCE`` or ``SOURCE@COL=VALUE``: a study folder, or a .csv, .jsonl or .parquet table.

    Args:
        source: the folder or file.
        where: ``COL=VALUE`` filters; all must hold.
        flops_as: ``exact`` reads the flops column (6·params·tokens where there is none);
            ``6nd`` always takes 6·params·tokens.

    Raises:
        BadInput: missing or unreadable source, missing or misspelt column, no usable row.
        Refused: several families, data sets, roles or loss weightings among the rows.
    """
    where = list(where)
    path, filters, study, frame = _selected(source, where)
    planned = None
    if study is not None and not filters:
        planned = sum(len(spec.stops) for spec in folder_runs(path, study))
    # Answers and saved laws name the rows that they are of.
    named = "@".join([source, *where])
    table = Observations(
        frame, source=named, study=study_of_rows(study, frame), planned_rows=planned
    )
    return _single(_checked(table, path, flops_as), path)


def load_swept(source: str, where: Iterable[str] = ()) -> tuple[Observations, pd.DataFrame]:
    """The rows of a sweep: several families and parametrizations may be among them.

    Returns:
        The checked rows, and as written those that note that their run diverged.

    Raises:
        BadInput, Refused: as ``load_observations``, but for those two columns.
    """
    where = list(where)
    path, _, study, frame = _selected(source, where)
    table = Observations(frame, source="@".join([source, *where]), study=study)
    several = ("family", "parametrization")
    checked = _single(_checked(table, path, "exact"), path, but=several)
    lost = frame["note"].isin(DIVERGED_NOTES) if "note" in frame else [False] * len(frame)
    return checked, frame[lost]


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
    path, _, study, frame = _selected(source, where)
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
        table = Observations(rows, source=named, study=study_of_rows(study, rows))
        try:
            groups[value] = _single(_checked(table, path, "exact"), path)
        except DitlawError as error:
            refused[value] = str(error)
    return groups, refused


def _selected(
    source: str, where: Iterable[str]
) -> tuple[Path, list[tuple[str, str]], Study | None, pd.DataFrame]:
    """The rows that the filters leave, numbered as in the source from 1."""
    path, filters = _split(source, where)
    study = None
    if path.is_dir():
        study = open_study(path)
        frame = study_frame(path, study)
    else:
        frame = read_table(path)
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    _require_columns(frame, path)
    frame = _select(frame, filters, path)
    if len(frame) > MAX_ROWS:
        raise Refused(
            f"{path}: {len(frame):,} rows are more than a table may have ({MAX_ROWS:,}); keep one "
            "row a run and budget, as with --where COL=VALUE"
        )
    return path, filters, study, frame


def study_of_rows(study: Study | None, frame: pd.DataFrame) -> Study | None:
    """The part of a study that rows are of, where they hold one of several things it compares."""
    if study is None:
        return None
    return narrowed(study, {str(column): set(frame[column].dropna().map(str)) for column in frame})


def _single(table: Observations, path: Path, but: tuple[str, ...] = ()) -> Observations:
    """The table, if its rows are of one family, data set, role and so on, ``but`` some columns."""
    for column in (name for name in SINGLE if name not in but):
        values = sorted(set(table.frame[column].dropna().map(str))) if column in table.frame else []
        if len(values) > 1:
            raise Refused(
                f"{path}: column '{column}' holds {', '.join(values)}; a law holds one of them; "
                f"choose one with --where {column}={values[0]}"
            )
    return table


def study_frame(folder: Path, study: Study) -> pd.DataFrame:
    """The rows of a study's own runs, straight from their folders; a pure function of the runs.

    What 'ditlaw evaluate' added to them is in columns of its own (``metrics_table``), as is what
    'ditlaw time' measured (``step_times``). A run that diverged has a row without a loss for every
    budget that it did not reach.

    Raises:
        BadInput: no run has been observed yet.
    """
    rows, evaluated = [], {}
    specs = sorted(folder_runs(folder, study), key=lambda spec: spec.id)
    for spec in specs:
        run = RunFolder(folder / "runs" / spec.id)
        ended = last_json_line(run.log_path) or {}
        seen = run.observations()
        if ended.get("event") == "diverged":
            reached = {row["budget"] for row in seen}
            seen += [observation(spec, s) for s in spec.stops if s.budget not in reached]
            seen = [row | {"note": DIVERGED} for row in seen]
        rows += seen
        lines = list(read_json_lines(run.metrics_path))
        if lines:
            evaluated[spec.id] = lines
    if not rows:
        raise BadInput(
            f"{folder}: no observations yet; 'ditlaw status {folder}' says why, "
            f"'ditlaw run {folder / STUDY_FILE} --out {folder}' makes them"
        )
    timed = with_times(merged(rows, evaluated), {spec.id: spec for spec in specs}, folder)
    return pd.DataFrame(timed)


def _split(source: str, where: Iterable[str]) -> tuple[Path, list[tuple[str, str]]]:
    name, *conditions = source.split("@") if not Path(source).exists() else [source]
    filters = []
    for condition in [*conditions, *where]:
        column, equals, value = condition.partition("=")
        if not equals or not column:
            raise BadInput(f"--where: '{condition}' is not COL=VALUE")
        filters.append((column.strip(), value.strip()))
    path = Path(name)
    if not path.exists():
        if path.is_symlink():
            raise BadInput(f"{name}: a link to {path.readlink()}, which is not there")
        raise BadInput(f"{name}: no such file or study folder")
    return path, filters


def _require_columns(frame: pd.DataFrame, path: Path) -> None:
    for column in REQUIRED:
        if column not in frame:
            guess = nearest(column, frame.columns)
            hint = f"is '{guess}' meant?" if guess else f"there are: {', '.join(frame.columns)}"
            raise BadInput(f"{path}: column '{column}' is missing; {hint}")


def _select(frame: pd.DataFrame, filters: list[tuple[str, str]], path: Path) -> pd.DataFrame:
    for column, value in filters:
        if column not in frame:
            guess = nearest(column, frame.columns)
            hint = f"did you mean '{guess}'?" if guess else f"known: {', '.join(frame.columns)}"
            raise BadInput(f"{path}: --where: no column '{column}'; {hint}")
        chosen = frame[frame[column].map(lambda cell, v=value: same_cell(cell, v))]
        if chosen.empty:
            values = ", ".join(sorted(set(frame[column].dropna().map(str)))[:8])
            raise BadInput(f"{path}: --where: no row has {column}={value}; it holds {values}")
        frame = chosen
    return frame


def same_cell(cell: object, value: str) -> bool:
    """Whether a cell is what a ``COL=VALUE`` filter asks for, as text or as a number."""
    if str(cell) == value:
        return True
    try:
        return float(cell) == float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


def _checked(table: Observations, path: Path, flops_as: str) -> Observations:
    written = table.frame
    frame = written.copy()
    for column in (*NUMERIC, *TELLING):
        if column in frame:
            frame[column] = numbers(frame[column])
    if flops_as == "6nd" or "flops" not in frame:
        frame["flops"] = 6.0 * frame["params"] * frame["tokens"]
        flops_as = "6nd"
    if "trunk" not in frame:
        frame["trunk"] = frame["run"]
    frame["trunk"] = frame["trunk"].fillna(frame["run"]).astype(str)
    frame["run"] = frame["run"].astype(str)
    if "budget" not in frame:
        frame["budget"] = np.nan
    table = replace(table, frame=frame, flops_as=flops_as)

    if "note" in frame:  # first: such a row need not have a loss
        table = table.keep(~table.frame["note"].isin(DIVERGED_NOTES), DIVERGED)
    table = table.keep(written["run"].notna()[table.frame.index], "run is missing")
    for column in ("params", "tokens", "flops", "loss"):
        counted = column == "flops" and flops_as == "6nd"
        as_written = table.frame[column] if counted else written[column]
        table = _keep_numbers(table, column, as_written)
        table = table.keep(table.frame[column] > 0, f"{column} is not positive")
    if "budget" in written:
        budget = table.frame["budget"]
        stated = written["budget"].notna()[budget.index]
        wrong = stated & ~(np.isfinite(budget) & (budget > 0))
        table = table.keep(~wrong, "budget is not a positive number")
    table = _keep_fit_for_use(table)
    repeated = table.frame.duplicated(subset=["run", "params", "tokens", "loss"])
    table = table.keep(~repeated, "repeats an earlier row")
    if table.frame.empty:
        first = table.dropped[0] if table.dropped else None
        reason = f"row {first.row}: {first.reason}" if first else "none were given"
        raise BadInput(f"{path}: no usable row ({reason})")
    return table


def _keep_numbers(table: Observations, column: str, written: "pd.Series[Any]") -> Observations:
    """Rows whose cell is a finite number; a cell that was written as something else is quoted."""
    lost = table.frame.index[~np.isfinite(table.frame[column])]
    dropped = []
    for row, cell in zip(lost, written[lost], strict=True):
        quoted = "" if isinstance(cell, float) or cell is None else f": {plain(repr(cell), 24)}"
        reason = f"{column} is not a finite number{quoted}"
        dropped.append(Dropped(row=int(row), reason=reason))
    return replace(table, frame=table.frame.drop(index=lost), dropped=[*table.dropped, *dropped])


def _keep_fit_for_use(table: Observations) -> Observations:
    """Rows that do not say of themselves that they are too early."""
    if "note" in table.frame:
        for note in (IN_WARMUP, TOO_EARLY):
            table = table.keep(table.frame["note"] != note, note)
    if "steps" in table.frame:
        if "warmup_steps" in table.frame:
            inside = table.frame["steps"] <= table.frame["warmup_steps"]
            table = table.keep(~inside, IN_WARMUP)
        table = table.keep(~(table.frame["steps"] < MIN_STEPS), TOO_EARLY)
    return table
