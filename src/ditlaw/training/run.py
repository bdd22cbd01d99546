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
from ditlaw.study import RunSpec, Stop
from ditlaw.tracking import mirrored
from ditlaw.training import stopping
from ditlaw.training.evaluate import Grid
from ditlaw.training.folder import RunFolder
from ditlaw.training.observation import observation
from ditlaw.training.parallel import Alone
from ditlaw.training.pictures import save_pictures
from ditlaw.training.throughput import Throughput
from ditlaw.training.trunk import Trunk
from ditlaw.training.weights import save_weights

LOG_SECONDS = 1.0


def pick_device() -> torch.device:
    """CUDA where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(folder: RunFolder, device: torch.device | None = None, ranks: Alone | None = None) -> str:
    """Train the run of a folder from wherever it stands; returns ``done``, ``diverged``
    or, asked by SIGTERM or ``stopping.ask``, ``stopped``.

    Of several ``ranks`` that share it each calls this; see ``ditlaw.training.ranks``.

    Observations are a pure function of the spec on one machine: a run that was killed and resumed
    writes the same bytes as one that was not.

    Raises:
        Refused: another process is training it.
    """
    ranks, spec = ranks or Alone(), folder.spec()
    mirrors = mirrored(folder, spec) if ranks.first else contextlib.nullcontext()
    with stopping.heeding(), folder.lock(), mirrors:
        return _train(folder, spec, device or pick_device(), ranks)


def _train(folder: RunFolder, spec: RunSpec, device: torch.device, ranks: Alone) -> str:
    session = Session(folder, spec, device, ranks)
    try:
        for stop in spec.stops:
            ended = session.train_to(stop.step)
            # Where a resumed state lies past a budget, its row is there.
            missing = folder.missing(spec.model_copy(update={"stops": [stop]}), stop.step)
            if ranks.heard(bool(missing))[0] and not ended:
                ended = session.observe(stop)
            if ended:
                return ended
        session.finish()
        return "done"
    finally:
        session.trunk.close()


class Session:
    """One sitting at a run: its folder, state, checkpoints and clocks.

    Ranks that share a run sit together: they hear from the first what its clock and its folder say.
    """

    def __init__(
        self, folder: RunFolder, spec: RunSpec, device: torch.device, ranks: Alone
    ) -> None:
        self.folder, self.spec, self.ranks = folder, spec, ranks
        root = study_root(folder.path)
        self.grid = Grid(spec, device, root)

        def fresh() -> Trunk:
            loss = self.grid.zero_loss
            micro = ranks.micro(folder)
            return Trunk(
                spec, device, root, micro=micro, ranks=ranks, tell=folder.log, idle_loss=loss
            )

        self.trunk = fresh()
        self.checkpoints = ranks.checkpoints(folder.checkpoints, spec.trains_as())
        state = self.checkpoints.load(
            dict(zip(self.trunk.names, self.trunk.parameters, strict=True))
        )
        if state is not None:
            self.trunk.restore(state)
            missing = [s for s in folder.missing(spec, self.trunk.step) if s.step < self.trunk.step]
            if ranks.heard(bool(missing))[0]:
                # A row that this state is past can only be made by passing its budget again.
                self.trunk.close()
                self.trunk = fresh()
                self.checkpoints.clear()
        folder.rewind(self.trunk.step)
        before = last_json_line(folder.log_path, having="seconds") or {"seconds": 0.0}
        self.due = _Due()
        already = float(before["seconds"])
        self.speed = Throughput(
            spec, device_name(device), self.trunk.step, already, devices=ranks.world
        )
        folder.log(
            "start",
            step=self.trunk.step,
            seconds=self.speed.already,
            pid=os.getpid(),
            **self.speed.facts(),
            threads=torch.get_num_threads(),
            ranks=ranks.world,
            parallel=ranks.strategy,
            versions={
                "ditlaw": __version__,
                "torch": torch.__version__,
                "python": platform.python_version(),
            },
        )

    def train_to(self, step: int) -> str | None:
        """Train to a step, logging and keeping the state as time passes.

        Returns how the run ended, where it did before that step. The loss of a GPU's steps is read
        when something is written, and only then.
        """
        for _ in self.trunk.run(step):
            stop, logging, due = self.ranks.heard(
                stopping.asked(), self.due("log", LOG_SECONDS), self.checkpoints.due()
            )
            keeping = stop or due
            if (logging or keeping or self.trunk.on_host) and self._bad():
                return "diverged"
            if logging:
                self.folder.log("progress", **self._progress())
            if keeping:
                self.checkpoints.save(self.trunk.step, self.trunk.state())
            if stop:
                reason = "asked to stop; run again to resume"
                self.folder.log("stopped", reason=reason, **self._progress())
                return "stopped"
        return "diverged" if self._bad() else None

    def observe(self, stop: Stop) -> str | None:
        """Evaluate at a budget and write its row; returns how the run ended, if it did."""
        with self.speed.not_training():
            return self._observe(stop)

    def _observe(self, stop: Stop) -> str | None:
        trunk, model = self.trunk, self.trunk.averaged_model()
        row = self._row(stop, model) if self.ranks.first else None
        if not self.ranks.heard(row is not None)[0]:
            why = "validation loss is not finite"
            return self._diverged(trunk.step, why, good=trunk.step)
        self.checkpoints.save(trunk.step, trunk.state())
        loss = row and row["loss"]
        self.folder.log("observation", budget=stop.budget, loss=loss, **self._progress())
        return None

    def _row(self, stop: Stop, model: torch.nn.Module) -> dict[str, Any] | None:
        """Evaluate a model at a budget and write its row; None if a loss is not finite."""
        folder, spec, trunk, grid = self.folder, self.spec, self.trunk, self.grid
        measured = grid.measured(model)
        if not all(map(math.isfinite, measured.values())):
            return None
        pictures = grid.pictures(model)
        if pictures is not None:
            save_pictures(folder, stop.budget, pictures)
        if spec.evaluation.keep_weights:
            save_weights(folder, stop.budget, model)
        row = observation(spec, stop, [source.samples for source in trunk.sources])
        row |= {"train_loss": trunk.train_loss, "note": _note(spec, row)}
        row |= {"evaluated_on": grid.evaluated_on} | measured
        folder.observe(row)
        return row

    def finish(self) -> None:
        """Log that all is done."""
        self.folder.log("done", **self._progress())

    def _bad(self) -> bool:
        bad = self.trunk.bad()
        if bad is not None:
            why = f"loss {bad.loss:g} at step {bad.step} (learning rate too high?)"
            self._diverged(bad.step, why, good=bad.step - 1)
        return bad is not None

    def _diverged(self, step: int, why: str, good: int) -> str:
        """Log that, with the last step that was well and the last row that was written."""
        last: dict[str, Any] = {"step": good}
        said = f"well until step {good}"
        if rows := self.folder.observations():
            last |= {"budget": rows[-1]["budget"], "loss": rows[-1]["loss"]}
            said += f", last observed at {last['budget']:g} FLOPs with loss {last['loss']:.4g}"
        seconds, reason = self.speed.seconds(), f"{why}; {said}"
        self.folder.log("diverged", step=step, reason=reason, seconds=seconds, last_good=last)
        return "diverged"

    def _progress(self) -> dict[str, Any]:
        trunk = self.trunk
        # The loss first: reading it waits for the device, whose time is told after it.
        return {
            "step": trunk.step,
            "train_loss": trunk.train_loss,
            **self.speed.progress(trunk.step),
        }


def _note(spec: RunSpec, row: dict[str, Any]) -> str:
    """Why a row is not to be fitted, or is to be taken with care; empty where it is as any."""
    if row["steps"] <= spec.recipe.warmup_steps:
        return IN_WARMUP
    if row["steps"] < MIN_STEPS:
        return TOO_EARLY
    return REPEATED if row.get("epochs", 0) > 1 else ""


class _Due:
    """What is due again, by name."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.last: dict[str, float] = {}

    def __call__(self, what: str, every: float) -> bool:
        now = time.monotonic()
        if now - self.last.setdefault(what, self.began) < every:
            return False
        self.last[what] = now
        return True


def device_name(device: torch.device) -> str:
    """What the accelerator or the processor calls itself."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with contextlib.suppress(OSError):  # Linux names the processor here; elsewhere the kind must do
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
