"""What all answers are made of: an estimate with its interval, a warning, a row left out."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Check",
    "CheckState",
    "Dropped",
    "MfuSource",
    "Note",
    "Quantity",
    "Result",
    "flat",
    "known",
    "scaled",
]


class Result(BaseModel):
    """Base: fields are fixed once made, and no undeclared field is printed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __str__(self) -> str:
        from ditlaw.display import result_text

        return result_text(self) or super().__str__()

    def __repr__(self) -> str:
        from ditlaw.display import result_text

        return result_text(self) or super().__repr__()

    def _repr_html_(self) -> str | None:
        """What a notebook shows: the tables of the command line; None for a part of an answer."""
        from ditlaw.display import result_html

        return result_html(self)

    def to_frame(self) -> "pd.DataFrame":
        """The answer as a table: a row, or one for each run, budget or pair that it is of.

        An estimate ``x`` has its bounds in ``x_low`` and ``x_high``, NaN where there is none.
        """
        import pandas as pd

        return pd.DataFrame(self._rows())

    def _rows(self) -> Sequence[dict[str, Any]]:
        return [flat(self)]


def flat(answer: Result) -> dict[str, Any]:
    """The numbers and words of an answer by name, a quantity as three; what is deeper is left out.

    Quantities by name, as a forecast's metrics, are columns of these names: the first of a name.
    """
    row: dict[str, Any] = {}
    for name in type(answer).model_fields:
        value = getattr(answer, name)
        for key, inner in value.items() if isinstance(value, dict) else [(name, value)]:
            if isinstance(inner, Quantity) and key not in row:
                low, high = (math.nan if end is None else end for end in (inner.low, inner.high))
                row |= {key: inner.value, f"{key}_low": low, f"{key}_high": high}
            elif inner is value and isinstance(inner, str | int | float):
                row[key] = inner
    return row


class Quantity(Result):
    """An estimate with an interval; a bound is null where no honest one exists."""

    value: float
    low: float | None
    high: float | None
    level: float

    def half_width(self) -> float:
        """Of the interval, relative to the value; infinite where a bound is null."""
        if self.low is None or self.high is None:
            return math.inf
        return (self.high - self.low) / 2 / self.value


def scaled(quantity: Quantity, factor: float) -> Quantity:
    """The quantity in another unit: value and bounds times a positive factor."""
    return Quantity(
        value=quantity.value * factor,
        low=None if quantity.low is None else quantity.low * factor,
        high=None if quantity.high is None else quantity.high * factor,
        level=quantity.level,
    )


def known(quantity: Quantity | None) -> Quantity:
    """The quantity of a forecast from a fitted law, which always has one."""
    assert quantity is not None
    return quantity


class Note(Result):
    """A warning with a stable code."""

    code: str
    text: str


MfuSource = Literal["stated", "measured", "assumed"]
CheckState = Literal["met", "not met", "unknown"]


class Check(Result):
    """One item of a checklist: whether it holds, as far as rows tell, and what they tell of it."""

    item: str
    state: CheckState
    text: str


class Dropped(Result):
    """A row that was not used, and why. ``row`` counts from 1, the header left out."""

    row: int
    reason: str
