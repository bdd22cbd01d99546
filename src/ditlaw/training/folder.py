"""A run's folder: its spec, log, observations, checkpoints and pictures. No torch here.

spec.json            what determines the run
log.jsonl            what happened and when; append-only
observations.jsonl   one row a budget; a pure function of the spec
checkpoints/         the newest two states
pictures/            the same captions, drawn at each budget
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ditlaw.compute import gpu_hours
from ditlaw.errors import BadInput, Refused
from ditlaw.files import (
    append_json,
    last_json_line,
    make_folder,
    read_json_lines,
    write_json,
    write_text,
)
from ditlaw.results import RunStatus
from ditlaw.study import RunSpec
from ditlaw.study.schema import Hardware

ENDED = ("done", "failed", "diverged")


class RunFolder:
    """One run on disk. Whoever trains it holds its lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.observations_path = path / "observations.jsonl"
        self.log_path = path / "log.jsonl"
        self.checkpoints = path / "checkpoints"
        self.pictures = path / "pictures"

    def create(self, spec: RunSpec) -> None:
        """Write the spec; an existing one must be the same.

        Raises:
            BadInput: the folder holds another run, or cannot be written to.
        """
        path = self.path / "spec.json"
        if path.exists():
            if self.spec() != spec:
                raise BadInput(f"{path}: describes another run; choose another --out folder")
            return
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
        append_json(self.log_path, {"event": event, "time": round(time.time(), 3), **fields})

    def events(self) -> Iterator[dict[str, Any]]:
        """Every event so far."""
        return read_json_lines(self.log_path)

    def observe(self, row: dict[str, Any]) -> None:
        """Append one observation."""
        append_json(self.observations_path, row)

    def observations(self) -> list[dict[str, Any]]:
        """The rows so far."""
        return list(read_json_lines(self.observations_path))

    def rewind(self, step: int) -> None:
        """Forget observations past a step, and a torn line: they will be made again."""
        kept = [row for row in self.observations() if row["steps"] <= step]
        if self.observations_path.exists():
            write_text(self.observations_path, "".join(json.dumps(row) + "\n" for row in kept))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run; the lock ends with the process, however that ends.

        Raises:
            Refused: another process holds it.
        """
        # A glance by ``status`` holds the lock for an instant: be patient with that.
        with locked(self.path / ".lock", f"run {self.path.name}", patience=2.0):
            yield

    def status(self, hardware: Hardware | None = None) -> RunStatus:
        """How far the run is, read from its files alone; hours are counted on ``hardware``."""
        hardware = hardware or Hardware()
        spec = self.spec()
        last = last_json_line(self.log_path) or {}
        event = last.get("event")
        step = int(last.get("step", 0))
        if event in ENDED:
            state = event
        elif event is None:
            state = "pending"
        else:
            state = "running" if is_locked(self.path / ".lock") else "stopped"
        rows = self.observations()
        loss = rows[-1]["loss"] if rows else last.get("train_loss")
        step = spec.steps if state == "done" else step
        flops = float(spec.flops(step))
        return RunStatus(
            id=spec.id,
            state=str(state),
            progress=step / spec.steps,
            loss=loss,
            images=float(step * spec.recipe.batch),
            flops=flops,
            gpu_hours=gpu_hours(flops, hardware.gpu, hardware.mfu),
            reason=last.get("reason"),
        )


@contextmanager
def locked(path: Path, what: str, patience: float = 0.0) -> Iterator[None]:
    """An exclusive advisory lock on a file; waits for at most ``patience`` seconds.

    Raises:
        Refused: another process holds it.
        BadInput: the file cannot be written.
    """
    make_folder(path.parent)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise BadInput(f"{path.parent}: cannot be written ({error.strerror})") from None
    try:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise Refused(
                        f"{what}: another ditlaw process is working on it; wait for it"
                    ) from None
                time.sleep(0.05)
        yield
    finally:
        os.close(handle)


def is_locked(path: Path) -> bool:
    """Whether some process holds the lock."""
    try:
        with locked(path, ""):
            return False
    except Refused:
        return True
