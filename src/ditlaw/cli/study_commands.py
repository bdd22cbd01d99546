"""The commands of a study: from a study file to runs, and a forecast put to the test.

Heavy imports happen inside each, so that help and errors come at once.
"""

from pathlib import Path
from typing import Annotated

import typer

from ditlaw.cli.executor import Asked, Parallel, Ranks, Where, executor_of
from ditlaw.cli.options import Json, StudyFile, Workers
from ditlaw.cli.output import emit, say
from ditlaw.errors import BadInput
from ditlaw.extras import need_training
from ditlaw.spend import EXAMPLE, SHARE, amount


def demo(
    out: Annotated[
        Path, typer.Option(help="The study folder; a study.yaml in it is used as it is.")
    ] = Path("demo"),
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Run the quickstart, from plan to report, in minutes."""
    need_training("demo")
    from ditlaw.cli.demo import run_demo

    emit(run_demo(out, workers), as_json)


def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write the study.")],
    preset: Annotated[
        str, typer.Option(help="quickstart, paper, paper-512 or paper-small.")
    ] = "quickstart",
    target: Annotated[
        float | None, typer.Option(help="Lay out budgets, sizes and seeds to forecast these FLOPs.")
    ] = None,
    gpus: Annotated[
        str | None, typer.Option(help="Instead of --target: as 64xh100, with --days.")
    ] = None,
    days: Annotated[float | None, typer.Option(help="Days that the GPUs are yours.")] = None,
    mfu: Annotated[float | None, typer.Option(help="Model FLOPs utilisation, 0 to 1.")] = None,
    spend: Annotated[
        str | None,
        typer.Option(
            metavar="FLOPS|5%",
            help=f"Of the whole study; by default {SHARE:.0%} of the target's FLOPs.",
        ),
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(metavar="SOURCE", help="A law that says which sizes are best, or a folder."),
    ] = None,
) -> None:
    """Write a commented study file; never overwrites.

    It is a preset's, or laid out for a target.
    """
    from ditlaw.study import init_study

    if (gpus is None) != (days is None) or (gpus is not None and target is not None):
        raise BadInput("init: give --target, or --gpus with --days")
    if target is None and gpus is None:
        for option, given in (("--spend", spend), ("--like", like), ("--mfu", mfu)):
            if given is not None:
                raise BadInput(f"{option}: is of a study for a target; give --target FLOPs too")
        init_study(file, preset)
        typer.echo(f"wrote {file}; next: ditlaw plan {file}", err=True)
        return
    from ditlaw.compute import budget
    from ditlaw.compute.budget import DEFAULT_MFU
    from ditlaw.design.write import init_designed
    from ditlaw.study.schema import Hardware

    hardware = None
    if gpus is not None:
        bought = budget(gpus, days=days, mfu=DEFAULT_MFU if mfu is None else mfu)
        target, hardware = bought.flops, Hardware(gpu=bought.gpu, mfu=bought.mfu)
    elif mfu is not None:
        raise BadInput("--mfu: is of GPUs; give --gpus with --days too")
    assert target is not None
    most = None if spend is None else amount("--spend", spend, target, EXAMPLE)
    study = init_designed(file, preset, target, most, like, hardware)
    typer.echo(
        f"wrote {file}: {len(study.shapes)} sizes at {len(study.budgets)} budgets; "
        f"next: ditlaw plan {file}",
        err=True,
    )


def plan(
    study: StudyFile,
    measured: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="A study folder whose runs say how fast models of each size train; by default the "
            "study's own, where it does not state its hardware.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a study's runs and their cost; nothing runs."""
    from ditlaw.api import plan as plan_study

    emit(plan_study(study, measured=measured), as_json)


def run(
    study: StudyFile,
    out: Annotated[
        Path | None, typer.Option(help="The study folder; by default the study's own, or ./NAME.")
    ] = None,
    executor: Where = "local",
    job: Asked = None,
    ranks: Ranks = 1,
    parallel: Parallel = "ddp",
    track: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Mirror runs in tensorboard or wandb, from now on; none ends it.",
        ),
    ] = None,
    until_interval: Annotated[
        str | None,
        typer.Option(
            metavar="10%|0.1",
            help="Then choose and train more runs until the forecast loss is known to that.",
        ),
    ] = None,
    spend: Annotated[
        str | None,
        typer.Option(
            metavar="FLOPS|5%",
            help="Then choose and train more runs until the study has taken that, or that share "
            "of the target.",
        ),
    ] = None,
    target: Annotated[
        float | None,
        typer.Option(metavar="FLOPS", help="What is forecast; by default the study's target."),
    ] = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Train what is missing of a study; safe to repeat.

    More is trained if asked: --until-interval or --spend.
    """
    from ditlaw.api import run as run_study
    from ditlaw.cli.live import live_watch
    from ditlaw.measured import hours_of
    from ditlaw.study import default_folder, load_study
    from ditlaw.sweep import require_done

    need_training("run")
    engine = executor_of(executor, workers, job, ranks, parallel)
    declared = load_study(study)
    folder = out or default_folder(study, declared)
    done = run_study(
        study,
        out=folder,
        executor=engine,
        track=track,
        until_interval=until_interval,
        spend=spend,
        target=target,
        watch=live_watch(hours_of(declared, folder)),
        tell=say,
    )
    emit(done, as_json)
    require_done(done.failures)


def status(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A study folder.")],
    as_json: Json = False,
) -> None:
    """Show how far the runs of a study folder are."""
    from ditlaw.results import StatusResult
    from ditlaw.study.rounds import adaptive_study
    from ditlaw.sweep import study_status

    emit(StatusResult(runs=study_status(folder), adaptive=adaptive_study(folder)), as_json)


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A study folder.")],
    flops: Annotated[
        float | None, typer.Option(help="Budget to check; by default the study's target.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="dataset=NAME", help="One of the study's several data sets."),
    ] = None,
    executor: Where = "local",
    job: Asked = None,
    ranks: Ranks = 1,
    parallel: Parallel = "ddp",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Freeze a forecast, train that run, and compare."""
    need_training("verify")
    from ditlaw.cli.live import live_watch
    from ditlaw.measured import hours_of
    from ditlaw.study import STUDY_FILE, open_study
    from ditlaw.verification import verify as verify_forecast

    engine = executor_of(executor, workers, job, ranks, parallel)
    study = open_study(folder)
    if flops is None:
        target = study.forecast
        if target is None:
            raise BadInput(f"{folder / STUDY_FILE}: forecast is missing; give --flops")
        flops = target.flops
    watch = live_watch(hours_of(study, folder))
    emit(verify_forecast(folder, flops, where=where or [], executor=engine, watch=watch), as_json)


def check(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A frozen forecast: DIR/verify/FLOPS/forecast.json."),
    ],
    as_json: Json = False,
) -> None:
    """Say whether a frozen forecast is sound.

    That is: unedited, of those rows, written before its runs.
    """
    from ditlaw.verification import check_frozen, require_sound

    found = check_frozen(file)
    emit(found, as_json)
    require_sound(found)
