"""A planner that stands in for the real one, and an adaptive study in a process of its own.

``python adaptive_cases.py DIR SPEND WHERE`` goes on with a study folder, and is killed WHERE.
"""

import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import torch

from ditlaw.executors import Ended
from ditlaw.planner import adaptive
from ditlaw.planner.goal import goal_of
from ditlaw.study import Stop, make_run, open_study, study_runs, variants
from ditlaw.training.folder import RunFolder, folder_runs
from ditlaw.training.run import train

ROUNDS = 3


class InProcess:
    """Carries jobs out one after the other, here; fails those of ``broken`` runs."""

    def __init__(self, broken=()):
        self.broken, self.trained = broken, []

    def run(self, jobs, on_end=lambda ended: None, on_tick=lambda: None):
        torch.set_num_threads(1)
        found = []
        for job in jobs:
            folder = RunFolder(job.folder)
            self.trained.append(job.folder.name)
            if job.folder.name in self.broken:
                folder.log("failed", reason="broken")
            else:
                train(folder)
            status = folder.status()
            found.append(Ended(job.folder, status.state, status.reason))
            on_end(found[-1])
        return found


def chosen(specs, reason, verdict="run"):
    interval = SimpleNamespace(now=1.0, expected=0.5)
    result = SimpleNamespace(interval=interval, verdict=verdict, reason=reason)
    return SimpleNamespace(result=result, specs=specs)


def three_rounds(source, target, spend, *, seed=0):
    """Trains two runs on, then one of them again, then adds one; all in little time."""
    study = open_study(Path(source))
    runs = {run.id: run for run in folder_runs(Path(source), study)}
    small, other, *_ = (runs[run.id] for run in study_runs(study))

    def on(run, budget):
        stop = Stop(budget=budget, step=run.mix().last_step(budget))
        return run.model_copy(update={"stops": [*run.stops, stop]})

    rounds = {
        1: lambda: [on(small, 6.1e9), on(other, 6.1e9)],
        2: lambda: [on(small, 6.2e9)],
        3: lambda: [make_run(variants(study)[0], small.shape, 9, [7e8])],
    }
    if seed not in rounds:
        return chosen([], "nothing narrows it", "no-help")
    return chosen(rounds[seed](), f"round {seed} of {spend:g} FLOPs")


def killed(where):
    """Has this process killed at ``NAME:n``: as the n-th file so named is about to be there."""
    name, _, left = where.partition(":")
    counts = {"left": int(left)}

    def dying(function):
        def inner(source, target, *args, **kwargs):
            if name in str(target):
                counts["left"] -= 1
                if counts["left"] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return function(source, target, *args, **kwargs)

        return inner

    os.link, Path.replace = dying(os.link), dying(Path.replace)


def main(folder, spend, where):
    killed(where)
    study = Path(folder) / "study.yaml"
    goal = goal_of(open_study(Path(folder)), None, None, spend)
    adaptive.run_adaptive(study, Path(folder), goal, executor=InProcess(), choose=three_rounds)


if __name__ == "__main__":
    main(*sys.argv[1:])
