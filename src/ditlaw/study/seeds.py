"""Which seeds the runs of a study folder have, so that a new run can have one that none has."""

import contextlib
import json
from pathlib import Path


def used_seeds(folder: Path) -> set[int]:
    """Every seed of a run that is in the folder, and of one that a frozen forecast has named.

    Runs of the study and runs that check its forecasts. Two runs of one shape and seed are one run:
    what is to be new takes a seed that is not among these. A file that cannot be read has none.
    """
    return verification_seeds(folder) | _seeds_of(folder, "runs/*/spec.json")


def verification_seeds(folder: Path) -> set[int]:
    """Every seed of a run that checks a forecast of the folder, or is to check a frozen one."""
    found = _seeds_of(folder, "verify/*/runs/*/spec.json")
    for path in folder.glob("verify/*/forecast.json"):  # its runs need not have begun
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            runs = json.loads(path.read_text(encoding="utf-8"))["runs"]
            found |= {int(run["seed"]) for run in runs}
    return found


def _seeds_of(folder: Path, pattern: str) -> set[int]:
    found = set()
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            found.add(int(json.loads(path.read_text(encoding="utf-8"))["seed"]))
    return found
