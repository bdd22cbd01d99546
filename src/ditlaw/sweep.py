"""A study's runs carried out: the study folder, what is missing, and the executor that does it.

DIR/study.yaml           the study, as written
DIR/study.json           its frozen content and digest
DIR/runs/ID/             one folder a run (ditlaw.training.folder)
DIR/observations.csv     the table, rebuilt from the runs
DIR/verify/FLOPS/        a frozen forecast and the runs that check it (ditlaw.verify)
"""

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ditlaw.data import open_source
from ditlaw.errors import BadInput, RunsFailed
from ditlaw.executors import Ended, Executor, LocalExecutor
from ditlaw.files import write_json, write_text
from ditlaw.observations import STUDY_FILE, study_frame
from ditlaw.results import RunCounts, RunStatus, RunSummary
from ditlaw.study import (
    RunSpec,
    Study,
    difference,
    digest,
    frozen_content,
    hardware_of,
    load_study,
    parse_study,
    plan_study,
    study_runs,
)
from ditlaw.training.folder import ENDED, RunFolder, locked


@dataclass(frozen=True)
class Watch:
    """What a display is told while runs go on."""

    start: Callable[[list[RunFolder]], None] = lambda folders: None
    tick: Callable[[], None] = lambda: None
    end: Callable[[Ended], None] = lambda ended: None
    finish: Callable[[], None] = lambda: None


def run_study(
    study_file: Path,
    folder: Path,
    *,
    executor: Executor | None = None,
    watch: Watch | None = None,
) -> RunSummary:
    """Train what is missing of a study; safe to repeat.

    Raises:
        BadInput: the folder holds runs of a study that differs; the difference is shown.
        Refused: a stated limit is exceeded, or another process works on the folder.
        RunsFailed: some runs failed; the others are complete.
    """
    try:
        text = study_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{study_file}: cannot be read ({error})") from None
    study = parse_study(text, str(study_file))
    plan_study(study)  # limits and budgets are checked before anything is written
    open_source(study.data, study.seeds[0])
    with locked(folder / ".lock", str(folder)):
        freeze(study, text, folder)
        try:
            run_all(study_runs(study), folder / "runs", executor=executor, watch=watch)
        finally:
            write_table(folder)
    return RunSummary(study=str(folder), runs=tally(study_status(folder)))


def freeze(study: Study, text: str, folder: Path) -> None:
    """Store the study with its runs, or check that it is the one that they were made by.

    Raises:
        BadInput: it differs from the stored one in something that determines runs.
    """
    content = frozen_content(study)
    record = folder / "study.json"
    if record.exists():
        try:
            stored = json.loads(record.read_text())["study"]
        except (ValueError, KeyError):
            raise BadInput(f"{record}: damaged; choose another --out folder") from None
        if digest(stored) != digest(content):
            changes = "; ".join(difference(stored, content))
            raise BadInput(
                f"{folder}: holds runs of a study that differs ({changes}); "
                "undo the change or choose another --out folder"
            )
    else:
        write_json(record, {"digest": digest(content), "study": content})
    write_text(folder / STUDY_FILE, text)


def write_table(folder: Path) -> None:
    """Rebuild ``observations.csv`` from the runs, as far as they are."""
    with contextlib.suppress(BadInput):  # nothing has been observed yet
        write_text(folder / "observations.csv", study_frame(folder).to_csv(index=False))


def run_all(
    specs: list[RunSpec],
    folder: Path,
    *,
    executor: Executor | None = None,
    watch: Watch | None = None,
) -> None:
    """Train specs in ``folder``/ID, longest first; what is done is not touched.

    Raises:
        RunsFailed: some failed; the message names each with its reason.
    """
    watch = watch or Watch()
    folders = []
    for spec in sorted(specs, key=_cost, reverse=True):
        run = RunFolder(folder / spec.id)
        run.create(spec)
        folders.append(run)
    # A diverged run would diverge again: it is deterministic. A failed one is tried again.
    missing = [run for run in folders if run.status().state not in ("done", "diverged")]
    watch.start(folders)
    try:
        ended = (executor or LocalExecutor()).run(
            [run.path for run in missing], on_end=watch.end, on_tick=watch.tick
        )
    finally:
        watch.finish()
    said = {end.folder.name: end.reason for end in ended}
    bad = [
        f"{run.id}: {said.get(run.id) or run.reason or run.state}"
        for run in (folder.status() for folder in folders)
        if run.state != "done"
    ]
    if bad:
        raise RunsFailed(f"{len(bad)} of {len(specs)} runs failed: " + "; ".join(bad))


def _cost(spec: RunSpec) -> float:
    """Time on a CPU, up to a factor: small models run at a lower rate, hence the width."""
    return spec.flops(spec.steps) / spec.width


def study_status(folder: Path) -> list[RunStatus]:
    """How far each run of a study folder is, verifying runs included.

    Raises:
        BadInput: not a study folder.
    """
    if not (folder / "study.json").exists():
        raise BadInput(f"{folder}: not a study folder (no study.json)")
    specs = sorted([*folder.glob("runs/*/spec.json"), *folder.glob("verify/*/runs/*/spec.json")])
    hardware = hardware_of(load_study(folder / STUDY_FILE))
    return [RunFolder(path.parent).status(hardware) for path in specs]


def tally(statuses: list[RunStatus]) -> RunCounts:
    """Count runs by how they ended."""
    done = sum(s.state == "done" for s in statuses)
    failed = sum(s.state in ENDED for s in statuses) - done
    return RunCounts(done=done, failed=failed, pending=len(statuses) - done - failed)
