"""An array of Slurm jobs on disk, ``DIR/.slurm/NAME/``, and what runs in each of them.

jobs.json     the jobs, in the array's order; written before Slurm hears of them
ended/N.json  how the Nth ended
the rest      submitit's: what it hands over, and what each job printed
"""

import json
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from ditlaw.executors.job import Ended, Job, carry_out, prepare
from ditlaw.files import make_folder, write_json
from ditlaw.text import slug
from ditlaw.training import stopping

PATIENCE = 60.0  # for an earlier attempt of the same run to die on its node


@dataclass(frozen=True)
class Array:
    """One array of jobs and its folder, which is called as the jobs are in the queue."""

    folder: Path
    jobs: list[Job]

    @staticmethod
    def make(home: Path, jobs: list[Job]) -> "Array":
        """Note down jobs that are about to be handed over."""
        folder = home / f"ditlaw-{slug(home.parent.name)}-{uuid4().hex[:8]}"
        make_folder(folder / "ended")
        write_json(folder / "jobs.json", [job.to_json() for job in jobs])
        return Array(folder.absolute(), jobs)

    @staticmethod
    def read(folder: Path) -> "Array":
        """What was noted down in a folder."""
        lines = json.loads((folder / "jobs.json").read_text())
        return Array(folder.absolute(), [Job.from_json(line) for line in lines])

    def ended(self) -> list[int]:
        """Which of the jobs have said how they ended."""
        return [
            int(name[:-5]) for name in os.listdir(self.folder / "ended") if name[-5:] == ".json"
        ]

    def how(self, index: int) -> Ended:
        """How that job ended."""
        said = json.loads((self.folder / "ended" / f"{index}.json").read_text())
        return Ended(self.jobs[index].folder, said["state"], said["reason"])

    def last_words(self, index: int) -> str:
        """The last line that a job printed as an error, or Slurm for it."""
        name = f"*_{index}_0_log.err" if len(self.jobs) > 1 else "*_0_log.err"
        for path in self.folder.glob(name):
            lines = path.read_text(errors="replace").strip().splitlines()
            if lines:
                return lines[-1]
        return "it printed nothing"


@dataclass(frozen=True)
class Task:
    """What runs in a job of an array. It is pickled: Slurm's nodes hold the same ditlaw."""

    array: Path
    threads: int
    modules: list[str]
    warning: int

    def __call__(self, index: int) -> None:
        """Do that job, and leave word of how it ended."""
        job = Array.read(self.array).jobs[index]
        requeue = self._heed_warnings() if job.trains else None
        prepare(self.threads, self.modules)
        ended = carry_out(job, PATIENCE, grace=self.warning)
        if ended.state == "stopped" and requeue is not None:
            requeue()
        answer = {"state": ended.state, "reason": ended.reason}
        write_json(self.array / "ended" / f"{index}.json", answer)

    def _heed_warnings(self) -> Callable[[], None]:
        """Let a run stop at a step, its state kept, before submitit hands its job over again.

        Returns:
            What does that, and does not return.
        """
        submitits = signal.getsignal(signal.SIGUSR2)
        warned = threading.Event()

        def hear(number: int, frame: object) -> None:
            warned.set()
            # It may be long until the next step, as while a budget is observed.
            signal.signal(signal.SIGALRM, submitits)
            signal.alarm(self.warning * 2 // 3)
            stopping.ask()  # last: where ranks train, it does not return

        def requeue() -> None:
            # Stopped by SIGTERM alone: Slurm kills next, and requeues or does not, as it sees fit.
            while not warned.wait(1.0):
                pass
            signal.raise_signal(signal.SIGALRM)

        signal.signal(signal.SIGUSR2, hear)
        return requeue

    def checkpoint(self, index: int) -> Any:
        """What submitit hands over again: the same job, for its state is in the run folder."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, index)
