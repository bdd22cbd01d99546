"""A wish to stop: SIGTERM, as a scheduler sends it some time before it kills.

A run heeds it at its next step: it writes a checkpoint, and is ``stopped``. Whatever else a process
does, SIGTERM ends at once, as it would any program: nothing else takes long to do again.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_wish = threading.Event()


def ask() -> None:
    """Ask the run that this process trains to stop, from any thread or signal handler."""
    _wish.set()


def asked() -> bool:
    """Whether the run is to stop."""
    return _wish.is_set()


@contextmanager
def heeding() -> Iterator[None]:
    """Within, SIGTERM is a wish; it takes its ordinary course afterwards.

    Only a main thread can hear signals: any other is asked by ``ask`` alone.
    """
    heard = False

    def hear(number: int, frame: object) -> None:
        nonlocal heard
        heard = True
        ask()

    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, hear) if main else None
    try:
        yield
    finally:
        _wish.clear()
        if main:
            signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
        if heard:
            signal.raise_signal(signal.SIGTERM)
