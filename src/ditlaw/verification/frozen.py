"""A frozen forecast as a file: what it holds, and how it is written and read.

``forecast.json`` holds the forecast and the runs that are to check it with the loss forecast for
each; when it was frozen and by which ``versions``; the digests of the study and of the rows; and
``law``, the rows and settings of the fit as a saved law has them, so that anyone can fit them again
from the file alone. ``digest`` is of all else in it. Files of earlier versions lack ``law`` and
``versions``.
"""

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ditlaw import __version__
from ditlaw.digests import digest
from ditlaw.errors import BadInput
from ditlaw.files import write_json
from ditlaw.laws import Law, from_json, to_json
from ditlaw.results import Forecast, Quantity
from ditlaw.study import RunSpec

FORECAST_FILE = "forecast.json"
COMPUTING = ("numpy", "scipy", "pandas")  # packages that the numbers depend on


@dataclass(frozen=True)
class Frozen:
    """A forecast as it was before its check: the answer, and one for each shape to be trained.

    ``date`` is ISO 8601 in UTC; ``where`` chose the rows that were fitted; ``saved`` is the law as
    plain data, None in an older file.
    """

    path: Path
    forecast: Forecast
    runs: list[RunSpec]
    losses: list[Quantity]
    digest: str
    date: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    data_digest: str = ""
    study_digest: str = ""
    where: tuple[str, ...] = ()
    saved: dict[str, Any] | None = None

    def law(self) -> Law | None:
        """The law that it was made by, fitted again from the rows in the file; None without them.

        Raises:
            BadInput, Refused: as loading a saved law does.
        """
        return None if self.saved is None else from_json(self.saved, str(self.path))


def versions_here() -> dict[str, str]:
    """Of what computes a forecast here."""
    return {
        "ditlaw": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in COMPUTING},
    }


def write_frozen(
    path: Path,
    law: Law,
    forecast: Forecast,
    runs: list[RunSpec],
    losses: list[Quantity],
    study_digest: str,
    where: Sequence[str],
) -> None:
    """Write a frozen forecast; one that is there is left alone.

    Raises:
        BadInput: there is one, or the file cannot be written.
    """
    content = {
        "frozen": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions_here(),
        "data_digest": law.observations.digest(),
        "study_digest": study_digest,
        "where": list(where),
        "forecast": forecast.model_dump(mode="json"),
        "runs": [run.model_dump(mode="json") for run in runs],
        "losses": [loss.model_dump(mode="json") for loss in losses],
        "law": to_json(law),
    }
    write_json(path, content | {"digest": digest(content)}, overwrite=False)


def read_frozen(path: Path) -> Frozen:
    """Read a frozen forecast.

    Raises:
        BadInput: it is none, it was changed after it was frozen, or it is damaged.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        stated, forecast = content.pop("digest"), content["forecast"]
        if digest(content) != stated:
            raise BadInput(f"{path}: was changed after it was frozen; its digest does not match")
        return Frozen(
            path=path,
            forecast=Forecast.model_validate(forecast),
            runs=[RunSpec.model_validate(r) for r in content["runs"]],
            losses=[Quantity.model_validate(q) for q in content["losses"]],
            digest=stated,
            date=str(content.get("frozen", "")),
            versions=content.get("versions") or {"ditlaw": str(content.get("ditlaw", "?"))},
            data_digest=str(content.get("data_digest", "")),
            study_digest=str(content.get("study_digest", "")),
            where=tuple(content.get("where", ())),
            saved=content.get("law"),
        )
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise _none(path) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError):
        if path.name != FORECAST_FILE:
            raise _none(path) from None
        raise BadInput(f"{path}: damaged; a frozen forecast cannot be made again") from None


def _none(path: Path) -> BadInput:
    return BadInput(
        f"{path}: no frozen forecast; 'ditlaw verify DIR' writes DIR/verify/FLOPS/{FORECAST_FILE}"
    )
