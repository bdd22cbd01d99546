"""Step times of a study folder's models on this machine: what ``ditlaw time`` does."""

from collections.abc import Callable
from pathlib import Path
from statistics import median

from ditlaw.data import require_readable
from ditlaw.errors import BadInput
from ditlaw.executors import Executor, Job, LocalExecutor
from ditlaw.locks import locked
from ditlaw.results import Note, TimedModel, TimeResult
from ditlaw.step_times import FEWEST_ROUNDS, TIMES_FILE, StepTime, model_key, read_times
from ditlaw.study import RunSpec, Study, open_study, study_runs
from ditlaw.sweep import require_done, write_table
from ditlaw.training.folder import folder_runs

MOST_ROUNDS = 1000
UNEVEN = 0.3  # a quartile range of this share of the median, in half of the models
WAITED = 0.9  # of one thread's time spent on a core, in half of the models


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
        ended = (executor or LocalExecutor(1)).run([Job(folder, rounds=rounds)])
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
        warnings=_busy(found[before:]),
    )


def _buildable(folder: Path, study: Study) -> list[RunSpec]:
    """The runs as their folders tell them, after a look at whether they can be built today.

    Raises:
        BadInput: a user's module is missing, or counts otherwise than it did.
    """
    specs = folder_runs(folder, study)
    as_made = {spec.id: spec for spec in specs}
    for now in study_runs(study):
        then = as_made[now.id]
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


def _busy(lines: list[StepTime]) -> list[Note]:
    """Signs that something else was at work: a thread without its core, rounds that differ."""
    if not lines:
        return []
    spread = median((line.high - line.low) / line.seconds for line in lines)
    core = median(line.core if line.threads == 1 else 1.0 for line in lines)
    signs = []
    if core < WAITED:
        signs.append(f"a step had a core for {core:.0%} of its time and waited for the rest")
    if spread > UNEVEN:
        signs.append(f"half of a model's rounds lie {spread:.0%} of its time apart")
    if not signs:
        return []
    return [
        Note(
            code="busy-machine",
            text=f"{' and '.join(signs)}: for disks, or for what else ran. For times that hold "
            f"beyond this study, remove {TIMES_FILE} and time again with the machine alone.",
        )
    ]
