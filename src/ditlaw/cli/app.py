"""The command line as Typer's app: what ``ditlaw`` itself takes, and all commands in order."""

from collections.abc import Callable
from typing import Annotated

import typer

from ditlaw import __version__
from ditlaw.cli import (
    coordinate_command,
    import_command,
    law_commands,
    metric_commands,
    model_commands,
    planner_commands,
    study_commands,
    watch_command,
)
from ditlaw.cli.numbers import ManyNumbers

app = typer.Typer(
    help="What your compute will buy when you train a diffusion transformer.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

# As 'ditlaw --help' lists them.
COMMANDS: list[Callable[..., None]] = [
    study_commands.demo,
    study_commands.init,
    study_commands.plan,
    study_commands.run,
    study_commands.status,
    law_commands.fit,
    law_commands.forecast,
    law_commands.compare,
    law_commands.metrics,
    law_commands.shapes,
    law_commands.rates,
    law_commands.audit,
    law_commands.laws,
    planner_commands.next_,
    law_commands.place,
    study_commands.verify,
    study_commands.check,
    watch_command.watch,
    law_commands.report,
    model_commands.encode,
    model_commands.export,
    metric_commands.evaluate,
    metric_commands.sample,
    metric_commands.time,
    model_commands.budget,
    model_commands.count,
    coordinate_command.coordinates,
    import_command.import_,
]
TAKE_NUMBERS = (law_commands.compare, coordinate_command.coordinates)  # --at X Y Z


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ditlaw {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Plan, run, fit, forecast and verify scaling laws of diffusion transformers."""


for command in COMMANDS:
    several = ManyNumbers if command in TAKE_NUMBERS else None
    app.command(command.__name__.rstrip("_"), cls=several)(command)
