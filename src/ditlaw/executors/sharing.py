"""Any executor, with every run shared by several ranks; see ``ditlaw.training.ranks``."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from ditlaw.executors import Ended, Executor, Job


@dataclass(frozen=True)
class Sharing:
    """Has ``executor`` give each job ``ranks`` processes, on the machine where it is done."""

    executor: Executor
    ranks: int
    parallel: str

    def run(
        self,
        jobs: list[Job],
        *,
        on_end: Callable[[Ended], None] = lambda ended: None,
        on_tick: Callable[[], None] = lambda: None,
    ) -> list[Ended]:
        """Carry every job to its end; a failure does not stop the others."""
        shared = [replace(job, ranks=self.ranks, parallel=self.parallel) for job in jobs]
        return self.executor.run(shared, on_end=on_end, on_tick=on_tick)
