"""Slurm's commands: what a job asks for, handing jobs over, the queue, cancelling.

Jobs are handed over by submitit, which requeues one that is preempted or out of time. ``sacct`` is
never asked: many clusters keep no accounts.
"""

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ditlaw.errors import BadInput

COMMANDS = ("sbatch", "srun", "squeue", "scancel", "scontrol")
REQUEUES = 1000  # after time limits, for one run; after preemptions there is no bound
WARNING_SECONDS = 90
# What is ours or submitit's to set; a run is one task on one node.
RESERVED = (
    *("array", "chdir", "error", "job-name", "nodes", "ntasks", "ntasks-per-node"),
    *("open-mode", "output", "parsable", "requeue", "no-requeue", "signal", "wait", "wrap"),
)


@dataclass(frozen=True)
class Request:
    """What each job asks Slurm for; the ``options`` are sbatch's own, by their long names."""

    minutes: int = 240
    cpus: int = 1
    options: dict[str, str | bool] = field(default_factory=dict)

    @property
    def warning(self) -> int:
        """Seconds before its time limit at which a job is told to requeue itself."""
        return min(WARNING_SECONDS, self.minutes * 60 // 2)

    @staticmethod
    def parse(words: Iterable[str], cpus: int = 1) -> "Request":
        """From words like ``time=8:00:00``, ``gres=gpu:1`` or ``exclusive``.

        ``cpus`` are what a job has unless they say otherwise.

        Raises:
            BadInput: a word is no option, or one that is not the user's to set.
        """
        options: dict[str, str | bool] = {}
        for word in words:
            key, given, value = word.partition("=")
            key = key.strip().lstrip("-").replace("_", "-")
            if not re.fullmatch(r"[a-z][a-z0-9-]*", key) or (given and not value):
                raise BadInput(f"--job: '{word}' is no option of sbatch; try partition=NAME")
            if key in RESERVED:
                raise BadInput(f"--job: {key} is not yours to set: each run is one task; leave out")
            options[key] = value if given else True
        return Request(
            minutes=_minutes(str(options.pop("time", "240"))),
            cpus=_cpus(str(options.pop("cpus-per-task", cpus))),
            options=options,
        )


def require_slurm() -> None:
    """Whether jobs can be submitted from here.

    Raises:
        BadInput: submitit or Slurm's commands are missing.
    """
    if importlib.util.find_spec("submitit") is None:
        raise BadInput(
            "--executor slurm needs an extra (submitit is missing); pip install 'ditlaw[slurm]'"
        )
    for command in COMMANDS:
        if shutil.which(command) is None:
            raise BadInput(
                f"--executor slurm: no '{command}' on the path; start ditlaw where Slurm's "
                "commands are, as on a login node"
            )


def submit(
    task: Callable[[int], Any], count: int, folder: Path, request: Request, at_once: int
) -> None:
    """Hand over ``task(0)`` … ``task(count - 1)`` as an array that is called as ``folder`` is.

    Raises:
        BadInput: sbatch refuses them.
    """
    import submitit

    executor = submitit.AutoExecutor(
        folder,
        cluster="slurm",
        slurm_max_num_timeout=REQUEUES,
        # -P: nothing in the current folder may pass for a module.
        slurm_python=f"{shlex.quote(sys.executable)} -P",
    )
    executor.update_parameters(
        name=folder.name,
        timeout_min=request.minutes,
        cpus_per_task=request.cpus,
        slurm_array_parallelism=at_once,
        slurm_signal_delay_s=request.warning,
        slurm_srun_args=[f"--cpus-per-task={request.cpus}"],  # srun does not inherit it any more
        slurm_additional_parameters={"requeue": True} | request.options,
    )
    try:
        executor.map_array(task, range(count))
    except submitit.core.utils.FailedJobError as error:
        said = str(error).strip().splitlines() or ["it gave no reason"]
        refused = next((line for line in said if "rror" in line or "option" in line), said[-1])
        raise BadInput(f"sbatch refused the jobs ({refused}); mend --job") from None


def queue(names: Iterable[str]) -> dict[tuple[str, int], str] | None:
    """The jobs of those names that are in the queue: name and place in the array → state.

    None where Slurm cannot be asked just now.
    """
    listed = ",".join(names)
    if not listed:
        return {}
    said = _ask("squeue", "--noheader", "--array", f"--name={listed}", "--format=%i|%j|%T")
    if said is None:
        return None
    found = {}
    for line in said.splitlines():
        number, name, state = line.strip().split("|")
        found[name, int(number.partition("_")[2] or 0)] = state
    return found


def cancel(names: Iterable[str]) -> bool:
    """Take those jobs off the cluster; what runs may keep its state first. Whether Slurm heard."""
    answers = [_ask("scancel", f"--name={name}") for name in names]
    return None not in answers


def _ask(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def _minutes(word: str) -> int:
    """Slurm's ways to write a time: minutes, M:S, H:M:S, D-H, D-H:M, D-H:M:S."""
    days, dash, rest = word.rpartition("-")
    parts = [days or "0", *rest.split(":")]
    if not all(part.isdecimal() for part in parts) or len(parts) > 4:
        raise BadInput(f"--job: time '{word}' is no time limit; try 240 (minutes) or 4:00:00")
    day, *numbers = map(int, parts)
    units = (3600, 60, 1) if dash or len(numbers) == 3 else (60, 1)
    seconds = day * 86400 + sum(n * unit for n, unit in zip(numbers, units, strict=False))
    if seconds < 60:
        raise BadInput(f"--job: time '{word}' is under a minute; try 240 (minutes) or 4:00:00")
    return -(-seconds // 60)


def _cpus(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise BadInput(f"--job: cpus-per-task '{word}' is no number of cores; try 4")
    return int(word)
