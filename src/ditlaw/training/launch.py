"""Several ranks on this machine, started and watched by torch's elastic agent, as torchrun does."""

import os
import signal
import sys
import tempfile
import uuid
from pathlib import Path

import torch
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException, Std
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from ditlaw.errors import RunsFailed
from ditlaw.training import stopping
from ditlaw.training.folder import RunFolder
from ditlaw.training.ranks import ENDED_BADLY


def launch(folder: RunFolder, ranks: int, parallel: str, grace: int) -> str:
    """Train a run by that many ranks, and return the state it is in then; its log says why.

    They share this process's CPU threads. Asked to stop, by SIGTERM or ``stopping.ask``, they have
    ``grace`` seconds to write a checkpoint.

    Raises:
        Held: another process is training it.
        RunsFailed: a rank ended without a word.
    """
    os.environ["TORCH_ELASTIC_SHUTDOWN_TIMEOUT"] = str(grace)
    os.environ["OMP_NUM_THREADS"] = str(max(1, torch.get_num_threads() // ranks))
    try:
        with stopping.handing_on(_end, SignalException):
            return _launch(folder, ranks, parallel)
    except SignalException:
        state = folder.status().state
        return state if state in ("done", "diverged") else "stopped"


def _end(number: int, frame: object) -> None:
    """As torch's own handler, until that is set."""
    raise SignalException("asked to stop", signal.Signals(number))


def _launch(folder: RunFolder, ranks: int, parallel: str) -> str:
    with folder.lock():
        pass  # who asks for the run can wait for it; the first rank could only fail
    with tempfile.TemporaryDirectory(prefix="ditlaw-ranks-") as scratch:
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=ranks,
            run_id=uuid.uuid4().hex,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            max_restarts=0,  # a run resumes when it is asked for again, as any other
            logs_specs=DefaultLogsSpecs(log_dir=scratch, redirects=Std.ERR),
            signals_to_handle="SIGTERM",  # as a worker is asked to stop; it is deaf to interrupts
        )
        run = [str(folder.path.absolute()), "--parallel", parallel, "--modules"]
        # As workers are started: nothing in the current folder may pass for a module.
        command = ["-P", "-m", "ditlaw.training.ranks", *run, *map(os.path.abspath, sys.path)]
        try:
            elastic_launch(config, sys.executable)(*command)
        except ChildFailedError as error:
            codes = {rank: failure.exitcode for rank, failure in sorted(error.failures.items())}
            if ENDED_BADLY not in codes.values():
                raise RunsFailed(_why(codes, Path(scratch))) from None
    return folder.status().state


def _why(codes: dict[int, int], logs: Path) -> str:
    """A rank that was killed is told by its signal: others are asked to end by SIGTERM."""
    for rank, code in codes.items():
        if code < 0 and code != -signal.SIGTERM:
            return f"rank {rank} ended by {signal.Signals(-code).name}; run again to resume"
    rank = max(codes, key=lambda rank: codes[rank])  # no signal, where there was one that said it
    lines = [
        line
        for path in logs.glob(f"*/attempt_0/{rank}/stderr.log")
        for line in path.read_text(errors="replace").strip().splitlines()
    ]
    return (
        f"rank {rank}: {lines[-1]}" if lines else f"rank {rank} ended with exit code {codes[rank]}"
    )
