"""A Ray cluster as an executor: one task a run, tried again elsewhere when its node is lost."""

import contextlib
import importlib.util
import math
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ditlaw.compute.devices import SHARE_VARIABLE
from ditlaw.errors import BadInput
from ditlaw.executors.job import Ended, Job, carry_out, prepare

TICK_SECONDS = 0.5
CONNECT_SECONDS = 10.0
PATIENCE = 60.0  # for an earlier attempt of the same run to die with its node
NUMBERS = ("num_cpus", "num_gpus", "memory", "max_retries")
KNOWN = (*NUMBERS, "accelerator_type")


def parse_options(words: Iterable[str]) -> dict[str, Any]:
    """What each task asks Ray for, from words like ``num_gpus=0.5``; other names are resources.

    Raises:
        BadInput: a word is no option.
    """
    options: dict[str, Any] = {}
    for word in words:
        key, _, value = word.partition("=")
        if not key or not value:
            raise BadInput(f"--job: '{word}' is no option of a Ray task; try num_gpus=1")
        if key == "accelerator_type":
            options[key] = value
            continue
        number = _number(key, value)
        if key in NUMBERS:
            options[key] = int(number) if key in ("memory", "max_retries") else number
        else:
            options.setdefault("resources", {})[key] = number
    return options


def _number(key: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not (0 <= number < math.inf or (key, number) == ("max_retries", -1)):
        raise BadInput(f"--job: {key} '{value}' is no amount; try {key}=1")
    return number


def require_ray() -> None:
    """Whether Ray is installed.

    Raises:
        BadInput: it is not.
    """
    if importlib.util.find_spec("ray") is None:
        raise BadInput("--executor ray needs an extra (ray is missing); pip install 'ditlaw[ray]'")


@dataclass
class RayExecutor:
    """Does jobs on a Ray cluster, at most ``workers`` at a time.

    Args:
        options: what each task asks for, as ``ray.remote`` takes it; see ``needs`` for the rest.
        workers: None leaves it to the cluster's resources how many run at a time.
        address: of a cluster; None is ``RAY_ADDRESS``, or a cluster of this machine alone.
    """

    options: dict[str, Any] = field(default_factory=dict)
    workers: int | None = None
    address: str | None = None

    def run(
        self,
        jobs: list[Job],
        *,
        on_end: Callable[[Ended], None] = lambda ended: None,
        on_tick: Callable[[], None] = lambda: None,
    ) -> list[Ended]:
        """Do every job. If this process ends, its tasks end too; runs resume from checkpoints.

        Raises:
            BadInput: no cluster answers at the address.
        """
        if not jobs:
            return []
        import ray

        with _connected(self.address):
            resources: Callable[[], dict[str, float]] = ray.cluster_resources
            task, gpus = ray.remote(_do), resources().get("GPU", 0) > 0
            modules = [os.path.abspath(path) for path in sys.path]
            waiting, ended = deque(jobs), []
            running: dict[Any, Job] = {}
            while waiting or running:
                while waiting and len(running) < (self.workers or len(jobs)):
                    job = waiting.popleft()
                    asked = needs(job, self.options, gpus)
                    threads, share = max(1, int(asked["num_cpus"])), share_of(asked)
                    there = task.options(**asked)
                    running[there.remote(job.to_json(), threads, modules, share)] = job
                ready, _ = ray.wait(list(running), timeout=TICK_SECONDS)
                for reference in ready:
                    result = _answer(reference, running.pop(reference))
                    ended.append(result)
                    on_end(result)
                on_tick()
        return ended


def needs(job: Job, options: dict[str, Any], gpus: bool) -> dict[str, Any]:
    """What a job's task asks Ray for: a CPU for each rank, unless the options say otherwise.

    Where ranks share a run and the cluster has ``gpus``, also one of them for each.
    """
    ours: dict[str, Any] = {"num_cpus": job.ranks}
    if gpus and job.ranks > 1:
        ours["num_gpus"] = job.ranks
    return ours | options


def share_of(asked: dict[str, Any]) -> float:
    """The part of a GPU that such a task has, in (0, 1]."""
    return min(1.0, asked.get("num_gpus", 0) or 1.0)


def _do(line: str, threads: int, modules: list[str], share: float) -> tuple[str, str | None]:
    """What runs as a task: a job, to how it ended."""
    os.environ[SHARE_VARIABLE] = repr(share)
    prepare(threads, modules, share)
    ended = carry_out(Job.from_json(line), PATIENCE)
    return ended.state, ended.reason


def _answer(reference: Any, job: Job) -> Ended:
    import ray

    try:
        state, reason = ray.get(reference)
    except ray.exceptions.RayError as error:  # its worker or node is lost, and so were the retries
        said = str(error).strip().splitlines() or [""]
        reason = f"{type(error).__name__}: {said[0]}; run again to resume"
        return Ended(job.folder, "failed", reason)
    return Ended(job.folder, state, reason)


@contextlib.contextmanager
def _connected(address: str | None) -> Iterator[None]:
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anyone
    address = address or os.environ.get("RAY_ADDRESS")
    ours = signal.getsignal(signal.SIGTERM)
    # What Ray says of lost nodes it prints as output, where a command's answer goes.
    with contextlib.redirect_stdout(sys.stderr):
        try:
            _knock(address)
            ray.init(
                address=address,
                include_dashboard=False,
                configure_logging=False,
                log_to_driver=False,
            )
        except (OSError, RuntimeError, ValueError) as error:
            said = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise BadInput(
                f"--executor ray: no cluster at {address or 'this machine'} ({said}); "
                "RAY_ADDRESS=HOST:PORT names one"
            ) from None
        try:
            signal.signal(signal.SIGTERM, ours)  # Ray puts its own there, which says nothing
            yield
        finally:
            ray.shutdown()


def _knock(address: str | None) -> None:
    """Whether something listens at HOST:PORT; Ray itself would try for minutes.

    Raises:
        OSError: nothing does.
    """
    host, colon, port = (address or "").rpartition(":")
    if colon and port.isdecimal() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
