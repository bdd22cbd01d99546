"""A study on disk: the file as written, and the record of what its runs were made by.

DIR/study.yaml     the study; hardware, forecast and limits may change after runs exist
DIR/study.json     its frozen content and digest, written with the first run
"""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ditlaw.digests import digest
from ditlaw.errors import BadInput
from ditlaw.files import write_json, write_text
from ditlaw.study.load import difference, frozen_content, load_study
from ditlaw.study.schema import Study

STUDY_FILE = "study.yaml"
RECORD_FILE = "study.json"


def open_study(folder: Path) -> Study:
    """The study of a folder, which must still be the one that its runs were made by.

    Raises:
        BadInput: not a study folder, or ``study.yaml`` was changed in what determines runs.
    """
    if not (folder / RECORD_FILE).exists():
        raise BadInput(f"{folder}: not a study folder (no {RECORD_FILE}); 'ditlaw run' makes one")
    study = load_study(folder / STUDY_FILE)
    _check_same(folder, study)
    return study


def study_folder(source: str) -> Path | None:
    """The study folder that a SOURCE names, filters left out; None for tables and laws."""
    path = Path(source) if Path(source).exists() else Path(source.partition("@")[0])
    return path if (path / STUDY_FILE).exists() else None


def default_folder(file: Path, study: Study) -> Path:
    """Where a study runs unless told: where it already does, else a folder of its name here."""
    stands_in = file.name == STUDY_FILE and (file.parent / RECORD_FILE).exists()
    return file.parent if stands_in else Path(study.name)


def freeze_study(folder: Path, study: Study, text: str) -> None:
    """Store a study with its runs, or check that it is the one that they were made by.

    Raises:
        BadInput: it differs from the stored one in something that determines runs.
    """
    if (folder / RECORD_FILE).exists():
        _check_same(folder, study)
    else:
        if any(folder.glob("runs/*/spec.json")):
            raise BadInput(
                f"{folder}: has runs and no {RECORD_FILE} to say what they were made by; "
                "restore it or choose another folder"
            )
        content = frozen_content(study)
        write_json(folder / RECORD_FILE, {"digest": digest(content), "study": content})
    write_text(folder / STUDY_FILE, text)


def study_digest(folder: Path) -> str:
    """The digest of what the runs of a folder were made by."""
    return digest(_stored(folder))


def _check_same(folder: Path, study: Study) -> None:
    stored, content = _completed(_stored(folder)), frozen_content(study)
    if digest(stored) != digest(content):
        changes = "; ".join(difference(stored, content))
        raise BadInput(
            f"{folder}: holds runs of a study that differs ({changes}); "
            "undo the change or choose another folder"
        )


def _completed(stored: dict[str, Any]) -> dict[str, Any]:
    """A stored study with the fields that came after it, at the defaults that it was made by."""
    try:
        return frozen_content(Study.model_validate(stored))
    except (ValidationError, BadInput):
        return stored  # the difference will say what this version does not understand


def _stored(folder: Path) -> dict[str, Any]:
    path = folder / RECORD_FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        stored: dict[str, Any] = record["study"]
        if digest(stored) == record["digest"]:
            return stored
    except (ValueError, KeyError, TypeError):
        pass
    raise BadInput(f"{path}: damaged; choose another folder")
