"""What is not installed, told in one line with what to install."""

import importlib.util

from ditlaw.errors import BadInput


def need_training(command: str) -> None:
    """Say in one line what to install where the training extra is missing.

    Raises:
        BadInput: torch or another part of the extra is not installed.
    """
    need(f"{command}: training needs an extra", ("torch", "safetensors", "PIL"), "train")


def need_encoders(command: str) -> None:
    """Say in one line what to install where the libraries of frozen networks are missing.

    Raises:
        BadInput: diffusers or transformers is not installed.
    """
    need(f"{command}: networks need an extra", ("diffusers", "transformers"), "encode")


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
            need(f"--track: {name} needs an extra", (TRACKERS[name],), "track")
    return None if names is None else [name for name in names if name != "none"]


def need(what: str, modules: tuple[str, ...], extra: str) -> None:
    """Say what an extra is needed for, where one of its modules is missing.

    Raises:
        BadInput: one is.
    """
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise BadInput(f"{what} ({module} is missing); pip install 'ditlaw[{extra}]'")
