"""Which trackers a study is mirrored in: no part of what determines its numbers, so not frozen."""

import json
from pathlib import Path

from ditlaw.errors import BadInput
from ditlaw.files import write_json

TRACKERS_FILE = "trackers.json"
# Name, and the module that it needs; each has a class in ditlaw.tracking.NAME.
TRACKERS = {"tensorboard": "tensorboard", "wandb": "wandb"}


def choose_trackers(folder: Path, names: list[str]) -> None:
    """Note in a study folder what its runs are mirrored in from their next start on.

    Raises:
        BadInput: the folder cannot be written to.
    """
    write_json(folder / TRACKERS_FILE, {"trackers": sorted(set(names))})


def chosen_trackers(run: Path) -> tuple[Path, list[str]]:
    """The study folder that a run folder lies in, and what its runs are mirrored in.

    Raises:
        BadInput: the note cannot be read.
    """
    for folder in run.absolute().parents:
        path = folder / TRACKERS_FILE
        if not path.exists():
            continue
        try:
            return folder, [str(name) for name in json.loads(path.read_text())["trackers"]]
        except (OSError, ValueError, KeyError, TypeError):
            raise BadInput(f"{path}: damaged; remove it, or give --track again") from None
    return run, []
