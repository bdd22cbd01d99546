"""Watching runs: a live table on a terminal, plain lines elsewhere. Both go to standard error."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live

from ditlaw import text
from ditlaw.cli.run_lines import status_table, totals
from ditlaw.cli.screen import Screen
from ditlaw.executors import Ended, LocalExecutor
from ditlaw.executors.places import default_workers
from ditlaw.results import RunStatus
from ditlaw.study import Hours
from ditlaw.study.schema import Hardware
from ditlaw.sweep import Runs, Watch
from ditlaw.training.folder import ENDED, RunFolder
from ditlaw.training.status import Statuses

PREPARING_SECONDS = 5.0
LINE_SECONDS = 60.0
SHARE = 0.1  # of the time, at most, that goes into reading how far runs are
ASSUMED = Hours(Hardware(), "assumed")
BESIDES = 6  # lines of a screen that are no run: the heading, the totals, the shell's own


def local_executor(workers: int | None) -> LocalExecutor:
    """The executor of this machine."""
    return LocalExecutor(workers or default_workers())


def live_watch(hours: Hours = ASSUMED) -> Watch:
    """A display that suits where standard error goes; GPU time not measured goes by ``hours``."""
    console = Screen(stderr=True)
    kind = _Terminal if console.is_terminal else _Lines
    display = kind(console, hours)
    return Watch(display.prepare, display.start, display.tick, display.end, display.finish)


def measuring_lines() -> tuple[Callable[[int], None], Callable[[Ended], None]]:
    """What to call as runs begin to be measured, with their number, and as each has been."""
    console = Screen(stderr=True)
    began, over = time.monotonic(), [0, 0]

    def start(runs: int) -> None:
        over[1] = runs
        console.print(f"measuring {runs} runs", soft_wrap=True)

    def end(ended: Ended) -> None:
        over[0] += 1
        how = "measured" if ended.state == "done" else f"failed ({ended.reason})"
        console.print(
            f"[{over[0]}/{over[1]}] {ended.folder.name} {how} "
            f"after {time.monotonic() - began:.0f} s",
            markup=False,
            soft_wrap=True,
        )

    return start, end


@dataclass
class _Display:
    console: Console
    hours: Hours
    every: float = 0.5  # seconds from one look at the runs to the next
    began: float = 0.0
    told: float = 0.0
    due: float = 0.0
    statuses: Statuses = field(default_factory=lambda: Statuses([], ASSUMED))

    def prepare(self, name: str, done: int, of: int) -> None:
        """Called as a data set's samples are made ready."""
        if done == of or time.monotonic() - self.told > PREPARING_SECONDS:
            self.told = time.monotonic()
            self.console.print(f"preparing {name}: {done:,} of {of:,} samples", soft_wrap=True)

    def start(self, runs: Runs) -> None:
        """Called with all runs of the study, those that are done too."""
        self.statuses, self.began = Statuses(runs, self.hours), time.monotonic()
        self.due = self.began + self.every

    def tick(self) -> None:
        """Called about twice a second."""
        began = time.monotonic()
        if began >= self.due:
            self.show(self.statuses.read())
            took = time.monotonic() - began
            self.due = time.monotonic() + max(self.every, took / SHARE)

    def show(self, runs: list[RunStatus]) -> None:
        """Called when there is news."""

    def end(self, ended: Ended) -> None:
        """Called as each run ends."""

    def finish(self) -> None:
        """Called when all is over, however it ended."""


@dataclass
class _Lines(_Display):
    """One line as each run ends, and one a minute of how far all are."""

    every: float = LINE_SECONDS
    over: int = 0
    of: int = 0

    def start(self, runs: Runs) -> None:
        super().start(runs)
        found = self.statuses.read()
        self.over, self.of = sum(run.state in ENDED for run in found), len(found)
        if self.over:
            self.show(found)

    def show(self, runs: list[RunStatus]) -> None:
        line = totals(runs).replace("\n", "; ")
        self.console.print(f"{self._spent()}: {line}", markup=False, soft_wrap=True)

    def end(self, ended: Ended) -> None:
        loss = RunFolder(ended.folder).last_loss()
        self.over = min(self.over + 1, self.of)
        self.console.print(
            f"[{self.over}/{self.of}] {ended.folder.name} {ended.state}"
            f"{'' if loss is None else f' loss {text.loss(loss)}'}"
            f"{f' ({ended.reason})' if ended.reason else ''} after {self._spent()}",
            markup=False,
            soft_wrap=True,
        )

    def _spent(self) -> str:
        return f"{time.monotonic() - self.began:.0f} s"


@dataclass
class _Terminal(_Display):
    """A table of the runs, redrawn in place: of as many as the screen has lines for."""

    live: Live | None = None

    def start(self, runs: Runs) -> None:
        super().start(runs)
        # Drawn when there is news, and not by Rich's own clock.
        self.live = Live(console=self.console, auto_refresh=False)
        self.live.start()
        self.show(self.statuses.read())

    def show(self, runs: list[RunStatus]) -> None:
        if self.live is not None:
            room = max(self.console.size.height - BESIDES, 1)
            self.live.update(status_table(runs, room, cut=True), refresh=True)

    def finish(self) -> None:
        if self.live is not None:
            self.show(self.statuses.read())
            self.live.stop()
