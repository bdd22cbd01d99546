"""An equation before it is fitted, and the observations that it is fitted to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from string import Formatter

import numpy as np

from ditlaw.equations.curves import Curve
from ditlaw.laws.noise import Noise
from ditlaw.laws.table import FloatArray, IntArray
from ditlaw.results import Dropped, Note

SYMBOLS = {
    "params": "N",
    "tokens": "D",
    "flops": "C",
    "loss": "L",
    "epochs": "epochs",
    "flops_per_token": "M",
}
Natural = Callable[[FloatArray, FloatArray], dict[str, FloatArray]]


@dataclass(frozen=True)
class Form:
    """One equation: its columns, its parameters, and the curve that least squares is done with.

    ``template`` has ``{y}``, ``{x}`` (the symbol of the first column) and a field a parameter.
    ``natural`` turns θ (r, p) and the centres of the columns' logs (k,) into printed parameters.
    """

    name: str
    purpose: str
    template: str
    columns: tuple[str, ...]
    curve: Curve
    natural: Natural
    source: str
    score: bool = False  # y lies between 0 and 1, and errors are even in its log odds
    uncentred: tuple[str, ...] = ()

    def link(self, y: FloatArray) -> FloatArray:
        """Ln y, or the log odds of a score."""
        return np.asarray(np.log(y) - np.log1p(-y) if self.score else np.log(y))

    def unlink(self, value: FloatArray) -> FloatArray:
        """Back from ``link``."""
        if self.score:
            return np.asarray(np.exp(-np.logaddexp(0.0, -value)))
        with np.errstate(over="ignore"):  # an infinite answer is refused where it is given
            return np.asarray(np.exp(value))

    def centre(self, x: FloatArray) -> FloatArray:
        """Means of the columns' logs (k,); 0 for a column that is not centred."""
        kept = np.array([column not in self.uncentred for column in self.columns], dtype=float)
        return np.asarray(kept * x.mean(axis=1))

    def equation(self, target: str, values: Mapping[str, str] | None = None) -> str:
        """The formula with the parameters' names, or with what they are."""
        names = _fields(self.template)
        shown = values or {name: name for name in names}
        y = SYMBOLS.get(target, target)
        written = self.template.format(y=y, x=SYMBOLS[self.columns[0]], **shown)
        return written.replace("(−-", "(")  # minus a negative exponent


@dataclass(frozen=True)
class Sample:
    """n observations of one equation: logs of k columns, and y as it is.

    ``noise`` is the scatter of one of them where it is known from elsewhere (seed replicates, or
    the parabolas that they are the minima of); otherwise the residuals tell.
    """

    source: str
    target: str
    x: FloatArray
    y: FloatArray
    trunk: IntArray
    noise: Noise | None = None
    log_c: FloatArray | None = None  # ln FLOPs (n,), where ``noise`` changes with them
    dropped: list[Dropped] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


def _fields(template: str) -> list[str]:
    found = (name for _, name, _, _ in Formatter().parse(template) if name)
    return [name for name in dict.fromkeys(found) if name not in ("y", "x")]
