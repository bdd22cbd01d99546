"""Where runs are carried out. An executor takes jobs and says how each ended."""

from collections.abc import Callable
from typing import Protocol

from ditlaw.executors.job import Ended, Job
from ditlaw.executors.local import LocalExecutor


class Executor(Protocol):
    """Does jobs, each of a folder of its own; what is there is resumed."""

    def run(
        self,
        jobs: list[Job],
        *,
        on_end: Callable[[Ended], None] = ...,
        on_tick: Callable[[], None] = ...,
    ) -> list[Ended]:
        """Carry every job to its end; a failure does not stop the others."""
        ...


__all__ = ["Ended", "Executor", "Job", "LocalExecutor"]
