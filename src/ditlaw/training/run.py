"""Carry one run to its last budget: resume, train, evaluate at each budget, checkpoint, log."""

import contextlib
import math
import os
import platform
import time
from pathlib import Path
from typing import Any

import torch

from ditlaw import __version__
from ditlaw.data.places import study_root
from ditlaw.files import last_json_line
from ditlaw.observations import IN_WARMUP, MIN_STEPS, REPEATED, TOO_EARLY
from ditlaw.study import RunSpec
from ditlaw.training import stopping
from ditlaw.training.checkpoint import Checkpoints
from ditlaw.training.evaluate import Grid
from ditlaw.training.folder import RunFolder
from ditlaw.training.observation import observation
from ditlaw.training.pictures import save_pictures
from ditlaw.training.trunk import Trunk
from ditlaw.training.weights import save_weights

LOG_SECONDS = 1.0
STOPPED = "asked to stop; run again to resume"
EXPLODED = 1e3  # a velocity loss starts near 1; past this the run has diverged


def pick_device() -> torch.device:
    """CUDA where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(folder: RunFolder, device: torch.device | None = None) -> str:
    """Train the run of a folder from wherever it stands; returns ``done`` or ``diverged``.

    Observations are a pure function of the spec on one machine: a run that was killed and resumed
    writes the same bytes as one that was not.

    Raises:
        Refused: another process is training it.
    """
    with stopping.heeding(), folder.lock():
        return _train(folder, folder.spec(), device or pick_device())


def _train(folder: RunFolder, spec: RunSpec, device: torch.device) -> str:
    root = study_root(folder.path)
    trunk = Trunk(spec, device, root)
    checkpoints = Checkpoints(folder.checkpoints, spec.trains_as())
    state = checkpoints.load()
    if state is not None:
        trunk.restore(state)
        if [stop for stop in folder.missing(spec, trunk.step) if stop.step < trunk.step]:
            # A row that this state is past can only be made by passing its budget again.
            trunk = Trunk(spec, device, root)
            checkpoints.clear()
    folder.rewind(trunk.step)
    before = last_json_line(folder.log_path, having="seconds") or {"seconds": 0.0}
    already = float(before["seconds"])
    folder.log(
        "start",
        step=trunk.step,
        seconds=already,
        pid=os.getpid(),
        device=device_name(device),
        threads=torch.get_num_threads(),
        versions={
            "ditlaw": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    )
    grid = Grid(spec, device, root)
    clock = _Clock(already)
    for stop in spec.stops:
        for made in trunk.run(stop.step):
            if not math.isfinite(made.loss) or made.loss > EXPLODED:
                reason = f"loss {made.loss:g} at step {made.step} (learning rate too high?)"
                folder.log("diverged", step=made.step, reason=reason, seconds=clock.total())
                return "diverged"
            if clock.due("log", LOG_SECONDS):
                folder.log("progress", **_progress(trunk, clock))
            if checkpoints.due() or stopping.asked():
                checkpoints.save(trunk.step, trunk.state())
            if stopping.asked():
                folder.log("stopped", reason=STOPPED, **_progress(trunk, clock))
                return "stopped"
        if not folder.missing(spec.model_copy(update={"stops": [stop]}), stop.step):
            continue  # the resumed state lies past this budget, and its row is there
        model = trunk.averaged_model()
        measured = grid.measured(model)
        if not all(map(math.isfinite, measured.values())):
            folder.log("diverged", step=trunk.step, reason="validation loss is not finite")
            return "diverged"
        pictures = grid.pictures(model)
        if pictures is not None:
            save_pictures(folder, stop.budget, pictures)
        if spec.evaluation.keep_weights:
            save_weights(folder, stop.budget, trunk)
        row = observation(spec, stop, [source.samples for source in trunk.sources])
        row |= {"train_loss": trunk.train_loss, "note": _note(spec, row)}
        folder.observe(row | {"evaluated_on": grid.evaluated_on} | measured)
        checkpoints.save(trunk.step, trunk.state())
        folder.log(
            "observation", budget=stop.budget, loss=measured["loss"], **_progress(trunk, clock)
        )
    folder.log("done", **_progress(trunk, clock))
    return "done"


def _note(spec: RunSpec, row: dict[str, Any]) -> str:
    """Why a row is not to be fitted, or is to be taken with care; empty where it is as any."""
    if row["steps"] <= spec.recipe.warmup_steps:
        return IN_WARMUP
    if row["steps"] < MIN_STEPS:
        return TOO_EARLY
    return REPEATED if row.get("epochs", 0) > 1 else ""


class _Clock:
    """Seconds spent on the run, earlier sessions included, and what is due."""

    def __init__(self, already: float) -> None:
        self.already = already
        self.began = time.monotonic()
        self.last: dict[str, float] = {}

    def total(self) -> float:
        return round(self.already + time.monotonic() - self.began, 3)

    def due(self, what: str, every: float) -> bool:
        now = time.monotonic()
        if now - self.last.setdefault(what, self.began) < every:
            return False
        self.last[what] = now
        return True


def _progress(trunk: Trunk, clock: _Clock) -> dict[str, Any]:
    return {"step": trunk.step, "train_loss": trunk.train_loss, "seconds": clock.total()}


def device_name(device: torch.device) -> str:
    """What the accelerator or the processor calls itself."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with contextlib.suppress(OSError):  # Linux names the processor here; elsewhere the kind must do
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
