"""What an item of the checklist is asked of, and what it answers."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from ditlaw import text
from ditlaw.laws import Law
from ditlaw.laws.isoflop import FEW, OK, Parabola, stated_budget
from ditlaw.laws.table import FloatArray
from ditlaw.results import CheckState, FitResult
from ditlaw.tablefile import numbers


class Seen(NamedTuple):
    """Whether an item holds, what shows it, and what would mend it where it does not."""

    state: CheckState
    text: str
    mend: str | None = None


def untold(*columns: str) -> Seen:
    """What no column of the rows tells."""
    named = " or ".join(f"'{column}'" for column in columns)
    return Seen("unknown", f"no column {named}", f"a column {named}")


@dataclass(frozen=True)
class Found:
    """A law and its result, which every item is asked of."""

    law: Law
    result: FitResult

    @property
    def frame(self) -> pd.DataFrame:
        """The rows that were fitted."""
        return self.law.observations.frame

    @cached_property
    def notes(self) -> dict[str, str]:
        """The fit's warnings: text by code."""
        return {note.code: note.text for note in self.result.warnings}

    @cached_property
    def curves(self) -> list[Parabola]:
        """Every budget's parabola, smallest first."""
        return sorted(self.law.fitted.ensemble.candidates.curves, key=lambda curve: curve.log_c)

    @cached_property
    def usable(self) -> list[Parabola]:
        """Those that have a minimum inside their sizes."""
        return [curve for curve in self.curves if curve.status == OK]

    @cached_property
    def lone(self) -> list[Parabola]:
        """Larger budgets of few sizes, where the joint form is fitted and uses them."""
        if "lone-large-runs" not in self.notes or not self.usable:
            return []
        top = self.usable[-1].log_c
        return [curve for curve in self.curves if curve.status == FEW and curve.log_c > top]

    def tells(self, column: str) -> bool:
        """Whether some row holds a number in a column."""
        return column in self.frame and bool(numbers(self.frame[column]).notna().any())

    def sizes(self, curve: Parabola) -> FloatArray:
        """The ln N that a budget's parabola goes through, each once, rising."""
        return np.unique(self.law.table.log_n[curve.rows])

    def grid(self, curve: Parabola) -> FloatArray:
        """All ln N that were run at a budget, those too far off for its parabola too, rising."""
        table = self.law.table
        return np.unique(table.log_n[table.group == np.searchsorted(table.budgets, curve.budget)])


def name_of(curve: Parabola) -> str:
    """A budget's FLOPs in words."""
    return text.flops(stated_budget(curve.budget, float(np.exp(curve.log_c))))


def some(names: list[str], most: int = 3) -> str:
    """The first few names, and how many more."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
