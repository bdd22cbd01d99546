"""Options and arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]
Where = Annotated[
    list[str] | None, typer.Option("--where", metavar="COL=VALUE", help="Keep only these rows.")
]
Level = Annotated[float | None, typer.Option(help="Level of every interval; by default 0.9.")]
Source = Annotated[
    str, typer.Argument(metavar="SOURCE", help="Study folder, table, or saved law (.law.json).")
]
AnySource = Annotated[
    str,
    typer.Argument(metavar="SOURCE", help="Study folder, table, saved law or published:NAME."),
]
StudyFile = Annotated[Path, typer.Argument(metavar="STUDY", help="The study file.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Runs at a time; by default one a core.")]
