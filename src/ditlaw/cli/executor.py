"""Where runs are carried out: the options that commands share, and the executor they name."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ditlaw.errors import BadInput

if TYPE_CHECKING:
    from ditlaw.executors import Executor

Name = Literal["local", "slurm", "ray"]
Where = Annotated[Name, typer.Option("--executor", help="Where runs are carried out.")]
Asked = Annotated[
    list[str] | None,
    typer.Option(
        "--job", metavar="KEY=VALUE", help="What each run asks Slurm or Ray for; may be repeated."
    ),
]
Ranks = Annotated[
    int, typer.Option("--ranks", min=1, help="Processes (GPUs) that share one run, on one machine.")
]
Parallel = Annotated[
    Literal["ddp", "fsdp"],
    typer.Option("--parallel", help="Ranks hold copies of the model (ddp) or shards (fsdp)."),
]


def executor_of(
    name: Name,
    workers: int | None,
    asked: list[str] | None,
    ranks: int = 1,
    parallel: str = "ddp",
) -> "Executor":
    """The executor that a command line names.

    Raises:
        BadInput: its library or commands are missing, or what is asked for is not to be had.
    """
    if ranks > 1:
        from ditlaw.executors.sharing import Sharing

        return Sharing(_alone(name, workers, asked, ranks), ranks, parallel)
    return _alone(name, workers, asked, ranks)


def _alone(name: Name, workers: int | None, asked: list[str] | None, ranks: int) -> "Executor":
    if name == "slurm":
        from ditlaw.executors.sbatch import Request, require_slurm
        from ditlaw.executors.slurm import SlurmExecutor

        require_slurm()
        request = Request.parse(asked or [], cpus=ranks)
        return SlurmExecutor(request, workers, partial(typer.echo, err=True))
    if name == "ray":
        from ditlaw.executors.ray import RayExecutor, parse_options, require_ray

        require_ray()
        return RayExecutor(parse_options(asked or []), workers)
    if asked:
        raise BadInput("--job: this machine's executor takes no requests; add --executor slurm")
    from ditlaw.cli.live import local_executor

    return local_executor(workers)
