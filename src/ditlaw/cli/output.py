"""Printing an answer: one JSON object, or tables for people."""

import importlib.util
import sys
from typing import TYPE_CHECKING

from ditlaw.errors import BadInput

if TYPE_CHECKING:  # pydantic's models take longer to load than the help to print
    from ditlaw.results import Note, Result


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


def warn(notes: "list[Note]") -> None:
    """Say warnings on standard error, a line each."""
    for note in notes:
        say(f"{note.code}: {note.text}")


def need_training(command: str) -> None:
    """Say in one line what to install where the training extra is missing.

    Raises:
        BadInput: torch or another part of the extra is not installed.
    """
    _need(f"{command}: training needs an extra", ("torch", "safetensors", "PIL"), "train")


def need_encoders(command: str) -> None:
    """Say in one line what to install where the libraries of frozen networks are missing.

    Raises:
        BadInput: diffusers or transformers is not installed.
    """
    _need(f"{command}: networks need an extra", ("diffusers", "transformers"), "encode")


def need_trackers(names: list[str] | None) -> list[str] | None:
    """The trackers that are asked for; none of them with ``none``, None where nobody asked.

    Raises:
        BadInput: no such tracker, or its library is not installed.
    """
    from ditlaw.text import unknown
    from ditlaw.tracking import TRACKERS

    for name in names or []:
        if name not in (*TRACKERS, "none"):
            raise unknown("--track", name, (*TRACKERS, "none"))
        if name in TRACKERS:
            _need(f"--track: {name} needs an extra", (TRACKERS[name],), "track")
    return None if names is None else [name for name in names if name != "none"]


def _need(what: str, modules: tuple[str, ...], extra: str) -> None:
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise BadInput(f"{what} ({module} is missing); pip install 'ditlaw[{extra}]'")
