"""The rows of a study folder, straight from its runs."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ditlaw.errors import BadInput
from ditlaw.files import read_json_lines
from ditlaw.observations.checking import DIVERGED
from ditlaw.observations.metric_columns import merged
from ditlaw.step_times import with_times
from ditlaw.study import (
    NARROWING,
    STUDY_FILE,
    RunSpec,
    Study,
    narrowed,
    read_rounds,
)
from ditlaw.study.rounds import round_numbers
from ditlaw.training.folder import RunFolder, folder_runs
from ditlaw.training.observation import observation


def study_frame(folder: Path, study: Study, specs: Iterable[RunSpec] | None = None) -> pd.DataFrame:
    """The rows of a study's own runs, straight from their folders; a pure function of the runs.

    What 'ditlaw evaluate' added to them is in columns of its own (``metrics_table``), as is what
    'ditlaw time' measured (``step_times``). A run that diverged has a row without a loss for every
    budget that it did not reach. In an adaptive study ``round`` says which round added a row, 0
    being the study's own grid. ``specs`` are the runs, where they have been made already.

    Raises:
        BadInput: no run has been observed yet.
    """
    rows, evaluated = [], {}
    specs = sorted(specs or folder_runs(folder, study), key=lambda spec: spec.id)
    for spec in specs:
        run = RunFolder(folder / "runs" / spec.id)
        ended = run.last_event()
        # What runs of an older version did not write, their specs tell.
        at = {stop.budget: stop for stop in spec.stops}
        seen = [
            row if "cooldown" in row else observation(spec, at[row["budget"]]) | row
            for row in run.observations()
        ]
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
    rounds = read_rounds(folder)
    if rounds:
        added = round_numbers(rounds)
        rows = [row | {"round": added.get((row["run"], row["budget"]), 0)} for row in rows]
    timed = with_times(merged(rows, evaluated), {spec.id: spec for spec in specs}, folder)
    return pd.DataFrame(timed)


def study_of_rows(study: Study | None, frame: pd.DataFrame) -> Study | None:
    """The part of a study that rows are of, where they hold one of several things it compares."""
    if study is None:
        return None
    return narrowed(study, {c: set(frame[c].dropna().map(str)) for c in NARROWING if c in frame})
