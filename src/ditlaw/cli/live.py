"""Watching runs: a live table on a terminal, plain lines elsewhere. Both go to standard error."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.table import Table

from ditlaw import text
from ditlaw.executors import Ended, LocalExecutor
from ditlaw.executors.places import default_workers
from ditlaw.sweep import Watch
from ditlaw.training.folder import ENDED, RunFolder

PREPARING_SECONDS = 5.0


def local_executor(workers: int | None) -> LocalExecutor:
    """The executor of this machine."""
    return LocalExecutor(workers or default_workers())


def live_watch() -> Watch:
    """A display that suits where standard error goes."""
    console = Console(stderr=True, highlight=False)
    display = _Terminal(console) if console.is_terminal else _Lines(console)
    return Watch(display.prepare, display.start, display.tick, display.end, display.finish)


def measuring_lines() -> tuple[Callable[[int], None], Callable[[Ended], None]]:
    """What to call as runs begin to be measured, with their number, and as each has been."""
    console = Console(stderr=True, highlight=False)
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
    folders: list[RunFolder] = field(default_factory=list)
    began: float = 0.0
    told: float = 0.0

    def prepare(self, name: str, done: int, of: int) -> None:
        """Called as a data set's samples are made ready."""
        if done == of or time.monotonic() - self.told > PREPARING_SECONDS:
            self.told = time.monotonic()
            self.console.print(f"preparing {name}: {done:,} of {of:,} samples", soft_wrap=True)

    def start(self, folders: list[RunFolder]) -> None:
        self.folders, self.began = folders, time.monotonic()

    def tick(self) -> None:
        """Called about twice a second."""

    def end(self, ended: Ended) -> None:
        """Called as each run ends."""

    def finish(self) -> None:
        """Called when all is over, however it ended."""

    def _left(self, done: float, total: float, at_start: float) -> str:
        """Time left at the rate so far, or nothing while that is unknown."""
        spent, made = time.monotonic() - self.began, done - at_start
        return f"{(total - done) * spent / made:.0f} s left" if made > 0 and done < total else ""


class _Lines(_Display):
    """One line as each run ends."""

    def end(self, ended: Ended) -> None:
        status = RunFolder(ended.folder).status()
        over = sum(f.status().state in ENDED for f in self.folders)
        loss = "" if status.loss is None else f" loss {status.loss:.4g}"
        why = f" ({ended.reason})" if ended.reason else ""
        spent = time.monotonic() - self.began
        self.console.print(
            f"[{over}/{len(self.folders)}] {ended.folder.name} {ended.state}{loss}{why} "
            f"after {spent:.0f} s",
            markup=False,
            soft_wrap=True,
        )


class _Terminal(_Display):
    """A table of every run, redrawn in place."""

    def start(self, folders: list[RunFolder]) -> None:
        super().start(folders)
        self.specs = {f.path.name: f.spec() for f in folders}
        self.at_start = sum(f.status().flops for f in folders)
        self.seen: dict[str, tuple[float, float]] = {}
        self.rates: dict[str, float] = {}
        self.live = Live(self._draw(), console=self.console, refresh_per_second=2)
        self.live.start()

    def tick(self) -> None:
        self.live.update(self._draw())

    def finish(self) -> None:
        self.live.update(self._draw())
        self.live.stop()

    def _draw(self) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for name in ("run", "state"):
            table.add_column(name)
        for name in ("progress", "loss", "FLOP/s"):
            table.add_column(name, justify="right")
        done = total = 0.0
        for folder in self.folders:
            status = folder.status()
            spec = self.specs[folder.path.name]
            total += spec.flops(spec.steps)
            done += status.flops
            colour = {"done": "green", "failed": "red", "diverged": "red"}.get(status.state, "")
            table.add_row(
                status.id,
                f"[{colour}]{status.state}[/]" if colour else status.state,
                f"{status.progress:.0%}",
                "" if (loss := status.loss or status.train_loss) is None else f"{loss:.4f}",
                self._rate(status.id, status.flops) if status.state == "running" else "",
            )
        table.caption = self._left(done, total, self.at_start)
        table.caption_justify = "left"
        return table

    def _rate(self, name: str, flops: float) -> str:
        """FLOP/s since the last time that the log moved on."""
        now = time.monotonic()
        last, when = self.seen.setdefault(name, (flops, now))
        if flops > last and now - when > 0.9:
            self.rates[name] = (flops - last) / (now - when)
            self.seen[name] = (flops, now)
        return text.flops(self.rates[name]) if name in self.rates else ""
