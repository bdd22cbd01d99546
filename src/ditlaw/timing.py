"""Step times of a study folder's models on this machine: what ``ditlaw time`` does."""

import math
from collections.abc import Callable
from pathlib import Path

from ditlaw.data import require_readable
from ditlaw.errors import BadInput
from ditlaw.executors import Executor, LocalExecutor
from ditlaw.results import Note, TimedModel, TimeResult
from ditlaw.step_times import FEWEST_ROUNDS, TIMES_FILE, StepTime, model_key, read_times
from ditlaw.study import RunSpec, Study, open_study, study_runs
from ditlaw.sweep import require_done, write_table
from ditlaw.training.folder import folder_runs, locked

MOST_ROUNDS = 1000
UNEVEN = 0.3  # a quartile range of this share of the median, in half of the models


def time_study(
    folder: Path,
    rounds: int,
    *,
    executor: Executor | None = None,
    start: Callable[[int], None] = lambda models: None,
) -> TimeResult:
    """Time a training step of every distinct model of a study; safe to repeat.

    What was timed on this device is not timed again, unless its file is removed.

    Raises:
        BadInput: not a study folder, rounds out of range, data that are not prepared, or a user's
            module that is missing or counts otherwise than the runs were made by.
        Refused: the data are only described, or another process works on the folder.
        RunsFailed: a model could not be trained here, as for lack of memory.
    """
    if not FEWEST_ROUNDS <= rounds <= MOST_ROUNDS:
        raise BadInput(f"--rounds: {rounds} is not a number from {FEWEST_ROUNDS} to {MOST_ROUNDS}")
    study = open_study(folder)
    for data in study.data:
        require_readable(data)
    with locked(folder / ".lock", str(folder)):
        models = {model_key(spec) for spec in _buildable(folder, study)}
        _open_data(folder, study)
        before = len(read_times(folder))
        start(len(models))
        ended = (executor or LocalExecutor(1)).run([folder], rounds=rounds)
        failures = [end.reason or end.state for end in ended if end.state != "done"]
        require_done(dict.fromkeys(["timing"], *failures) if failures else {})
        found = read_times(folder)
        write_table(folder, study)
    lines = list({(t.device, t.model): t for t in found if t.model in models}.values())
    return TimeResult(
        study=str(folder),
        file=str(folder / TIMES_FILE),
        measured=len(found) - before,
        models=[_told(line) for line in lines],
        warnings=_uneven(found[before:]),
    )


def _buildable(folder: Path, study: Study) -> list[RunSpec]:
    """The runs as their folders tell them, after a look at whether they can be built today.

    Raises:
        BadInput: a user's module is missing, or counts otherwise than it did.
    """
    specs = folder_runs(folder, study)
    for now, then in zip(study_runs(study), specs, strict=True):
        if now.counted != then.counted:
            raise BadInput(
                f"{folder}: the runs were made when {then.family} counted otherwise; undo the "
                "change to its module"
            )
    return specs


def _open_data(folder: Path, study: Study) -> None:
    """Whether what a step reads is there.

    Raises:
        BadInput: data that are not prepared, were lost, or changed.
    """
    from ditlaw.data.cache import Cache
    from ditlaw.data.places import prepared_folder

    for data in study.data:
        if data.prepared:
            Cache(prepared_folder(folder, data.label))


def _told(line: StepTime) -> TimedModel:
    shared = {name: getattr(line, name) for name in TimedModel.model_fields if name in _FIELDS}
    return TimedModel(**shared, flops_per_second=line.flops / line.seconds)


_FIELDS = StepTime.model_fields.keys()


def _uneven(lines: list[StepTime]) -> list[Note]:
    """Rounds that differ so much that something else must have been at work."""
    spreads = sorted((line.high - line.low) / line.seconds for line in lines)
    typical = spreads[len(spreads) // 2] if spreads else 0.0
    if not math.isfinite(typical) or typical < UNEVEN:
        return []
    return [
        Note(
            code="uneven-rounds",
            text=f"half of the rounds of a model lie {typical:.0%} of its time apart: the machine "
            f"was busy. Remove {TIMES_FILE} and time again when it is not, with more --rounds.",
        )
    ]
