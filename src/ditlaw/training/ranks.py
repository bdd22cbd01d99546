"""One rank of a run that several share: started by torchrun, on one node or on many.

    torchrun --nproc-per-node 8 -m ditlaw.training.ranks RUN [--parallel fsdp]

RUN is a run's folder, in sight of all nodes. It exits with 0 where the run is done, with 4 where it
is not and the run's log says why.
"""

import argparse
import contextlib
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ditlaw.errors import DitlawError, Held, RunsFailed, reason_of
from ditlaw.executors.job import prepare
from ditlaw.study import RunSpec
from ditlaw.training.folder import RunFolder

LEASH_SECONDS = 0.5
GRACE_SECONDS = 3.0
ENDED_BADLY = RunsFailed.exit_code
OF_ONE_RANK = ("failed", "out-of-memory")  # events that befall one, whichever


class Follower(RunFolder):
    """The run's folder to the ranks after the first: they read it, and write shards alone."""

    def log(self, event: str, **fields: Any) -> None:
        """Append what only this rank may know."""
        if event in OF_ONE_RANK:
            super().log(event, **fields)

    def observe(self, row: dict[str, Any]) -> None:
        """Nothing: the first rank does."""

    def rewind(self, spec: RunSpec, step: int) -> None:
        """Nothing: the first rank does."""

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Nothing: the first rank holds the run for all."""
        yield


def main() -> int:
    """Train the run as this rank."""
    # A scheduler's warning, as Slurm's, may go to all of a job's processes; who started this one
    # hands it on as SIGTERM.
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    threading.Thread(target=_leash, args=(os.getppid(),), daemon=True).start()
    asked = _arguments()
    prepare(threads=int(os.environ.get("OMP_NUM_THREADS", "1")), modules=asked.modules)
    from ditlaw.training.distributed import STRATEGIES, own_device
    from ditlaw.training.run import train

    first = os.environ.get("RANK", "0") == "0"
    folder = RunFolder(asked.run) if first else Follower(asked.run)
    try:
        device = own_device()
        ranks = STRATEGIES[asked.parallel](device, folder.spec().recipe.batch)
        state = train(folder, device, ranks)
        ranks.close()
    except Exception as error:
        # Another rank's end shows here as an error too: then torchrun, which knows, ends this one.
        time.sleep(GRACE_SECONDS)
        print(reason_of(error), file=sys.stderr)
        if not isinstance(error, Held):  # the log is of who holds the run
            with contextlib.suppress(OSError, DitlawError):
                folder.log("failed", reason=reason_of(error), traceback=traceback.format_exc())
        return ENDED_BADLY
    return 0 if state == "done" else ENDED_BADLY


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ditlaw.training.ranks", allow_abbrev=False)
    parser.add_argument("run", type=Path, help="a run's folder")
    parser.add_argument("--parallel", choices=("ddp", "fsdp"), default="ddp")
    parser.add_argument("--modules", nargs="*", default=[], help="of a user's own models")
    return parser.parse_args()


def _leash(parent: int) -> None:
    """End with whoever started this process: it cannot end it if it was killed."""
    while os.getppid() == parent:
        time.sleep(LEASH_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
