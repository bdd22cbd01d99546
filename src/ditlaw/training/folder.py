"""A run's folder: its spec, log, observations, checkpoints and pictures. No torch here.

spec.json            what determines the run
log.jsonl            what happened and when; append-only
observations.jsonl   one row a budget; a pure function of the spec
metrics.jsonl        one row a metric that 'ditlaw evaluate' added
measuring.jsonl      what went wrong as it did; a run is not a failed one for that
checkpoints/         the newest two states
branches/            states of a cooldown, until its row is made
weights/             the averaged weights at each budget
pictures/            the same captions, drawn at each budget
"""

import contextlib
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ditlaw import text
from ditlaw.errors import BadInput
from ditlaw.files import (
    append_json,
    newest_json_lines,
    read_json_lines,
    write_json,
    write_text,
)
from ditlaw.locks import locked
from ditlaw.results import RunStatus
from ditlaw.study import RunSpec, Stop, Study, read_rounds, study_runs
from ditlaw.study.rounds import with_added
from ditlaw.study.schema import Hardware

ENDED = ("done", "failed", "diverged")
ASIDE = ("tracker",)  # events that say nothing of how a run is, and may come after its last
# What every observation has, as positive numbers.
MEASURED = ("budget", "steps", "params", "tokens", "images", "flops", "loss")


class RunFolder:
    """One run on disk. Whoever trains it holds its lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.observations_path = path / "observations.jsonl"
        self.metrics_path = path / "metrics.jsonl"
        self.log_path = path / "log.jsonl"
        self.checkpoints = path / "checkpoints"
        self.branches = path / "branches"
        self.mirrors: list[Callable[[dict[str, Any]], None]] = []  # are told every event too

    def create(self, spec: RunSpec) -> None:
        """Write the spec; one that is there must be the same, or be trained on by this one.

        Raises:
            BadInput: the folder holds another run, or cannot be written to.
        """
        path = self.path / "spec.json"
        if path.exists():
            there = self.spec()
            if there != spec and there.model_copy(update={"counted": spec.counted}) == spec:
                raise BadInput(
                    f"{path}: was made when {spec.family} counted otherwise; undo the change to "
                    "its module or choose another --out folder"
                )
            if there == spec:
                return
            if not spec.extends(there):
                raise BadInput(f"{path}: describes another run; choose another --out folder")
        write_json(path, spec.model_dump(mode="json"))

    def spec(self) -> RunSpec:
        """The run's spec.

        Raises:
            BadInput: missing or not a spec.
        """
        path = self.path / "spec.json"
        try:
            return RunSpec.model_validate_json(path.read_text())
        except (OSError, ValidationError):
            raise BadInput(f"{path}: missing or damaged; remove the folder to start over") from None

    def log(self, event: str, **fields: Any) -> None:
        """Append an event with its wall-clock time."""
        record = {"event": event, "time": round(time.time(), 3), **fields}
        append_json(self.log_path, record)
        for mirror in self.mirrors:
            mirror(record)

    def log_measuring(self, event: str, **fields: Any) -> None:
        """Append an event of an evaluation, which says nothing of how the run itself ended."""
        record = {"event": event, "time": round(time.time(), 3), **fields}
        append_json(self.path / "measuring.jsonl", record)

    def last_event(self) -> dict[str, Any]:
        """The newest event that says how the run itself is; nothing where it was never started."""
        newest = newest_json_lines(self.log_path)
        return next((event for event in newest if event.get("event") not in ASIDE), {})

    def events(self) -> Iterator[dict[str, Any]]:
        """Every event so far."""
        return read_json_lines(self.log_path)

    def observe(self, row: dict[str, Any]) -> None:
        """Append one observation, and wait until the disk has it."""
        append_json(self.observations_path, row, durable=True)

    def observations(self) -> list[dict[str, Any]]:
        """The rows so far; a line that is not a whole observation is passed over."""
        return [
            row
            for row in read_json_lines(self.observations_path)
            if all(_positive(row.get(field)) for field in MEASURED)
        ]

    def last_loss(self) -> float | None:
        """Validation loss at the last budget that was reached; None before the first."""
        rows = self.observations()
        return float(rows[-1]["loss"]) if rows else None

    def missing(
        self, spec: RunSpec, step: int, rows: list[dict[str, Any]] | None = None
    ) -> list[Stop]:
        """Budgets that a run whose state is of that step has passed, and has no row of."""
        seen = {row["budget"] for row in (self.observations() if rows is None else rows)}
        return [s for s in spec.stops if spec.stands(s) <= step and s.budget not in seen]

    def branch(self, budget: float) -> Path:
        """Where the states of a budget's cooldown lie while it is trained."""
        return self.branches / text.budget_name(budget)

    def picture(self, budget: float) -> Path:
        """Where the pictures of a budget lie: a strip of the same captions every time."""
        return self.path / "pictures" / f"{text.budget_name(budget)}.png"

    def weights(self, budget: float) -> Path:
        """Where the averaged weights of a budget's observation are kept."""
        return self.path / "weights" / f"{text.budget_name(budget)}.safetensors"

    def rewind(self, spec: RunSpec, step: int) -> None:
        """Forget observations that a state of that step is not past, and a torn line.

        They will be made again.
        """
        passed = {stop.budget for stop in spec.stops if spec.stands(stop) <= step}
        kept = [row for row in self.observations() if row["budget"] in passed]
        if self.observations_path.exists():
            write_text(self.observations_path, "".join(json.dumps(row) + "\n" for row in kept))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run; the lock ends with the process, however that ends.

        Raises:
            Held: another process holds it.
        """
        # A glance by ``status`` holds the lock for an instant: be patient with that.
        with locked(self.path / ".lock", f"run {self.path.name}", patience=2.0):
            yield

    def status(self, hardware: Hardware | None = None, spec: RunSpec | None = None) -> RunStatus:
        """How far the run is, read from its files alone; hours are counted on ``hardware``.

        ``spec`` serves a run that is planned and has no folder yet.
        """
        from ditlaw.training.status import run_status

        return run_status(self, spec or self.spec(), hardware or Hardware())


def folder_runs(folder: Path, study: Study) -> list[RunSpec]:
    """Every run of a study in a study folder, those without a folder of their own included.

    Those that an adaptive study added are among them (``ditlaw.study.rounds``). A user's own family
    is counted from the specs that are there: its module is not needed.

    Raises:
        BadInput: a round is damaged.
    """
    written = {}
    if not all(design.closed_form for design in study.designs()):
        for path in folder.glob("runs/*/spec.json"):
            with contextlib.suppress(BadInput):  # a damaged one is counted again
                written[path.parent.name] = RunFolder(path.parent).spec()
    return with_added(study_runs(study, written), read_rounds(folder))


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and value is not True and 0 < value < math.inf
