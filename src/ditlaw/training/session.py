"""One sitting at a run: what is trained, evaluated, kept and logged, in which order."""

import math
import os
import platform
import shutil
import time
from typing import Any

import torch

from ditlaw import __version__
from ditlaw.data.places import study_root
from ditlaw.errors import BadInput
from ditlaw.files import last_json_line
from ditlaw.observations import IN_WARMUP, MIN_STEPS, REPEATED, TOO_EARLY
from ditlaw.study import RunSpec, Stop
from ditlaw.training import stopping
from ditlaw.training.device import device_name
from ditlaw.training.evaluate import Grid
from ditlaw.training.folder import RunFolder
from ditlaw.training.observation import observation
from ditlaw.training.parallel import Alone
from ditlaw.training.pictures import save_pictures
from ditlaw.training.throughput import Throughput
from ditlaw.training.trunk import Trunk
from ditlaw.training.weights import save_weights

LOG_SECONDS = 1.0


class Session:
    """One sitting at a run: its folder, state, checkpoints and clocks.

    Ranks that share a run sit together: they hear from the first what its clock and its folder say.
    """

    def __init__(
        self, folder: RunFolder, spec: RunSpec, device: torch.device, ranks: Alone
    ) -> None:
        self.folder, self.spec, self.ranks = folder, spec, ranks
        root = study_root(folder.path)
        grid = Grid(spec, device, root, folder.log)
        loss = grid.zero_loss
        self.grid = grid if ranks.first else None  # the others have no use for its memory

        def fresh() -> Trunk:
            micro = ranks.micro(folder)
            return Trunk(
                spec, device, root, micro=micro, ranks=ranks, tell=folder.log, idle_loss=loss
            )

        self.trunk = fresh()
        self.checkpoints = self.keeping = ranks.checkpoints(folder.checkpoints, spec.trains_as())
        if self._resume():
            lost = folder.missing(spec, self.trunk.step)
            if ranks.heard(any(spec.stands(stop) < self.trunk.step for stop in lost))[0]:
                # A row that this state is past can only be made by passing its budget again.
                self.trunk.close()
                self.trunk = fresh()
                self.checkpoints.clear()
        folder.rewind(spec, self.trunk.step)
        made = {row["budget"] for row in folder.observations()}
        # Steps of the branches so far: what has been trained beside the way to the trunk's step.
        self.beside = sum(spec.branch(s).steps for s in spec.stops[:-1] if s.budget in made)
        self._resume_branch(made)
        self.due = _Due()
        self.speed = Throughput(
            spec,
            device_name(device),
            self._at(self.trunk.step)["trained"],
            _newest(folder, "seconds") or 0.0,
            _newest(folder, "gpu_seconds"),
            devices=ranks.world,
        )
        folder.log(
            "start",
            **self._at(self.trunk.step),
            **self.speed.times(),
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
                stopping.asked(), self.due("log", LOG_SECONDS), self.keeping.due()
            )
            keeping = stop or due
            if (logging or keeping or self.trunk.on_host) and self._bad():
                return "diverged"
            if logging:
                self.folder.log("progress", **self._progress())
            if keeping:
                self.keeping.save(self.trunk.step, self.trunk.state())
            if stop:
                reason = "asked to stop; run again to resume"
                self.folder.log("stopped", reason=reason, **self._progress())
                return "stopped"
        return "diverged" if self._bad() else None

    def cool_down(self, stop: Stop) -> str | None:
        """Train a budget's branch, if it has one, to its end; returns how the run ended, if so.

        The trunk's state is kept meanwhile, and the branch's beside it: either can be resumed from.
        """
        branch = self.spec.branch(stop)
        if self.trunk.step == branch.end:
            return None
        if self.trunk.branch is None:
            self._leave_trunk(stop)
        return self.train_to(branch.end)

    def _leave_trunk(self, stop: Stop) -> None:
        self.checkpoints.save(self.trunk.step, self.trunk.state())
        states = self.folder.branch(stop.budget)
        self.keeping = self.ranks.checkpoints(states, self.spec.trains_as())
        self._resume()
        self.trunk.branch = self.spec.branch(stop)

    def _resume_branch(self, made: set[float]) -> None:
        """Go on inside a branch that was cut, so that the log starts at the step it stands at."""
        for stop in self.spec.stops:
            if self.trunk.step != self.spec.branch(stop).start:
                continue
            begun = self.folder.branch(stop.budget).exists()
            missing, begun = self.ranks.heard(stop.budget not in made, begun)
            if missing:  # the next to be made
                if begun:
                    self._leave_trunk(stop)
                return

    def _back(self, stop: Stop) -> None:
        """From a branch's end to where it left the trunk; the last budget's is the run's end."""
        if self.trunk.branch is None:
            return
        self.keeping.clear()
        self.trunk.branch, self.keeping = None, self.checkpoints
        if stop == self.spec.stops[-1]:
            return
        self.beside += self.spec.branch(stop).steps
        if not self._resume():
            raise BadInput(f"{self.folder.checkpoints}: emptied meanwhile; repeat the command")

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
        if trunk.step == self.spec.stands(stop):
            self.checkpoints.save(trunk.step, trunk.state())
        loss = row and row["loss"]
        self.folder.log("observation", budget=stop.budget, loss=loss, **self._progress())
        self._back(stop)
        return None

    def _row(self, stop: Stop, model: torch.nn.Module) -> dict[str, Any] | None:
        """Evaluate a model at a budget and write its row; None if a loss is not finite."""
        folder, spec, trunk, grid = self.folder, self.spec, self.trunk, self.grid
        assert grid is not None, "the first rank evaluates"
        measured = grid.measured(model)
        if not all(map(math.isfinite, measured.values())):
            return None
        pictures = grid.pictures(model)
        if pictures is not None:
            save_pictures(folder, stop.budget, pictures)
        if spec.evaluation.keep_weights:
            save_weights(folder, stop.budget, model)
        row = observation(spec, stop, [source.samples for source in trunk.sources])
        row |= {"train_loss": trunk.train_loss, "note": _note(spec, stop, row)}
        row |= {"evaluated_on": grid.evaluated_on} | measured
        folder.observe(row)
        return row

    def finish(self) -> None:
        """Log that all is done; what a cut left of branches goes."""
        if self.ranks.first:
            shutil.rmtree(self.folder.branches, ignore_errors=True)
        self.folder.log("done", **self._progress())

    def _resume(self) -> bool:
        """Go on from the newest state in use, if there is one."""
        own = dict(zip(self.trunk.names, self.trunk.parameters, strict=True))
        state = self.keeping.load(own)
        if state is not None:
            self.trunk.restore(state)
        return state is not None

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
        at, times = self._at(step), self.speed.times()
        self.folder.log("diverged", **at, reason=f"{why}; {said}", **times, last_good=last)
        return "diverged"

    def _progress(self) -> dict[str, Any]:
        at = self._at(self.trunk.step)
        # The loss first: reading it waits for the device, whose time is told after it.
        loss = {"train_loss": self.trunk.train_loss}
        return at | loss | self.speed.progress(at["trained"])

    def _at(self, step: int) -> dict[str, int]:
        """Where the run is: the step it is at, and the steps trained in all to come there."""
        return {"step": step, "trained": step + self.beside}


def _newest(folder: RunFolder, name: str) -> float | None:
    """The newest number of that name in a run's log."""
    line = last_json_line(folder.log_path, having=name)
    return None if line is None else float(line[name])


def _note(spec: RunSpec, stop: Stop, row: dict[str, Any]) -> str:
    """Why a row is not to be fitted, or is to be taken with care; empty where it is as any."""
    if spec.branch(stop).start <= spec.recipe.warmup_steps:
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
