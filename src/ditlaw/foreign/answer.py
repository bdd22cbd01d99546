"""``ditlaw import``: exports as a table file, and what of it looks wrong."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ditlaw.errors import BadInput
from ditlaw.files import write_text
from ditlaw.foreign.reading import Points, read_exports
from ditlaw.results import ImportResult, Note
from ditlaw.tablefile import numbers

FEWEST_PARAMS = 1000  # a table of models that are all smaller counts params in a larger unit
OFF = 100.0  # how far FLOPs may be from 6·params·tokens
STATE, FINISHED = "State", "finished"  # of a run of Weights & Biases


def import_exports(
    exports: Sequence[Path], out: Path, columns: Mapping[str, str], points: Points = "last"
) -> ImportResult:
    """Write exports as one table in our columns.

    Args:
        exports: as ``read_exports`` takes them.
        out: a ``.csv``, which is written whole; one that is there is replaced.
        columns: as ``read_exports`` takes them.
        points: as ``read_exports`` takes it.

    Raises:
        BadInput: as ``read_exports``; ``out`` is no .csv, or one of the exports.
    """
    if out.suffix.lower() != ".csv":
        raise BadInput(f"--out: {out} must end in .csv")
    if out.exists() and any(path.exists() and out.samefile(path) for path in exports):
        raise BadInput(f"--out: {out} is what is imported; name another file")
    frame = read_exports(exports, columns, points)
    write_text(out, frame.to_csv(index=False))
    return ImportResult(
        out=str(out),
        rows=len(frame),
        runs=int(frame["run"].nunique()),
        columns=dict(columns),
        warnings=[*_of_units(frame), *_of_states(frame)],
    )


def _of_units(frame: pd.DataFrame) -> list[Note]:
    """Counts that must be in another unit than ours."""
    params, tokens = numbers(frame["params"]), numbers(frame["tokens"])
    notes = []
    if params.max() < FEWEST_PARAMS:
        text = (
            f"no model has more than {params.max():g} params: are they in millions or billions? "
            "then say so, as params=COLUMN*1e6"
        )
        notes.append(Note(code="another-unit", text=text))
    if "flops" in frame:
        ratio = (numbers(frame["flops"]) / (6 * params * tokens)).median()
        if not 1 / OFF < ratio < OFF:
            text = (
                f"FLOPs are {ratio:.2g} of 6·params·tokens: is one of the three in another unit? "
                "PF-days are flops=COLUMN*8.64e19"
            )
            notes.append(Note(code="another-unit", text=text))
    return notes


def _of_states(frame: pd.DataFrame) -> list[Note]:
    """Runs that a tracker says have not come to their end."""
    if STATE not in frame:
        return []
    others = frame[STATE][frame[STATE] != FINISHED].value_counts()
    if others.empty:
        return []
    listed = ", ".join(f"{count} {state}" for state, count in others.items())
    text = f"rows of runs that did not finish: {listed}; leave them out with --where State=finished"
    return [Note(code="not-finished", text=text)]
