"""A Slurm cluster as an executor: an array of jobs, one a run.

How far a run is stands in its run folder. ``DIR/.slurm/NAME/`` says which jobs were handed to Slurm
under that name, and how each ended; Slurm itself is asked for one thing only: which of them are in
its queue. So nothing depends on this process: if it dies, the jobs go on, and the next one takes
them over.

jobs.json     the jobs of the array, in its order; written before Slurm hears of them
ended/N.json  how the Nth ended
the rest      submitit's: what it hands over, and what each job printed
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from ditlaw.errors import BadInput
from ditlaw.executors.job import Ended, Job, carry_out, prepare
from ditlaw.executors.sbatch import Request, cancel, queue, submit
from ditlaw.files import make_folder, write_json
from ditlaw.study import RECORD_FILE
from ditlaw.text import slug
from ditlaw.training.folder import RunFolder

TICK_SECONDS = 0.5
LARGEST_ARRAY = 1000  # as Slurm is set up where nobody has changed it
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

    def __call__(self, index: int) -> None:
        """Do that job, and leave word of how it ended."""
        job = Array.read(self.array).jobs[index]
        prepare(self.threads, self.modules)
        ended = carry_out(job, PATIENCE)
        if ended.state != "stopped":  # else Slurm starts it again, or drops it from its queue
            answer = {"state": ended.state, "reason": ended.reason}
            write_json(self.array / "ended" / f"{index}.json", answer)

    def checkpoint(self, index: int) -> Any:
        """What submitit hands over again before a time limit or a preemption: the same job.

        The run folder has the checkpoints, and no job is needed to make one: the newest counts.
        """
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, index)


@dataclass
class SlurmExecutor:
    """Does jobs on a Slurm cluster, at most ``workers`` at a time.

    Args:
        request: what each job asks for.
        workers: None leaves it to Slurm how many run at a time.
        say: called with lines for the user.
        every: seconds between looks at the queue.
    """

    request: Request = field(default_factory=Request)
    workers: int | None = None
    say: Callable[[str], None] = lambda line: None
    every: float = 10.0

    def run(
        self,
        jobs: list[Job],
        *,
        on_end: Callable[[Ended], None] = lambda ended: None,
        on_tick: Callable[[], None] = lambda: None,
    ) -> list[Ended]:
        """Do every job; those that an earlier process left in the queue are taken over.

        Ends by itself once all have ended. If it is interrupted, what is not over is cancelled.

        Raises:
            BadInput: sbatch refuses the jobs.
        """
        if not jobs:
            return []
        home = _study_of(jobs[0].folder) / ".slurm"
        jobs = [Job(job.folder.absolute(), job.settings, job.rounds) for job in jobs]
        watch = _Watch(self.every, on_end, on_tick)
        try:
            watch.take_over(home, jobs)
            left = [job for job in jobs if job not in watch.jobs()]
            if watch.open:
                self.say(f"{len(watch.open)} runs are in Slurm's queue already")
            for some in (left[i : i + LARGEST_ARRAY] for i in range(0, len(left), LARGEST_ARRAY)):
                array = Array.make(home, some)
                watch.open |= {(array.folder.name, i): array for i in range(len(some))}
                modules = [os.path.abspath(path) for path in sys.path]
                task = Task(array.folder, self.request.cpus, modules)
                submit(task, len(some), array.folder, self.request, self.workers or len(some))
                self.say(f"{len(some)} runs handed to Slurm as {array.folder.name}")
            watch.until_all_ended()
        finally:
            if watch.open:
                cancel({name for name, _ in watch.open})
                self.say(f"cancelled the Slurm jobs of {len(watch.open)} runs")
        return watch.ended


class _Watch:
    """The jobs that have not ended, by name and place in their array."""

    def __init__(
        self, every: float, on_end: Callable[[Ended], None], on_tick: Callable[[], None]
    ) -> None:
        self.every, self.on_end, self.on_tick = every, on_end, on_tick
        self.open: dict[tuple[str, int], Array] = {}
        self.ended: list[Ended] = []

    def jobs(self) -> list[Job]:
        return [array.jobs[index] for (_, index), array in self.open.items()]

    def take_over(self, home: Path, jobs: list[Job]) -> None:
        """Find which jobs are in the queue; wait for those of them that are being cancelled."""
        arrays = {path.parent.name: Array.read(path.parent) for path in home.glob("*/jobs.json")}
        names = [name for name, array in arrays.items() if len(array.ended()) < len(array.jobs)]
        while True:
            there = queue(names)
            if there is None:
                raise BadInput("squeue gives no answer; wait until Slurm does, and repeat")
            ours = {
                key: state for key, state in there.items() if arrays[key[0]].jobs[key[1]] in jobs
            }
            if "COMPLETING" not in ours.values():
                break
            time.sleep(TICK_SECONDS)
            self.on_tick()
        self.open = {key: arrays[key[0]] for key in ours}

    def until_all_ended(self) -> None:
        """Wait until each has left word, or is gone from the queue without one."""
        looked, missed = time.monotonic(), set[tuple[str, int]]()
        while self.open:
            time.sleep(TICK_SECONDS)
            self._hear()
            if time.monotonic() - looked > self.every:
                there = queue({name for name, _ in self.open})
                gone = set() if there is None else self.open.keys() - there.keys()
                self._hear()  # a shared file system may show a file a little late: look twice
                for name, index in missed & gone & self.open.keys():
                    self._end((name, index), _lost(self.open[name, index], index))
                looked, missed = time.monotonic(), gone
            self.on_tick()

    def _hear(self) -> None:
        for array in {array.folder: array for array in self.open.values()}.values():
            for index in array.ended():
                if (array.folder.name, index) in self.open:
                    self._end((array.folder.name, index), array.how(index))

    def _end(self, key: tuple[str, int], ended: Ended) -> None:
        del self.open[key]
        self.ended.append(ended)
        self.on_end(ended)


def _lost(array: Array, index: int) -> Ended:
    """How a job ended that left no word: as its run folder says, else it failed."""
    job = array.jobs[index]
    if job.trains:
        status = RunFolder(job.folder).status()
        if status.state in ("done", "diverged"):
            return Ended(job.folder, status.state, status.reason)
    said = array.last_words(index)
    return Ended(job.folder, "failed", f"its Slurm job is gone ({said}); run again to resume")


def _study_of(folder: Path) -> Path:
    """The study folder that a folder is or lies in."""
    absolute = folder.absolute()
    inside = (p for p in (absolute, *absolute.parents) if (p / RECORD_FILE).exists())
    return next(inside, absolute)
