"""The rows of a shape study: which shape and settings each has, and how far equal runs scatter."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ditlaw.errors import BadInput
from ditlaw.laws.noise import Noise, from_replicates
from ditlaw.laws.table import BoolArray, FloatArray, IntArray, Table, prepare
from ditlaw.observations import Observations
from ditlaw.tablefile import numbers

AXES = ("heads", "patch", "text_tokens", "batch")  # what may vary beside depth and width
SETTINGS = ("patch", "text_tokens", "parametrization")  # one of each in a law of shapes
RULED = ("heads", "batch")  # what a recipe may change with the shape or the budget
SHAPE = ("depth", "width", "single_depth")
DESIGN = (*SHAPE, *RULED, *SETTINGS)


@dataclass(frozen=True)
class Shapes:
    """n rows in the table's order. ``ratio`` is ln(width/depth); all else are codes (n,).

    ``shape`` tells depth and width apart, ``setting`` what is the same in a law of shapes, ``cell``
    everything but budget and seed: rows of one cell and budget are replicates. ``base`` marks the
    rows that a law of shapes is of. ``other_rates`` rows were left out for another learning rate.
    """

    observations: Observations
    table: Table
    depth: FloatArray
    width: FloatArray
    shape: IntArray
    setting: IntArray
    cell: IntArray
    base: BoolArray
    other_rates: int

    @property
    def frame(self) -> pd.DataFrame:
        """The rows with all their columns."""
        return self.observations.frame

    @property
    def ratio(self) -> FloatArray:
        """ln(width/depth) of the rows."""
        return np.asarray(np.log(self.width / self.depth))

    def replicate_noise(self) -> Noise | None:
        """Scatter between seeds of one design; None where there are too few of them.

        The engine of the laws tells designs apart by their size alone, so that each gets a number
        of its own in the place of its size here.
        """
        return from_replicates(replace(self.table, log_n=self.cell.astype(float)))


def read_shapes(observations: Observations, metric: str) -> Shapes:
    """The rows with depth, width and budget; of several learning rates of a design, its best.

    Raises:
        BadInput: no column depth or width, or no row with both and a budget.
        Refused: as ``prepare``.
    """
    source = observations.source
    for column in ("depth", "width"):
        if column not in observations.frame:
            raise BadInput(
                f"{source}: column '{column}' is missing; a shape study needs depth and width"
            )
        cells = numbers(observations.frame[column])
        usable = (cells > 0) & (cells < np.inf)
        observations = observations.keep(usable, f"{column} is not a positive number")
    observations = observations.keep(observations.frame["budget"].notna(), "no budget")
    if observations.frame.empty:
        raise BadInput(f"{source}: no row has depth, width and a budget; add them")
    observations, table = prepare(observations, metric, budgets=1)
    frame = observations.frame
    shape, design = _codes(frame, SHAPE), _codes(frame, DESIGN)
    best = _best_rates(frame, design, table)
    chosen = pd.Series(best.tolist(), index=frame.index, dtype=bool)
    observations = observations.keep(chosen, "another learning rate of its design did better")
    frame, table, shape = observations.frame, table.where(best), shape[best]
    depth = frame["depth"].to_numpy(dtype=float)
    if "single_depth" in frame:
        depth = depth + numbers(frame["single_depth"]).fillna(0.0).to_numpy(dtype=float)
    setting = _codes(frame, SETTINGS)
    return Shapes(
        observations=observations,
        table=table,
        depth=depth,
        width=frame["width"].to_numpy(dtype=float),
        shape=shape,
        setting=setting,
        cell=_codes(frame, DESIGN),
        base=_usual_rule(frame, shape, table.group, setting == _usual(setting, shape)),
        other_rates=int((~best).sum()),
    )


def values_of(frame: pd.DataFrame, column: str) -> list[str]:
    """The values of a column of settings, as words, numbers in their order."""
    if column not in frame:
        return []
    found = frame[column].dropna().map(_word).unique().tolist()
    return sorted(found, key=lambda v: (0, float(v)) if _is_number(v) else (1, 0.0))


def words_of(frame: pd.DataFrame, column: str) -> list[str]:
    """A cell of each row as a word; empty where there is none."""
    if column not in frame:
        return [""] * len(frame)
    return [_word(v) if pd.notna(v) else "" for v in frame[column]]


def _word(value: object) -> str:
    try:
        return f"{float(value):g}"  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return str(value)


def _is_number(value: str) -> bool:
    try:
        return bool(np.isfinite(float(value)))
    except ValueError:
        return False


def _codes(frame: pd.DataFrame, columns: tuple[str, ...]) -> IntArray:
    """One number for each combination of values: (n,)."""
    words = pd.DataFrame({column: words_of(frame, column) for column in columns})
    codes = words.groupby(list(columns), sort=True).ngroup()
    return np.asarray(codes, dtype=np.int64)


def _best_rates(frame: pd.DataFrame, design: IntArray, table: Table) -> BoolArray:
    """Rows whose learning rate is the best of their design and budget, by the mean over seeds."""
    rate = words_of(frame, "learning_rate")
    rows = pd.DataFrame(
        {"design": design, "group": table.group, "rate": rate, "loss": table.log_loss}
    )
    rows["mean"] = rows.groupby(["design", "group", "rate"])["loss"].transform("mean")
    lowest = rows.groupby(["design", "group"])["mean"].transform("min")
    return (rows["mean"] == lowest).to_numpy(dtype=bool)


def _usual(setting: IntArray, shape: IntArray) -> int:
    """The setting that most shapes were run with."""
    shapes = [len(np.unique(shape[setting == s])) for s in range(int(setting.max()) + 1)]
    return int(np.argmax(shapes))


def _usual_rule(
    frame: pd.DataFrame, shape: IntArray, group: IntArray, base: BoolArray
) -> BoolArray:
    """Of several heads or batches of a shape and budget, those that most shapes have.

    Where a head size is more common than any head count, the heads of that size.
    """
    rows = pd.DataFrame({"shape": shape, "group": group, "width": frame["width"].to_numpy()})
    for column in RULED:
        rows[column] = numbers(frame[column]).to_numpy(dtype=float) if column in frame else 1.0
    rows["size"] = rows["width"].astype(float) / rows["heads"]
    rows = rows[base].fillna(0.0)
    by_count, by_size = (rows.groupby(c)["shape"].nunique().max() for c in ("heads", "size"))
    for column in ("heads" if by_count >= by_size else "size", "batch"):
        common = rows.groupby(column)["shape"].transform("nunique") - 1e-6 * rows[column]
        most = common.groupby([rows["shape"], rows["group"]]).transform("max")
        rows = rows[common == most]  # of equals the smallest
    kept = np.zeros(len(base), dtype=bool)
    kept[rows.index.to_numpy()] = True
    return kept
