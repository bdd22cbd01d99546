"""Who works on what: advisory locks, and a sign of life for machines that cannot see them.

A lock ends with its process, however that ends. Where a shared file system keeps locks to one
machine, others go by the lock file's heartbeat: its holder writes who it is and touches it every
``BEAT`` seconds. Times are the file server's own, so clocks of hosts may differ; a clock that jumps
is put right by the next beat.
"""

import contextlib
import fcntl
import json
import os
import platform
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ditlaw.errors import BadInput, Held
from ditlaw.files import make_folder

BEAT = 15.0
SILENT = 120.0  # seconds without a beat after which a holder elsewhere is taken for dead


@contextmanager
def locked(path: Path, what: str, patience: float = 0.0) -> Iterator[None]:
    """An exclusive advisory lock on a file; waits for at most ``patience`` seconds.

    Raises:
        Held: another process holds it.
        BadInput: the file cannot be written.
    """
    make_folder(path.parent)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise BadInput(f"{path.parent}: cannot be written ({error.strerror})") from None
    over, held = threading.Event(), False
    try:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise Held(
                        f"{what}: another ditlaw process is working on it; wait for it"
                    ) from None
                time.sleep(0.05)
        held = True
        _sign(handle, {"host": platform.node(), "machine": machine_id(), "pid": os.getpid()})
        threading.Thread(target=_beat, args=(path, over), daemon=True).start()
        yield
    finally:
        over.set()
        if held:
            _sign(handle, None)
        os.close(handle)


def is_locked(path: Path) -> bool:
    """Whether some process holds the lock; leaves no trace, so that anyone may ask.

    A lock that this machine does not see counts as held where its holder is on another machine and
    gave a sign of life within ``SILENT`` seconds.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return _lives_elsewhere(handle, path.parent)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)


def _sign(handle: int, holder: dict[str, Any] | None) -> None:
    """Write who holds the lock. It is only a hint: a full disk stops no one."""
    with contextlib.suppress(OSError):
        os.ftruncate(handle, 0)
        if holder is not None:
            os.pwrite(handle, json.dumps(holder).encode() + b"\n", 0)


def _beat(path: Path, over: threading.Event) -> None:
    while not over.wait(BEAT):
        with contextlib.suppress(OSError):
            os.utime(path)


def _lives_elsewhere(handle: int, folder: Path) -> bool:
    try:
        machine = json.loads(os.pread(handle, 4096, 0)).get("machine")
    except (OSError, ValueError, AttributeError):
        return False
    if not isinstance(machine, str) or machine == machine_id():
        return False  # this machine sees its own locks
    return abs(server_time(folder) - os.fstat(handle).st_mtime) < SILENT


def machine_id() -> str:
    """What tells one running kernel, which sees all its own locks, from another."""
    with contextlib.suppress(OSError):  # Linux; containers of one kernel share it
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return platform.node()


def server_time(folder: Path) -> float:
    """Now, by the clock that dates files in a folder; this machine's where none can be made."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"?")
            file.flush()
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return time.time()
