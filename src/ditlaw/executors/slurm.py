"""A Slurm cluster as an executor: an array of jobs, one a run.

How far a run is stands in its run folder. ``DIR/.slurm/NAME/`` says which jobs were handed to Slurm
under that name, and how each ended; Slurm itself is asked for one thing only: which of them are in
its queue. So nothing depends on this process: if it dies, the jobs go on, and the next one takes
them over.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from ditlaw.errors import BadInput
from ditlaw.executors.array import Array, Task
from ditlaw.executors.job import Ended, Job
from ditlaw.executors.sbatch import Request, cancel, queue, submit
from ditlaw.study import RECORD_FILE
from ditlaw.training.folder import RunFolder

TICK_SECONDS = 0.5
LARGEST_ARRAY = 1000  # as Slurm is set up where nobody has changed it


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
        jobs = [replace(job, folder=job.folder.absolute()) for job in jobs]
        watch = _Watch(self.every, on_end, on_tick)
        try:
            watch.take_over(home, jobs, self.say)
            if watch.open:
                self.say(f"in Slurm's queue already: {len(watch.open)}")
            left = [job for job in jobs if job not in watch.jobs()]
            for i in range(0, len(left), LARGEST_ARRAY):
                self._submit(Array.make(home, left[i : i + LARGEST_ARRAY]), watch)
            watch.until_all_ended()
        finally:
            if names := {name for name, _ in watch.open}:
                done = cancel(names)
                how = "cancelled in" if done else "scancel gave no answer; perhaps still in"
                self.say(f"{how} Slurm's queue: {len(watch.open)} ({', '.join(sorted(names))})")
        return watch.ended

    def _submit(self, array: Array, watch: "_Watch") -> None:
        count = len(array.jobs)
        modules = [os.path.abspath(path) for path in sys.path]
        task = Task(array.folder, self.request.cpus, modules, self.request.warning)
        before = watch.open
        # Before Slurm hears of them: an interrupt in between must find what to cancel.
        watch.open = before | {(array.folder.name, index): array for index in range(count)}
        try:
            submit(task, count, array.folder, self.request, self.workers or count)
        except BadInput:
            watch.open = before
            shutil.rmtree(array.folder)
            raise
        self.say(f"handed to Slurm as {array.folder.name}: {count}")


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

    def take_over(self, home: Path, jobs: list[Job], say: Callable[[str], None]) -> None:
        """Find which jobs are in the queue; wait for those of them that are being cancelled."""
        arrays = {path.parent.name: Array.read(path.parent) for path in home.glob("*/jobs.json")}
        ours = _queued(arrays, jobs)
        if "COMPLETING" in ours.values():
            say("waiting for cancelled jobs to end")
        while "COMPLETING" in ours.values():
            time.sleep(TICK_SECONDS)
            self.on_tick()
            ours = _queued(arrays, jobs)
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


def _queued(arrays: dict[str, Array], jobs: list[Job]) -> dict[tuple[str, int], str]:
    """The states of those jobs that are in the queue, by name and place in their array.

    Raises:
        BadInput: Slurm cannot be asked.
    """
    there = queue(name for name, array in arrays.items() if len(array.ended()) < len(array.jobs))
    if there is None:
        raise BadInput("squeue gives no answer; wait until Slurm does, and repeat")
    return {key: state for key, state in there.items() if arrays[key[0]].jobs[key[1]] in jobs}


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
