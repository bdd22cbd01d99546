"""``ditlaw coordinates``: whether updates are as large at every width."""

from typing import Annotated

import typer

from ditlaw.cli.options import Json, StudyFile
from ditlaw.cli.output import emit
from ditlaw.extras import need_training


def coordinates(
    study: StudyFile,
    widths: Annotated[
        list[int] | None,
        typer.Option(min=1, metavar="X...", help="By default 64 128 256 512."),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, max=100, help="Steps to train.")] = 5,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Seeds of weights and batches.")] = 3,
    as_json: Json = False,
) -> None:
    """Check that updates are as large at every width.

    With muP, beside the standard parametrization.
    """
    need_training("coordinates")
    from ditlaw.coordinates import WIDTHS, check_study
    from ditlaw.study import default_folder, load_study

    wanted = load_study(study)
    folder = default_folder(study, wanted)
    emit(check_study(wanted, folder, widths or WIDTHS, steps, seeds), as_json)
