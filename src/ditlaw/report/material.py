"""What a report is made from: the law, its answer, and whatever the study folder holds."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from ditlaw.aspect import ShapeStudy, shape_study, shapes_of
from ditlaw.errors import DitlawError
from ditlaw.forecasting import LAW_SUFFIX, forecast, law_of
from ditlaw.laws import Law
from ditlaw.metric_laws import MetricLaws, metric_laws
from ditlaw.observations import same_cell, split_source, study_frame
from ditlaw.report.units import Units
from ditlaw.results import Dropped, FitResult, Forecast, RunStatus, Verification
from ditlaw.study import RunSpec, Study, hardware_of, open_study, study_folder, variants
from ditlaw.study.data_section import Data
from ditlaw.sweep import checking_runs, own_runs
from ditlaw.tablefile import read_table
from ditlaw.training.folder import RunFolder
from ditlaw.training.observation import observation
from ditlaw.verification import verifications

AHEAD = 10.0  # times the largest budget: the target where none is stated


@dataclass(frozen=True)
class Run:
    """One run folder: its files, how far it is, and whether it only checks a forecast."""

    folder: RunFolder
    spec: RunSpec
    status: RunStatus
    verifying: bool

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """Its log."""
        return list(self.folder.events())

    @cached_property
    def start(self) -> dict[str, Any]:
        """The first event: device and versions."""
        return self.events[0] if self.events else {}

    @property
    def seconds(self) -> float | None:
        """Measured time of its training so far."""
        found = [event["seconds"] for event in self.events if "seconds" in event]
        return float(found[-1]) if found else None


@dataclass(frozen=True)
class Material:
    """Everything that the sections draw on. ``answer`` is the frozen forecast where one exists."""

    source: str
    where: list[str]
    law: Law
    fit: FitResult
    folder: Path | None
    target: float
    stated: bool
    answer: Forecast
    checks: list[Verification]
    runs: list[Run] = field(default_factory=list)
    data: Data | None = None  # what the runs were trained on, where that is one data set

    @property
    def study(self) -> Study | None:
        """The study that made the rows, if one did."""
        return self.law.observations.study

    @property
    def name(self) -> str:
        """What the page is called."""
        return self.study.name if self.study else Path(self.source).name

    @property
    def check(self) -> Verification | None:
        """The finished check of the target, if there is one."""
        return next((c for c in self.checks if c.forecast.flops == self.target), None)

    @cached_property
    def units(self) -> Units:
        """FLOPs as time on the answer's hardware, tokens as images."""
        each = self.law.observations.tokens_per_image()
        return Units(self.answer.gpu, self.answer.mfu, each)

    def hours(self, flops: float) -> float:
        """Time of that many FLOPs on the answer's hardware."""
        return self.units.hours(flops)

    def images(self, tokens: float) -> float | None:
        """Images among that many tokens; None where the tokens of one sample are unknown."""
        return self.units.images(tokens)

    @cached_property
    def metric_laws(self) -> MetricLaws | None:
        """The laws of the other metrics; None where there is none, or the law is not the loss's."""
        if self.law.metric != "loss":
            return None
        found = metric_laws(self.law.observations, level=self.law.level)
        return found if len(found.fitted) > 1 else None

    @cached_property
    def shape_study(self) -> ShapeStudy | None:
        """What the rows say of depth, width and other axes; None where they vary in none.

        The law's own rows are of the best setting of each shape and budget. Batches are compared
        here, so the source is read again; a saved law has no other rows.
        """
        metric, level = self.law.metric, self.law.level
        try:
            if self.source.endswith(LAW_SUFFIX):
                return shape_study(self.law.observations, metric=metric, level=level)
            return shapes_of(self.source, self.where, metric=metric, level=level)
        except DitlawError:
            return None

    @cached_property
    def dropped(self) -> list[tuple[str, int, str]]:
        """Run (empty where unknown), row and reason of each row that was left out."""
        return named_drops(self.fit.rows.dropped, self.written)

    @cached_property
    def written(self) -> pd.DataFrame:
        """The source's rows as written, by row number; empty for a saved law, which has its own."""
        if self.source.endswith(LAW_SUFFIX):
            return pd.DataFrame()
        return written_rows(self.source, self.where)

    @cached_property
    def left_out(self) -> pd.DataFrame:
        """The rows that were left out, by row number; empty where only their numbers are known."""
        if self.folder is None or self.study is None:
            return pd.DataFrame({"run": []})
        frame = self.written
        why = {d.row: d.reason for d in self.fit.rows.dropped if d.row in frame.index}
        return frame.loc[list(why)].assign(why=list(why.values()))


def written_rows(source: str, where: list[str]) -> pd.DataFrame:
    """The rows of a table or study folder as written, by their number from 1."""
    folder = study_folder(source)
    if folder is None:
        frame = read_table(split_source(source, where)[0])
    else:
        frame = study_frame(folder, open_study(folder))
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return frame


def named_drops(dropped: list[Dropped], written: pd.DataFrame) -> list[tuple[str, int, str]]:
    """Run (empty where unknown), row and reason of rows that were left out."""
    names = dict(written["run"]) if "run" in written else {}
    return [(str(names.get(d.row, "")), d.row, d.reason) for d in dropped]


def gather(source: str, where: list[str] | None = None) -> Material:
    """Fit or load the law of a SOURCE and read what lies beside it.

    Raises:
        BadInput, Refused: as reading and fitting do.
    """
    law = law_of(source, where)
    study, folder = law.observations.study, study_folder(source)
    conditions = [] if Path(source).exists() else source.split("@")[1:]
    pairs = [_pair(condition) for condition in [*conditions, *(where or [])]]
    # Frozen answers are of all rows of a variant: beside the law of some they would mislead.
    whole = folder is not None and any(v.matches(pairs) for v in variants(open_study(folder)))
    checks = verifications(folder, pairs) if folder and whole else []
    stated = study is not None and study.forecast is not None
    target = study.forecast.flops if study and study.forecast else AHEAD * law.largest_flops
    frozen = next((c.forecast for c in checks if c.forecast.flops == target), None)
    return Material(
        source=source,
        where=where or [],
        law=law,
        fit=law.result(),
        folder=folder,
        target=target,
        stated=stated,
        answer=frozen or forecast(law, target),
        checks=checks,
        runs=_runs(folder, pairs) if folder else [],
        data=study.data[0] if study and len(study.data) == 1 else None,
    )


def _pair(condition: str) -> tuple[str, str]:
    """COLUMN=VALUE in two."""
    column, _, value = condition.partition("=")
    return column.strip(), value.strip()


def default_out(source: str) -> Path:
    """Where a report goes unless told: into the study folder, else the current directory."""
    folder = study_folder(source)
    if folder is not None:
        return folder / "report.html"
    name = Path(source if Path(source).exists() else source.partition("@")[0]).name
    stem = name.removesuffix(LAW_SUFFIX) if name.endswith(LAW_SUFFIX) else Path(name).stem
    return Path(f"{stem.replace(':', '-')}.report.html")


def _runs(folder: Path, conditions: list[tuple[str, str]]) -> list[Run]:
    """Runs of the variants that some filters choose; of filters of other columns, all."""
    study = open_study(folder)
    hardware = hardware_of(study)
    own = sorted(own_runs(folder, study), key=lambda pair: (pair[1].width, pair[1].seed))
    found = [
        *(Run(run, spec, run.status(hardware, spec), verifying=False) for run, spec in own),
        *(
            Run(run, run.spec(), run.status(hardware), verifying=True)
            for run in checking_runs(folder)
        ),
    ]
    telling = [(c, v) for c, v in conditions if c in variants(study)[0].columns]
    return [
        run
        for run in found
        if all(same_cell(observation(run.spec, run.spec.stops[-1])[c], v) for c, v in telling)
    ]
