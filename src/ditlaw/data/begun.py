"""What a cache is begun as: of one wish and one source, and with one vocabulary.

CACHE/begun.json        the wish and the source
CACHE/vocabulary.json   the words by number
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ditlaw.data.making import caption_or_nothing
from ditlaw.data.manifest import ImageFacts, SourceFacts, TextFacts
from ditlaw.data.raw import Raw
from ditlaw.data.vocabulary import make_vocabulary
from ditlaw.data.wanted import Wanted
from ditlaw.errors import BadInput
from ditlaw.files import write_json
from ditlaw.locks import is_locked, locked

BEGUN_FILE = "begun.json"
VOCABULARY_FILE = "vocabulary.json"
PATIENCE = 3600.0  # seconds that another process's making of a vocabulary may take


def wish_of(
    wanted: Wanted, source: SourceFacts, image: ImageFacts, text: TextFacts | None, size: int
) -> dict[str, Any]:
    """All that a cache's content depends on, as plain data."""
    wish = asdict(wanted)
    for name in ("paths", "most_skipped"):
        del wish[name]
    wish |= {
        "source": source.model_dump(mode="json"),
        "image_side": image.model_dump(mode="json"),
        "text_side": text.model_dump(mode="json") if text else None,
        "samples_of_a_range": size,
    }
    plain_data: dict[str, Any] = json.loads(json.dumps(wish))
    return plain_data


def begin(out: Path, wish: dict[str, Any]) -> None:
    """Write what a cache is to be, or check that it is what it was begun as.

    Where nothing is made yet and nobody is at it, a wish that was mended takes the old one's place.

    Raises:
        BadInput: it is another, or other files lie there.
    """
    path = out / BEGUN_FILE
    with locked(out / ".locks" / "begin", str(out), patience=PATIENCE):
        if not path.exists():
            if any(not other.name.startswith(".") for other in out.iterdir()):
                raise BadInput(f"{out}: has other files in it; choose a new folder")
            write_json(path, wish)
            return
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
            differ = [name for name in wish if wish[name] != before[name]]
        except (OSError, ValueError, KeyError, TypeError):
            raise BadInput(f"{path}: damaged; remove {out} to start over") from None
        if differ and _made(out):
            raise BadInput(
                f"{out}: was begun with another {' and '.join(differ)}; undo the change, choose "
                "another folder, or remove this one to start over"
            )
        if differ:
            for left in (out / VOCABULARY_FILE, *out.glob("[0-9]*")):
                left.unlink(missing_ok=True)
            write_json(path, wish)


def _made(out: Path) -> bool:
    """Whether a range of a cache is made, or being made."""
    at_work = (lock for lock in out.glob(".locks/*") if lock.name != "begin" and is_locked(lock))
    return any(out.glob("[0-9]*.json")) or next(at_work, None) is not None


def vocabulary_of(raw: Raw, wanted: Wanted, out: Path) -> list[str]:
    """The words of a cache, made once.

    Raises:
        BadInput: as ``make_vocabulary``.
    """
    path = out / VOCABULARY_FILE
    with locked(out / ".locks" / "vocabulary", str(out), patience=PATIENCE):
        if not path.exists():
            write_json(path, make_vocabulary(wanted, _captions(raw)))
        try:
            return [str(word) for word in json.loads(path.read_text(encoding="utf-8"))]
        except (OSError, ValueError, TypeError):
            raise BadInput(f"{path}: damaged; remove {out} to start over") from None


def _captions(raw: Raw) -> Iterator[str]:
    for number in range(len(raw.keys)):
        if said := caption_or_nothing(raw, number):
            yield said
