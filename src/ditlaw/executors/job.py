"""One job, and carrying it out: the same for every executor, wherever its processes are.

A job trains a run folder; with ``settings`` it measures the run with them; with ``rounds`` the
folder is a study, whose models' steps are timed. No torch until a job is carried out.
"""

import contextlib
import json
import sys
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ditlaw.errors import DitlawError, Held, reason_of
from ditlaw.training.folder import RunFolder

# For ranks to write a checkpoint in, when asked to stop: less than workers are given to end in.
GRACE_SECONDS = 6
CONTEXTS = 0.95  # of a GPU's memory, what is left beside the contexts of those who share it


@dataclass(frozen=True)
class Job:
    """What is to be done to a folder; ``ranks`` processes share a run, ``parallel`` says how."""

    folder: Path
    settings: dict[str, Any] | None = None
    rounds: int | None = None
    ranks: int = 1
    parallel: str = "ddp"

    @property
    def trains(self) -> bool:
        """Whether it trains a run, so that the run's log tells how it went."""
        return self.settings is None and self.rounds is None

    def to_json(self) -> str:
        """One line, for another process; the folder's path is whole."""
        return json.dumps(asdict(self) | {"folder": str(self.folder.absolute())})

    @staticmethod
    def from_json(line: str) -> "Job":
        """The job of such a line."""
        fields = json.loads(line)
        return Job(**fields | {"folder": Path(fields["folder"])})


@dataclass(frozen=True)
class Ended:
    """How one job ended: ``done``, ``failed``, ``diverged`` or ``stopped``, with its reason."""

    folder: Path
    state: str
    reason: str | None = None


def prepare(threads: int, modules: list[str], share: float = 1.0) -> None:
    """Make this process ready for jobs, which takes seconds.

    Args:
        threads: CPU threads; a sum's last bits depend on them.
        modules: folders where a user's own modules may lie, looked at last.
        share: of a GPU's memory that this process may take.
    """
    sys.path += [folder for folder in modules if folder not in sys.path]
    import torch

    torch.set_num_threads(threads)
    if share < 1 and torch.cuda.is_available():
        # A CUDA context is not counted, and takes some of the memory too.
        torch.cuda.set_per_process_memory_fraction(CONTEXTS * share)


def carry_out(job: Job, patience: float = 0.0, grace: int = GRACE_SECONDS) -> Ended:
    """Do a job in this process, after ``prepare``; a failure is logged in its folder and returned.

    Where another process holds the run, it is asked for again for ``patience`` seconds: on a
    cluster an earlier attempt may take a while to die. Then the job fails, and the log is left to
    whoever holds it. Ranks that are asked to stop are killed after ``grace`` seconds.
    """
    folder, deadline = RunFolder(job.folder), time.monotonic() + patience
    while True:
        try:
            return _do(job, folder, grace)
        except Held as error:
            if time.monotonic() >= deadline:
                return Ended(job.folder, "failed", str(error))
        except Exception as error:  # one run's failure must not end the others
            reason = reason_of(error)
            log = folder.log if job.trains else folder.log_measuring
            # A full disk cannot hold its own obituary.
            with contextlib.suppress(OSError, DitlawError):
                log("failed", reason=reason, traceback=traceback.format_exc())
            return Ended(job.folder, "failed", reason)


def _do(job: Job, folder: RunFolder, grace: int) -> Ended:
    if job.rounds is not None:
        from ditlaw.study import open_study
        from ditlaw.training.folder import folder_runs
        from ditlaw.training.timing import time_models

        time_models(folder_runs(folder.path, open_study(folder.path)), folder.path, job.rounds)
    elif job.settings is not None:
        from ditlaw.metrics.base import Settings
        from ditlaw.metrics.measuring import measure_run

        measure_run(folder, Settings.model_validate(job.settings))
    elif job.ranks > 1:
        from ditlaw.training.launch import launch

        state = launch(folder, job.ranks, job.parallel, grace)
        return Ended(job.folder, state, folder.status().reason)
    else:
        from ditlaw.training.run import train

        return Ended(job.folder, train(folder), folder.status().reason)
    return Ended(job.folder, "done")
