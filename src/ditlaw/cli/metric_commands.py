"""The commands that measure: what runs draw, and what their steps cost.

Heavy imports happen inside each, so that help and errors come at once.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ditlaw.cli.executor import Asked, Where, executor_of
from ditlaw.cli.options import Json, Workers
from ditlaw.cli.output import emit
from ditlaw.extras import need_training


def evaluate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A study folder.")],
    metrics: Annotated[
        list[str] | None, typer.Option(metavar="NAME,…", help="By default vlb,nll.")
    ] = None,
    guidance: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCALE,…", help="Guidance scales to draw with; by default the study's."
        ),
    ] = None,
    steps: Annotated[
        list[str] | None,
        typer.Option(metavar="N,…", help="Steps of the sampler; by default the study's."),
    ] = None,
    sampler: Annotated[str, typer.Option(help="euler or heun.")] = "euler",
    samples: Annotated[
        int | None, typer.Option(min=2, help="Pictures, or held-out samples, of each metric.")
    ] = None,
    extractor: Annotated[
        str | None, typer.Option(help="What turns pictures into features; see docs/distances.md.")
    ] = None,
    unconditional: Annotated[
        bool, typer.Option("--unconditional", help="Measure without captions as well.")
    ] = False,
    executor: Where = "local",
    job: Asked = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Add metrics to the finished runs of a study; safe to repeat."""
    need_training("evaluate")
    from ditlaw.cli.live import measuring_lines
    from ditlaw.evaluate import evaluate_study, settings_of
    from ditlaw.study import open_study
    from ditlaw.sweep import require_done

    engine = executor_of(executor, workers, job)
    asked = settings_of(
        open_study(folder), metrics, guidance, steps, sampler, samples, extractor, unconditional
    )
    start, on_end = measuring_lines()
    done = evaluate_study(folder, asked, executor=engine, start=start, on_end=on_end)
    emit(done, as_json)
    require_done(done.failures)


def time(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A study folder.")],
    rounds: Annotated[int, typer.Option(help="Times that each model is measured, in turn.")] = 5,
    as_json: Json = False,
) -> None:
    """Measure what a training step of each model costs.

    On this machine; safe to repeat.
    """
    need_training("time")
    from ditlaw.timing import time_study

    def start(models: int) -> None:
        typer.echo(f"timing {models} models, {rounds} rounds; leave the machine alone", err=True)

    emit(time_study(folder, rounds, start=start), as_json)


def sample(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder: STUDY/runs/ID.")],
    out: Annotated[Path, typer.Option(help="A new folder.")],
    captions: Annotated[
        Path | None, typer.Option(help="Text, a caption a line; by default held-out ones.")
    ] = None,
    budget: Annotated[
        float | None, typer.Option(help="Whose observation draws; by default the last.")
    ] = None,
    guidance: Annotated[
        float | None, typer.Option(min=0, max=1000, help="Guidance scale; by default the study's.")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, max=10**6, help="Steps of the sampler; by default the study's."),
    ] = None,
    sampler: Annotated[
        Literal["euler", "heun"], typer.Option(help="How a step is taken.")
    ] = "euler",
    seed: Annotated[int, typer.Option(min=0, max=2**62, help="Seed of the noise.")] = 0,
    as_json: Json = False,
) -> None:
    """Draw pictures with a finished run."""
    need_training("sample")
    from ditlaw.sampling import sample_run

    done = sample_run(
        run,
        out,
        captions=captions,
        budget=budget,
        sampler=sampler,
        steps=steps,
        guidance=guidance,
        seed=seed,
    )
    emit(done, as_json)
