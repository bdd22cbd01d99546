"""This machine as an executor: a few worker processes, one run each at a time.

Workers are started once (importing torch takes seconds) and fed run folders through a pipe. The
pipe's end is also the leash: when this process dies, however it dies, the workers stop.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO

from ditlaw.executors.job import Ended, Job
from ditlaw.executors.places import Place, default_workers, shifts

POLL_SECONDS = 0.5
GRACE_SECONDS = 8.0  # less than the ten that containers are commonly given to end in


@dataclass
class _Worker:
    process: "subprocess.Popen[str]"
    errors: IO[str]
    place: Place
    job: Job | None = None

    def give(self, job: Job) -> None:
        assert self.process.stdin is not None
        self.job = job
        with contextlib.suppress(BrokenPipeError):  # it died idle; its closed output will say so
            self.process.stdin.write(job.to_json() + "\n")
            self.process.stdin.flush()


@dataclass
class LocalExecutor:
    """Does jobs on this machine, ``workers`` at a time, each on a CPU core or part of a GPU."""

    workers: int = field(default_factory=default_workers)

    def run(
        self,
        jobs: list[Job],
        *,
        on_end: Callable[[Ended], None] = lambda ended: None,
        on_tick: Callable[[], None] = lambda: None,
    ) -> list[Ended]:
        """Do every job; a failure is reported and does not stop the others.

        Args:
            jobs: in the order to start them (longest first wastes least).
            on_end: called as each ends.
            on_tick: called about twice a second, for a live display.
        """
        ended = []
        for places, members in shifts(jobs, self.workers):
            ended += self._serve(members, places, on_end, on_tick)
        return ended

    def _serve(
        self,
        jobs: list[Job],
        places: list[Place],
        on_end: Callable[[Ended], None],
        on_tick: Callable[[], None],
    ) -> list[Ended]:
        """Do jobs with a worker a place."""
        waiting, ended, free = deque(jobs), [], list(places)
        pool: list[_Worker] = []
        selector = selectors.DefaultSelector()
        try:
            while waiting or any(w.job for w in pool):
                while waiting and free and len(pool) < len(jobs):
                    worker = _start(free.pop(0))
                    assert worker.process.stdout is not None
                    selector.register(worker.process.stdout, selectors.EVENT_READ, worker)
                    pool.append(worker)
                for worker in pool:
                    if worker.job is None and waiting:
                        worker.give(waiting.popleft())
                for key, _ in selector.select(POLL_SECONDS):
                    worker = key.data
                    result = _answer(worker)
                    if worker.process.poll() is not None:
                        selector.unregister(key.fileobj)
                        pool.remove(worker)
                        free.append(worker.place)
                        _stop([worker])
                    if result:
                        ended.append(result)
                        on_end(result)
                on_tick()
        finally:
            selector.close()
            _stop(pool)
        return ended


def _start(place: Place) -> _Worker:
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed in _stop)
    process = subprocess.Popen(
        # -P: nothing in the current folder may pass for a module.
        # Where this process finds modules is told for a user's own models, and looked at last.
        [sys.executable, "-P", "-m", "ditlaw.training.worker", *map(os.path.abspath, sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        env=os.environ | threads | place.environment(),
    )
    return _Worker(process, errors, place)


def _answer(worker: _Worker) -> Ended | None:
    """Read what a worker says of its run, or why it can say nothing any more."""
    assert worker.process.stdout is not None
    line = worker.process.stdout.readline()
    job, worker.job = worker.job, None
    if line:
        assert job is not None
        answer = json.loads(line)
        return Ended(job.folder, answer["state"], answer["reason"])
    code = worker.process.wait()
    if job is None:
        return None
    if code < 0:
        reason = f"worker ended by {signal.Signals(-code).name}; run again to resume"
    else:
        worker.errors.seek(0)
        said = worker.errors.read().strip().splitlines()
        reason = said[-1] if said else f"worker ended with exit code {code}"
    return Ended(job.folder, "failed", reason)


def _stop(pool: list[_Worker]) -> None:
    """End workers; those at work are asked to first, so that a run can write a checkpoint."""
    try:
        busy = [worker.process for worker in pool if worker.job and worker.process.poll() is None]
        for process in busy:
            process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for process in busy:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
    finally:  # a second interrupt does not wait
        _end(pool)


def _end(pool: list[_Worker]) -> None:
    for worker in pool:
        if worker.process.poll() is None:
            worker.process.kill()  # nothing is lost: a run resumes from its checkpoint
    for worker in pool:
        worker.process.wait()
        for pipe in (worker.process.stdin, worker.process.stdout, worker.errors):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
