"""A study's runs carried out: the study folder, what is missing, and the executor that does it.

DIR/study.yaml, study.json   the study and what it froze (ditlaw.study.folder)
DIR/data/, data.json         samples prepared for training (ditlaw.data.places)
DIR/runs/ID/                 one folder a run (ditlaw.training.folder)
DIR/rounds/                  what an adaptive study added to its grid (ditlaw.study.rounds)
DIR/observations.csv         the table, rebuilt from the runs
DIR/verify/FLOPS/            a frozen forecast and the runs that check it (ditlaw.verification)
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ditlaw.data import require_readable
from ditlaw.data.places import prepare_study
from ditlaw.errors import BadInput, RunsFailed
from ditlaw.executors import Ended, Executor, Job, LocalExecutor
from ditlaw.files import write_text
from ditlaw.locks import locked
from ditlaw.measured import hours_of
from ditlaw.observations import study_frame
from ditlaw.results import RunCounts, RunStatus, RunSummary
from ditlaw.study import (
    RECORD_FILE,
    Hours,
    RunSpec,
    Study,
    freeze_study,
    open_study,
    parse_study,
    plan_study,
    read_rounds,
    read_study,
    study_runs,
)
from ditlaw.study.rounds import adaptive_study, with_added
from ditlaw.tracking.chosen import choose_trackers
from ditlaw.training.folder import ENDED, RunFolder, folder_runs

NAMED = 3  # failed runs that an error line names
Runs = list[tuple[RunFolder, RunSpec]]


@dataclass(frozen=True)
class Watch:
    """What a display is told while runs go on."""

    prepare: Callable[[str, int, int], None] = lambda name, done, of: None
    start: Callable[[Runs], None] = lambda runs: None
    tick: Callable[[], None] = lambda: None
    end: Callable[[Ended], None] = lambda ended: None
    finish: Callable[[], None] = lambda: None


def run_study(
    study_file: Path,
    folder: Path,
    *,
    executor: Executor | None = None,
    watch: Watch | None = None,
    trackers: list[str] | None = None,
) -> RunSummary:
    """Train what is missing of a study; safe to repeat. Failed runs are in the summary.

    Of an adaptive study the rounds that were begun are finished, and no other is chosen.
    ``trackers`` is what runs are mirrored in from now on; None leaves that as it is.

    Raises:
        BadInput: the folder holds runs of a study that differs; the difference is shown.
        Refused: a stated limit is exceeded, the data cannot be trained on, or another process
            works on the folder.
    """
    with begun_study(study_file, folder, watch=watch, trackers=trackers) as study:
        return train_study(folder, study, executor=executor, watch=watch)


@contextlib.contextmanager
def begun_study(
    study_file: Path,
    folder: Path,
    *,
    watch: Watch | None = None,
    trackers: list[str] | None = None,
) -> Iterator[Study]:
    """A study with its folder, locked, ready to train in.

    Raises:
        BadInput, Refused: as ``run_study``.
    """
    text = read_study(study_file)
    study = parse_study(text, str(study_file))
    plan_study(study)  # limits, budgets and data are checked before anything is written
    for data in study.data:
        require_readable(data)
    with locked(folder / ".lock", str(folder)):
        if (folder / RECORD_FILE).exists():
            freeze_study(folder, study, text)
        # Before a first run: what refuses the data can then be mended in the study file.
        prepare_study(study, folder, watch.prepare if watch else Watch().prepare)
        freeze_study(folder, study, text)
        if trackers is not None:
            choose_trackers(folder, trackers)
        yield study


def train_study(
    folder: Path, study: Study, *, executor: Executor | None = None, watch: Watch | None = None
) -> RunSummary:
    """Train what is missing in the folder of ``begun_study``, and write the table of all rows."""
    failures: dict[str, str] | None = None
    runs = with_added(study_runs(study), read_rounds(folder))
    try:
        failures = run_all(runs, folder / "runs", executor=executor, watch=watch)
    finally:
        # What ended runs early is to be told, rather than that the table has no room either.
        with contextlib.suppress(*(() if failures == {} else (BadInput,))):
            write_table(folder, study)
    return RunSummary(
        study=str(folder),
        runs=tally(own_status(folder, study)),
        failures=failures,
        adaptive=adaptive_study(folder),
    )


def write_table(folder: Path, study: Study) -> None:
    """Rebuild ``observations.csv`` from the runs, as far as they are."""
    try:
        frame = study_frame(folder, study)
    except BadInput:
        return  # nothing has been observed yet
    write_text(folder / "observations.csv", frame.to_csv(index=False))


def run_all(
    specs: list[RunSpec],
    folder: Path,
    *,
    executor: Executor | None = None,
    watch: Watch | None = None,
) -> dict[str, str]:
    """Train specs in ``folder``/ID, longest first; what is done is not touched.

    Returns:
        The reason of each run that is not done now, by id.
    """
    watch = watch or Watch()
    runs: Runs = []
    for spec in sorted(specs, key=_cost, reverse=True):
        run = RunFolder(folder / spec.id)
        run.create(spec)
        runs.append((run, spec))
    # A diverged run would diverge again: it is deterministic. A failed one is tried again.
    over = ("done", "diverged")
    missing = [run for run, spec in runs if run.status(spec=spec).state not in over]
    watch.start(runs)
    try:
        ended = (executor or LocalExecutor()).run(
            [Job(run.path) for run in missing], on_end=watch.end, on_tick=watch.tick
        )
    finally:
        watch.finish()
    said = {end.folder.name: end.reason for end in ended}
    return {
        run.id: said.get(run.id) or run.reason or run.state
        for run in (folder.status(spec=spec) for folder, spec in runs)
        if run.state != "done"
    }


def require_done(failures: dict[str, str]) -> None:
    """Raise where some runs are not done.

    Raises:
        RunsFailed: names each with its reason.
    """
    if failures:
        named = [f"{name}: {reason}" for name, reason in failures.items()]
        more = f"; and {len(named) - NAMED} more, see 'ditlaw status'" if len(named) > NAMED else ""
        noun = "run" if len(named) == 1 else "runs"
        raise RunsFailed(f"{len(named)} {noun} failed: {'; '.join(named[:NAMED])}{more}")


def _cost(spec: RunSpec) -> float:
    """Time on a CPU, up to a factor: small models run at a lower rate, hence the width."""
    return spec.trained_flops / spec.width


def study_status(folder: Path) -> list[RunStatus]:
    """How far each run of a study folder is, verifying runs included.

    Raises:
        BadInput: not a study folder.
    """
    study = open_study(folder)
    hours = hours_of(study, folder)
    checking = [(run, run.spec()) for run in checking_runs(folder)]
    return [_status(run, spec, hours) for run, spec in [*own_runs(folder, study), *checking]]


def _status(run: RunFolder, spec: RunSpec, hours: Hours) -> RunStatus:
    return run.status(hours.at(spec.counts().params), spec)


def own_status(folder: Path, study: Study) -> list[RunStatus]:
    """How far each planned run is, those without a folder included."""
    hours = hours_of(study, folder)
    return [_status(run, spec, hours) for run, spec in own_runs(folder, study)]


def own_runs(folder: Path, study: Study) -> Runs:
    """Each planned run of a study with the place of its folder, which need not exist yet."""
    return [(RunFolder(folder / "runs" / spec.id), spec) for spec in folder_runs(folder, study)]


def checking_runs(folder: Path) -> list[RunFolder]:
    """The runs that check forecasts; no fit reads them."""
    paths = sorted(folder.glob("verify/*/runs/*/spec.json"))
    return [RunFolder(path.parent) for path in paths]


def tally(statuses: list[RunStatus]) -> RunCounts:
    """Count runs by how they ended."""
    done = sum(s.state == "done" for s in statuses)
    failed = sum(s.state in ENDED for s in statuses) - done
    return RunCounts(done=done, failed=failed, pending=len(statuses) - done - failed)
