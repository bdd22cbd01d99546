"""The one hook of trackers: what a run logs, told again to each, never at the run's expense.

Each tracker lives in a thread of its own, so one that is slow or hangs costs points of its own
curves and no time of the run's. One that fails is named once in the run's log, then left out.
"""

import contextlib
import math
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from ditlaw.errors import BadInput
from ditlaw.study import RunSpec
from ditlaw.tracking.chosen import chosen_trackers
from ditlaw.training.folder import ENDED, RunFolder

WAITING = 1000  # events that a slow tracker may be behind
PATIENCE = 30.0  # seconds that a run waits at its end for its trackers
NO_CURVE = (
    "step",
    "trained",
    "time",
    "budget",
    "flops",
)  # numbers of an event that are no curve over steps


class Tracker(Protocol):
    """What a tracker is: made with the study folder and a run, used from one thread."""

    def start(self, spec: RunSpec, step: int) -> None:
        """Begin, or go on after ``step``: points past it that were told before are void."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Points of curves at a step."""

    def end(self, state: str) -> None:
        """The run is ``done``, ``diverged`` or ``stopped``; write what is left."""


@contextlib.contextmanager
def mirrored(folder: RunFolder, spec: RunSpec) -> Iterator[None]:
    """Tell a study's trackers what the run logs meanwhile."""
    try:
        root, names = chosen_trackers(folder.path)
    except BadInput as error:
        folder.log("tracker", name="all", reason=str(error))
        root, names = folder.path, []
    mirrors = [_Mirror(name, root, spec, folder) for name in names]
    folder.mirrors += [mirror.tell for mirror in mirrors]
    try:
        yield
    finally:
        folder.mirrors.clear()
        deadline = time.monotonic() + PATIENCE
        for mirror in mirrors:
            mirror.tell(None)
        for mirror in mirrors:
            mirror.close(deadline)


class _Mirror:
    """One tracker of one run in its thread."""

    def __init__(self, name: str, root: Path, spec: RunSpec, folder: RunFolder) -> None:
        self.name, self.root, self.spec, self.folder = name, root, spec, folder
        self.waiting: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self.failure: str | None = None
        self.told = False
        self.thread = threading.Thread(target=self._work, name=f"tracker {name}", daemon=True)
        self.thread.start()

    def tell(self, event: dict[str, Any] | None) -> None:
        """Pass on an event, or with None that there are no more; never waits.

        A tracker that is too far behind misses points, but never how the run ended.
        """
        self._report()
        last = event is None or event["event"] in ENDED
        if last or self.waiting.qsize() < WAITING:
            self.waiting.put(event)

    def close(self, deadline: float) -> None:
        """Wait for the tracker to write what is left, but not longer than that."""
        self.thread.join(max(0.0, deadline - time.monotonic()))
        if self.thread.is_alive():
            self.failure = f"did not answer within {PATIENCE:g} s"
        self._report()

    def _report(self) -> None:
        # By the run's own thread: its log has one writer.
        if self.failure is not None and not self.told:
            self.told = True
            self.folder.log("tracker", name=self.name, reason=self.failure)

    def _work(self) -> None:
        try:
            self._serve()
        except BaseException as error:  # whatever a library raises, a SystemExit too
            self.failure = f"{type(error).__name__}: {error}".splitlines()[0]

    def _serve(self) -> None:
        # Named by the study folder, which may be of a later version: any name is tried.
        module = import_module(f"ditlaw.tracking.{self.name}")
        tracker: Tracker = module.make(self.root, self.spec)
        state, started = "stopped", False
        while (event := self.waiting.get()) is not None:
            step = event.get("trained", event.get("step"))  # of branches too: it never goes back
            if event["event"] in ("done", "diverged"):
                state = event["event"]
            if not isinstance(step, int):
                continue
            if not started:
                tracker.start(self.spec, step)
                started = True
            values = {name: v for name, v in event.items() if _is_point(name, v)}
            if values:
                tracker.log(step, values)
        if started:
            tracker.end(state)


def _is_point(name: str, value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and name not in NO_CURVE and math.isfinite(value)  # type: ignore[arg-type]
