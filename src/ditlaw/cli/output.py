"""Printing an answer: one JSON object, or tables for people."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # pydantic's models take longer to load than the help to print
    from ditlaw.results import Result


def emit(result: "Result", as_json: bool) -> None:
    """Print a result to standard output in the form that was asked for."""
    if as_json:
        sys.stdout.write(result.model_dump_json(indent=1) + "\n")
        return
    from ditlaw.cli.tables import show

    show(result)


def say(line: str) -> None:
    """Tell how things go, on standard error."""
    sys.stderr.write(f"ditlaw: {line}\n")
