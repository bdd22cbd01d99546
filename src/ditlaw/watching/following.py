"""Looking again whenever a log has grown, until its run is over."""

import time
from collections.abc import Callable
from pathlib import Path

from ditlaw.results import WatchResult
from ditlaw.watching.answer import Watching

EVERY = 5.0  # seconds from one glance at the files to the next


def follow(
    watching: Watching,
    tell: Callable[[WatchResult], None],
    wait: Callable[[float], None] = time.sleep,
) -> WatchResult:
    """Tell of the run now, and again whenever its verdict changes; returns once it is over.

    Raises:
        BadInput: the log is gone or cannot be read any more.
    """
    stamp: object = None
    told: WatchResult | None = None
    while True:
        now = _stamp(watching.path)
        if now != stamp:
            stamp, found = now, watching.look()
            if told is None or found.over or found.verdict != told.verdict:
                tell(found)
                told = found
            if found.over:
                return found
        wait(EVERY)


def _stamp(path: Path) -> object:
    """What changes when a log grows: of a run's folder, of both files that it is read from."""
    folder = path if path.is_dir() else path.parent
    files = [folder / name for name in ("log.jsonl", "observations.jsonl")]
    return [(f.stat().st_mtime_ns, f.stat().st_size) for f in [path, *files] if f.exists()]
