"""A wish to stop: SIGTERM, as a scheduler sends it some time before it kills.

A run heeds it at its next step: it writes a checkpoint, and is ``stopped``. Whatever else a process
does, SIGTERM ends at once, as it would any program: nothing else takes long to do again.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_wish = threading.Event()
_elsewhere = threading.Event()  # the run is trained by processes of this one


def ask() -> None:
    """Ask the run that this process trains to stop, from any thread or signal handler."""
    if _wish.is_set():
        return
    _wish.set()
    if _elsewhere.is_set():
        os.kill(os.getpid(), signal.SIGTERM)


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


@contextmanager
def handing_on(hear: Callable[[int, object], None], ended: type[Exception]) -> Iterator[None]:
    """Within, processes of this one train the run, and it has to hand on SIGTERM; so comes a wish.

    ``hear`` is its handler, or one that is set within; both raise ``ended``. A SIGTERM that was no
    wish takes its ordinary course afterwards. For a main thread.
    """
    heard = False
    before = signal.signal(signal.SIGTERM, hear)
    _elsewhere.set()
    try:
        yield
    except ended:
        heard = not asked()
        raise
    finally:
        _elsewhere.clear()
        _wish.clear()
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
        if heard:
            signal.raise_signal(signal.SIGTERM)
