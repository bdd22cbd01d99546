"""Where on this machine a run is trained: a CPU core, a GPU, or a share of a GPU.

Small models leave a GPU idle between their kernels, while they are compiled, evaluated and written.
So several runs are put on one, a process each; a run that needs more memory than its share has the
GPU to itself. What a process may take is limited to its share of the memory: beyond, its
micro-batch is halved (``ditlaw.training.step``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ditlaw import machine
from ditlaw.compute.devices import SHARE_VARIABLE
from ditlaw.errors import BadInput
from ditlaw.executors.job import Job
from ditlaw.study.limits import memory_gb
from ditlaw.training.folder import RunFolder

PACKED = 4  # runs that share one GPU, if there are as many


@dataclass(frozen=True)
class Place:
    """A GPU by its name in ``CUDA_VISIBLE_DEVICES``, and a share of it; or a CPU core.

    For ranks ``gpu`` names all of them.
    """

    gpu: str | None = None
    share: float = 1.0

    def environment(self) -> dict[str, str]:
        """What a process there is told."""
        if self.gpu is None:
            return {}
        return {"CUDA_VISIBLE_DEVICES": self.gpu, SHARE_VARIABLE: repr(self.share)}


def default_workers() -> int:
    """One worker a core; with GPUs, as many as share them."""
    gpus = len(machine.gpus())
    return min(machine.cores(), PACKED * gpus) if gpus else machine.cores()


def shifts(jobs: Sequence[Job], workers: int) -> list[tuple[list[Place], list[Job]]]:
    """Jobs with the places to do them in, one set after another.

    Without a GPU all are done on ``workers`` cores. With GPUs, those that need one to themselves
    come first, then the others, packed. Runs that are shared by ranks have the machine in turns.
    """
    if any(job.ranks > 1 for job in jobs):
        return [([Place(",".join(machine.gpus()) or None)], list(jobs))]
    gpus = machine.gpus()[:workers]
    if not gpus:
        return [([Place()] * workers, list(jobs))]
    packed = min(-(-workers // len(gpus)), -(-len(jobs) // len(gpus)))
    small: list[Job] = []
    large: list[Job] = []
    for job in jobs:
        (small if packed == 1 or _fits(job, 1 / packed) else large).append(job)
    whole = [Place(gpu) for gpu in gpus]
    shared = [Place(gpu, 1 / packed) for _ in range(packed) for gpu in gpus]
    return [(places, members) for places, members in ((whole, large), (shared, small)) if members]


def _fits(job: Job, share: float) -> bool:
    """Whether a run's estimated memory lies within a share; what is not known is taken to."""
    memory = machine.gpu_memory_gb()
    if memory is None or not job.trains:
        return job.trains
    try:
        return memory_gb(RunFolder(job.folder).spec()) <= share * memory
    except BadInput:
        return True  # whoever trains it will say what is wrong with it
