"""The cells of a sweep: one shape at one budget, its settings, and which of them diverged."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ditlaw.laws.isoflop import stated_budget
from ditlaw.laws.settings import DIGITS, SETTINGS, cell_numbers, written_as
from ditlaw.laws.table import FloatArray, IntArray, Table, as_table
from ditlaw.tablefile import numbers


@dataclass(frozen=True)
class Unstable:
    """A setting of which a seed diverged: how many have no loss here, the losses of the rest."""

    log_setting: float
    diverged: int
    losses: FloatArray


@dataclass(frozen=True)
class Cell:
    """One shape at one budget. Rows are positions in the group's table.

    ``log_setting`` (k,) rises and holds the settings of which no seed diverged, ``log_loss`` (k,)
    their mean ln loss over seeds, ``members`` their rows. Where the other setting varies too, each
    setting is at that value of it which serves it best.
    """

    log_n: float
    log_d: float
    log_c: float
    budget: float | None
    width: float | None
    depth: float | None
    log_setting: FloatArray
    log_loss: FloatArray
    members: list[IntArray]
    unstable: list[Unstable]
    loss_zero: float | None

    @property
    def swept(self) -> bool:
        """Whether two settings or more were tried."""
        return len(self.log_setting) + len(self.unstable) > 1 and len(self.log_setting) > 0

    @property
    def best(self) -> int:
        """Which setting has the least mean loss."""
        return int(self.log_loss.argmin())

    @property
    def tried(self) -> FloatArray:
        """Ln of every setting tried, those that diverged too, rising."""
        return np.sort([*self.log_setting, *(u.log_setting for u in self.unstable)])


@dataclass(frozen=True)
class Group:
    """The rows of one family and parametrization that have the setting, and their cells.

    ``row_label`` (n,) is which shape and settings a row has: rows of one label differ in seed and
    budget only. ``shared`` is whether one training run serves several cells.
    """

    family: str | None
    parametrization: str | None
    frame: pd.DataFrame
    table: Table
    cells: list[Cell]
    row_label: IntArray
    row_cell: IntArray
    shared: bool

    @property
    def swept(self) -> list[Cell]:
        """The cells in which two settings or more were tried."""
        return [cell for cell in self.cells if cell.swept]


def groups(frame: pd.DataFrame, diverged: pd.DataFrame, setting: str) -> Iterator[Group]:
    """The rows of each family and parametrization, in order of their names.

    Args:
        frame: checked rows, those without a positive setting left out.
        diverged: rows of runs that diverged, as the source has them.
        setting: ``learning_rate`` or ``batch``.
    """
    everything = pd.concat([frame.assign(_diverged=False), diverged.assign(_diverged=True)])
    split = pd.DataFrame({name: _words(everything, name) for name in ("family", "parametrization")})
    for (family, parametrization), rows in everything.groupby(
        [split["family"], split["parametrization"]], sort=True
    ):
        if not rows["_diverged"].all():
            yield _group(rows, setting, str(family) or None, str(parametrization) or None)


def plain(log_setting: float) -> float:
    """A setting from its ln, with the digits that tell two of them apart."""
    return float(f"{np.exp(log_setting):.{DIGITS}g}")


def _words(frame: pd.DataFrame, column: str) -> "pd.Series[str]":
    if column not in frame:
        return pd.Series("", index=frame.index)
    return frame[column].map(lambda cell: "" if pd.isna(cell) else str(cell))


def _group(rows: pd.DataFrame, setting: str, family: str | None, kind: str | None) -> Group:
    rows = rows.assign(_cell=cell_numbers(rows))
    rows["_setting"] = written_as(numbers(rows[setting]))
    other = next(s for s in SETTINGS if s != setting)
    rows["_other"] = written_as(numbers(rows[other])) if other in rows else None
    rows["_other"] = rows["_other"].map(lambda v: v if isinstance(v, str) else "")
    order = ["_cell", "_setting", "_other", "run"]
    trained = rows[~rows["_diverged"]].sort_values(order, kind="stable")
    lost = rows[rows["_diverged"]]
    table = as_table(trained, "loss")
    shape = [c for c in ("depth", "width", "heads") if c in trained]
    keys = [table.log_n.round(9), *(trained[c].map(str) for c in [*shape, "_setting", "_other"])]
    labels = trained.groupby([pd.Series(np.asarray(k), trained.index) for k in keys]).ngroup()
    row_cell = np.unique(trained["_cell"], return_inverse=True)[1].astype(np.int64)
    cells = [
        _cell(trained, lost[lost["_cell"] == number], table, np.flatnonzero(row_cell == index))
        for index, number in enumerate(np.unique(trained["_cell"]))
    ]
    runs_of = pd.Series(row_cell).groupby(table.trunk).nunique()
    return Group(
        family=family,
        parametrization=kind,
        frame=trained.drop(columns=["_diverged", "_cell", "_setting", "_other"]),
        table=table,
        cells=cells,
        row_label=np.asarray(labels, dtype=np.int64),
        row_cell=row_cell,
        shared=bool((runs_of > 1).any()),
    )


def _cell(frame: pd.DataFrame, lost: pd.DataFrame, table: Table, rows: IntArray) -> Cell:
    own = frame.iloc[rows]
    members: dict[str, IntArray] = {}
    unstable = []
    known = {v for v in [*own["_setting"], *lost["_setting"]] if isinstance(v, str)}
    for value in sorted(known, key=float):
        sound: list[IntArray] = []
        broken: list[Unstable] = []
        here, gone = own["_setting"] == value, lost[lost["_setting"] == value]
        for other in sorted({*own[here]["_other"], *gone["_other"]}):
            inside = rows[(here & (own["_other"] == other)).to_numpy()]
            noted = numbers(gone.loc[gone["_other"] == other, "loss"])
            if not len(noted):
                sound.append(inside)
                continue
            # A run may have passed this budget before it diverged.
            reached = np.append(np.exp(table.log_loss[inside]), noted[noted > 0])
            many = int((~(noted > 0)).sum())
            broken.append(Unstable(float(np.log(float(value))), many, reached))
        if sound:
            members[value] = min(sound, key=lambda r: table.log_loss[r].mean())
        else:
            unstable.append(max(broken, key=lambda b: len(b.losses)))
    log_c = float(table.log_c[rows].mean())
    budgets = own["budget"].dropna()
    stated = stated_budget(float(budgets.iloc[0]), float(np.exp(log_c))) if len(budgets) else None
    return Cell(
        log_n=float(table.log_n[rows].mean()),
        log_d=float(table.log_d[rows].mean()),
        log_c=log_c,
        budget=stated,
        width=_number(own, "width"),
        depth=_number(own, "depth"),
        log_setting=np.log(np.array([float(v) for v in members])),
        log_loss=np.array([table.log_loss[r].mean() for r in members.values()]),
        members=list(members.values()),
        unstable=unstable,
        loss_zero=_number(pd.concat([own, lost]), "loss_zero"),
    )


def _number(rows: pd.DataFrame, column: str) -> float | None:
    """The median of a column that is one number in a cell; None without."""
    if column not in rows:
        return None
    found = numbers(rows[column]).dropna()
    return float(found.median()) if len(found) else None
