"""Printing an answer: one JSON object, or tables for people."""

import importlib.util
import sys

from ditlaw.errors import BadInput
from ditlaw.results import Note, Result


def emit(result: Result, as_json: bool) -> None:
    """Print a result to standard output in the form that was asked for."""
    if as_json:
        sys.stdout.write(result.model_dump_json(indent=1) + "\n")
        return
    from ditlaw.cli.tables import show

    show(result)


def warn(notes: list[Note]) -> None:
    """Say warnings on standard error, a line each."""
    for note in notes:
        sys.stderr.write(f"ditlaw: {note.code}: {note.text}\n")


def need_training(command: str) -> None:
    """Say in one line what to install where the training extra is missing.

    Raises:
        BadInput: torch or another part of the extra is not installed.
    """
    for module in ("torch", "safetensors", "PIL"):
        if importlib.util.find_spec(module) is None:
            raise BadInput(
                f"{command}: training needs an extra ({module} is missing); "
                "pip install 'ditlaw[train]'"
            )
