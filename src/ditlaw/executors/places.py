"""Where on this machine a run is trained: a CPU core, a GPU, or a share of a GPU.

A GPU is idle while a run starts, compiles, is evaluated and written, so short runs are put on one
together, a process each. Their kernels take turns, which costs a little (docs/performance.md): a
long run has the GPU to itself, as has one that needs more memory than its share. What a process may
take is limited to its share of the memory: beyond, its micro-batch is halved
(``ditlaw.training.step``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ditlaw import machine
from ditlaw.compute.devices import SHARE_VARIABLE
from ditlaw.errors import BadInput
from ditlaw.executors.job import Job
from ditlaw.study.memory import memory_gb
from ditlaw.training.folder import RunFolder

PACKED = 4  # runs that share one GPU, if there are as many
# Up to a minute of a small model on an H100: beyond, what packing costs is more than it saves.
SHORT_FLOPS = 2e15


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

    Without a GPU all are done on ``workers`` cores. With GPUs, those that have one to themselves
    come first, then the short ones, packed. Runs shared by ranks have the machine in turns.
    """
    if any(job.ranks > 1 for job in jobs):
        return [([Place(",".join(machine.gpus()) or None)], list(jobs))]
    gpus = machine.gpus()[:workers]
    if not gpus:
        return [([Place()] * workers, list(jobs))]
    packed = min(-(-workers // len(gpus)), -(-len(jobs) // len(gpus)))
    together: list[Job] = []
    alone: list[Job] = []
    for job in jobs:
        (together if packed == 1 or _packs(job, 1 / packed) else alone).append(job)
    whole = [Place(gpu) for gpu in gpus]
    parts = [Place(gpu, 1 / packed) for _ in range(packed) for gpu in gpus]
    return [(places, jobs) for places, jobs in ((whole, alone), (parts, together)) if jobs]


def _packs(job: Job, share: float) -> bool:
    """Whether a run is short, and its estimated memory lies within a share as far as is known."""
    if not job.trains:
        return False
    try:
        run = RunFolder(job.folder).spec()
    except BadInput:
        return True  # whoever trains it will say what is wrong with it
    memory = machine.gpu_memory_gb()
    fits = memory is None or memory_gb(run) <= share * memory
    return fits and run.trained_flops <= SHORT_FLOPS
