"""Saved laws: the rows, κ and settings of a fit, from which loading repeats it exactly.

``version`` is raised whenever today's engine would answer otherwise for the same rows: a file of an
older one is fitted again and says so (``older-law``). ``ditlaw`` is the version that wrote it.

``digest`` is of all else in the file: one that was edited, cut or damaged is not read.
``data_digest`` is of the rows alone, as frozen forecasts name them.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from ditlaw import __version__
from ditlaw.digests import digest
from ditlaw.errors import BadInput, Refused
from ditlaw.files import write_json
from ditlaw.laws.fitting import refit
from ditlaw.laws.kappa import Kappa
from ditlaw.laws.law import Law
from ditlaw.laws.summary import describe
from ditlaw.laws.table import numeric_columns
from ditlaw.observations import QUANTITY, SINGLE, Observations
from ditlaw.results import Dropped, Note
from ditlaw.study import Study

KIND = "ditlaw-law"
VERSION = 2
OLDEST = 1
NAMES = ("run", "trunk")  # columns that are text whatever they hold
# What is kept of the others: all numbers, what a law is a law of, and what it was timed on.
KINDS = tuple(dict.fromkeys([*SINGLE, *QUANTITY, "device"]))


def to_json(law: Law) -> dict[str, Any]:
    """A law as plain data: what it was fitted to, how, and a digest of it all."""
    table, result = law.observations, law.result()
    rows = _plain_rows(table.frame)
    content = {
        "kind": KIND,
        "version": VERSION,
        "ditlaw": __version__,
        "source": table.source,
        "method": law.method,
        "metric": law.metric,
        "level": law.level,
        "draws": law.draws,
        "seed": law.seed,
        "flops_as": table.flops_as,
        "range": result.range.model_dump(mode="json"),
        "data_digest": table.digest(),
        "summary": describe(result).splitlines(),
        "kappa": {"log_n": law.kappa.log_n.tolist(), "log_k": law.kappa.log_k.tolist()},
        "planned_rows": table.planned_rows,
        "study": None if table.study is None else table.study.model_dump(mode="json"),
        "dropped": [d.model_dump() for d in table.dropped],
        "chosen": [n.model_dump() for n in table.chosen],
        "compared": table.compared,
        "columns": ["row", *rows.columns],
        "rows": [
            [int(i), *row] for i, row in zip(rows.index, rows.to_numpy().tolist(), strict=True)
        ],
    }
    return content | {"digest": digest(content)}


def _plain_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Names and kinds as text, all other numeric columns as floats; None where there is nothing."""
    kinds = frame[[c for c in KINDS if c in frame]]
    numeric = [c for c in numeric_columns(frame) if c not in NAMES and c not in kinds]
    numbers = frame[numeric].astype(float)
    return pd.concat(
        [
            frame[list(NAMES)].astype(str),
            kinds.map(str).astype(object).where(kinds.notna(), None),
            numbers.astype(object).where(np.isfinite(numbers), None),
        ],
        axis=1,
    )


def from_json(content: Any, where: str = "law") -> Law:
    """The law of ``to_json``, fitted again from its own rows; forecasts are the same.

    Raises:
        BadInput: not a saved law, one of a newer version, one that was edited or cut short, or one
            with settings that no fit takes.
        Refused: an older law whose rows are no longer thought enough.
    """
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise BadInput(f"{where}: not a saved law; 'ditlaw fit --save FILE.law.json' writes one")
    version = _version(content, where)
    try:
        stated = content["digest"]
        if digest({k: v for k, v in content.items() if k != "digest"}) != stated:
            raise BadInput("its content does not match its digest; fit the table again")
        frame = pd.DataFrame(content["rows"], columns=content["columns"]).set_index("row")
        for column in frame.columns.difference([*NAMES, *KINDS]):
            frame[column] = frame[column].astype(float)
        study = content["study"]
        observations = Observations(
            frame=frame.rename_axis(None),
            source=content["source"],
            flops_as=content["flops_as"],
            dropped=[Dropped(**d) for d in content["dropped"]],
            study=None if study is None else Study.model_validate(study),
            planned_rows=content["planned_rows"],
            chosen=tuple(Note(**n) for n in content.get("chosen", [])),
            compared={
                str(k): (int(a), int(b)) for k, (a, b) in content.get("compared", {}).items()
            },
        )
        kappa = Kappa(*(np.asarray(content["kappa"][k], dtype=float) for k in ("log_n", "log_k")))
        law = refit(
            observations,
            kappa,
            method=content["method"],
            metric=content["metric"],
            level=content["level"],
            draws=content["draws"],
            seed=content["seed"],
        )
        return law if version == VERSION else replace(law, remarks=(_older(version),))
    except (BadInput, Refused) as error:
        raise type(error)(f"{where}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError, ValidationError) as error:
        raise BadInput(
            f"{where}: a damaged law file ({type(error).__name__}); fit the table again"
        ) from None


def _version(content: dict[str, Any], where: str) -> int:
    version = content.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < OLDEST:
        raise BadInput(
            f"{where}: no law version ({version!r}); a damaged file, fit the table again"
        )
    if version > VERSION:
        writer = content.get("ditlaw")
        by = f"ditlaw {writer}" if isinstance(writer, str) else "a newer ditlaw"
        raise BadInput(
            f"{where}: saved by {by} (law version {version}, this one reads up to {VERSION}); "
            "upgrade ditlaw or fit again"
        )
    return version


def _older(version: int) -> Note:
    return Note(
        code="older-law",
        text=f"saved as law version {version}; its rows were fitted again as version {VERSION} "
        "does, so the numbers may differ from those it was saved with (its 'summary' has them).",
    )


def save_law(law: Law, path: str | Path) -> None:
    """Write a ``.law.json`` file atomically.

    Raises:
        BadInput: the file cannot be written.
    """
    write_json(Path(path), to_json(law))


def load_law(path: str | Path) -> Law:
    """Read a ``.law.json`` file.

    Raises:
        BadInput: unreadable, not a saved law, of a newer version, or damaged.
        Refused: as ``from_json``.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file") from None
    except (OSError, ValueError, RecursionError):
        raise BadInput(f"{path}: not a saved law (no readable JSON)") from None
    return from_json(content, str(path))
