"""How far a run is, from its files alone, whoever trains it and wherever. No torch here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from ditlaw import text
from ditlaw.compute import gpu_hours
from ditlaw.files import newest_json_lines
from ditlaw.locks import is_locked
from ditlaw.results import RunStatus
from ditlaw.study import Hours, RunSpec
from ditlaw.study.schema import Hardware
from ditlaw.training.folder import ASIDE, ENDED, RunFolder

FIELDS = ("tokens_per_second", "gpu_seconds", "gpus", "trained", "step", "train_loss", "mfu")
LINES = 8  # at a log's end, that are looked through for them


def run_status(folder: RunFolder, spec: RunSpec, hardware: Hardware) -> RunStatus:
    """State and progress of a run; ``gpu_hours`` are counted on ``hardware``."""
    last, newest = _newest(folder)
    rows = folder.observations()
    event, reason = last.get("event"), last.get("reason")
    if event == "done" and last.get("step", spec.steps) < spec.steps:
        state, reason = "pending", f"to be trained on, to {text.flops(spec.stops[-1].budget)} FLOPs"
    elif event == "done" and folder.missing(spec, spec.steps, rows):
        state, reason = "stopped", "observations are missing; repeat the command that made them"
    elif event in ENDED:
        state = str(event)
    elif event is None:
        state = "pending"
    else:
        state = "running" if is_locked(folder.path / ".lock") else "stopped"
    # Steps of cooldown branches count: what has been trained in all, which only rises.
    trained = min(int(newest.get("trained", newest.get("step", 0))), spec.trained_steps)
    if state == "done":
        trained = spec.trained_steps
    mix = spec.mix()
    flops, tokens = (float(spec.spent(of, trained)) for of in (mix.flops, mix.tokens))
    flops_left, tokens_left = spec.spent(mix.flops) - flops, spec.spent(mix.tokens) - tokens
    if state == "diverged":  # it is not trained again
        flops_left = tokens_left = 0.0
    rate, gpu_seconds, gpus = (newest.get(name) for name in FIELDS[:3])
    eta = tokens_left / rate if rate else None
    assumed = gpu_hours(flops_left, hardware.gpu, hardware.mfu)
    running = state == "running"
    return RunStatus(
        id=spec.id,
        state=state,
        progress=trained / spec.trained_steps,
        loss=rows[-1]["loss"] if rows else None,
        train_loss=newest.get("train_loss"),
        tokens=tokens,
        images=float(spec.spent(mix.images, trained)),
        flops=flops,
        flops_left=flops_left,
        gpu_hours=gpu_hours(flops, hardware.gpu, hardware.mfu),
        gpu_hours_spent=None if gpu_seconds is None else gpu_seconds / 3600,
        gpu_hours_left=eta * gpus / 3600 if eta is not None and gpus else assumed,
        tokens_per_second=rate if running else None,
        mfu=newest.get("mfu") if running else None,
        eta_seconds=eta if running else None,
        reason=None if reason is None else str(reason),
    )


@dataclass
class Statuses:
    """Looks at the same runs again and again, and reads only what has moved since.

    GPU hours that were not measured are counted on ``hours``.
    """

    runs: Sequence[tuple[RunFolder, RunSpec]]
    hours: Hours
    seen: dict[str, tuple[object, RunStatus]] = field(default_factory=dict)

    def read(self) -> list[RunStatus]:
        """How far each run is now, in the order of ``runs``."""
        return [self._of(folder, spec) for folder, spec in self.runs]

    def _of(self, folder: RunFolder, spec: RunSpec) -> RunStatus:
        log = _stamp(folder.log_path)
        before, status = self.seen.get(spec.id, (None, None))
        # One that runs may die without a word in its log.
        if status is None or before != log or status.state == "running":
            status = run_status(folder, spec, self.hours.at(spec.counts().params))
            self.seen[spec.id] = (log, status)
        return status


def _stamp(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size


def _newest(folder: RunFolder) -> tuple[dict[str, Any], dict[str, float]]:
    """The log's last event, and the newest number in each of ``FIELDS`` at its end.

    What was measured before the run was last started says nothing of how fast it is now.
    """
    last: dict[str, Any] = {}
    found: dict[str, float] = {}
    for line in islice(newest_json_lines(folder.log_path), LINES):
        last = last or ({} if line.get("event") in ASIDE else line)
        for name in FIELDS:
            value = line.get(name)
            if name not in found and isinstance(value, int | float) and value is not True:
                found[name] = float(value)
        if line.get("event") == "start" or len(found) == len(FIELDS):
            break
    return last, found
