"""An equation once it is fitted: its numbers, predictions and intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from scipy.special import ndtri

from ditlaw import text
from ditlaw.equations.base import Form, Sample
from ditlaw.errors import BadInput, Refused
from ditlaw.laws import Band
from ditlaw.laws.noise import Noise
from ditlaw.laws.table import FloatArray
from ditlaw.results import FormResult, Note, Quantity, Rows


@dataclass(frozen=True, repr=False)
class FittedForm:
    """An equation with its parameters; entry 0 of ``theta`` (draws + 1, p) is the estimate.

    Intervals hold run noise and what it leaves open in the parameters. They take the equation to be
    right: that it may bend beyond the data is not in them.
    """

    form: Form
    sample: Sample
    centre: FloatArray
    theta: FloatArray
    sd_draws: FloatArray
    noise: Noise
    residual_sd: float
    failed: int
    level: float
    warnings: list[Note]

    @property
    def parameters(self) -> dict[str, Quantity]:
        """The printed parameters with their intervals.

        Raises:
            Refused: one is too small or large to be a number.
        """
        with np.errstate(all="ignore"):
            found = self.form.natural(self.theta, self.centre)
        return {name: self._quantity(name, values) for name, values in found.items()}

    def predict(self, points: Mapping[str, Any]) -> FloatArray:
        """y (m,) at points: a number or (m,) a column.

        Raises:
            BadInput: a column is missing or not positive.
            Refused: an answer is too small or large to be a number.
        """
        return self._finite(self.form.unlink(self._values(points, self.theta[:1])[0]))

    def draws(self, points: Mapping[str, Any]) -> FloatArray:
        """Equally likely curves through the points, in ln y or log odds: (draws, m).

        Raises:
            BadInput: as ``predict``.
        """
        return self._values(points, self.theta[1:])

    def interval(
        self, points: Mapping[str, Any], level: float | None = None, *, one_run: bool = False
    ) -> Band:
        """y with the equation's own interval, or with that of one new run.

        Raises:
            BadInput, Refused: as ``predict``.
        """
        level = self.level if level is None else level
        if not 0 < level < 1:
            raise BadInput(f"level: {level} is not between 0 and 1; use 0.9 for 90 %")
        drawn = self.draws(points)
        if one_run:
            drawn = drawn + self.run_errors()[:, None]
        centre = self._values(points, self.theta[:1])[0]
        low, high = _ends(drawn, level)
        low, high = np.minimum(low, centre), np.maximum(high, centre)
        return Band(*(self._finite(self.form.unlink(end)) for end in (centre, low, high)))

    def run_errors(self) -> FloatArray:
        """An error of one new run for each draw: (draws,), in ln y or log odds."""
        order = np.random.default_rng(12).permutation(len(self.sd_draws))
        even = (np.arange(len(order)) + 0.5) / len(order)
        return np.asarray(ndtri(even)[order] * self.sd_draws)

    def equation(self) -> str:
        """The equation with its numbers."""
        shown = {name: text.loss(q.value) for name, q in self.parameters.items()}
        return self.form.equation(self.sample.target, shown)

    def range(self) -> dict[str, tuple[float, float]]:
        """[low, high] of each column that was fitted."""
        ends = zip(self.form.columns, self.sample.x, strict=True)
        return {name: (float(np.exp(x.min())), float(np.exp(x.max()))) for name, x in ends}

    def result(self) -> FormResult:
        """What ``ditlaw fit --form`` prints.

        Raises:
            Refused: a parameter is too small or large to be a number.
        """
        return FormResult(
            source=self.sample.source,
            form=self.form.name,
            target=self.sample.target,
            formula=self.form.equation(self.sample.target),
            equation=self.equation(),
            reference=self.form.source,
            level=self.level,
            rows=Rows(used=len(self.sample.y), dropped=self.sample.dropped),
            range=self.range(),
            parameters=self.parameters,
            residual_sd=self.residual_sd,
            run_noise=self.noise.sd,
            failed_refits=self.failed,
            warnings=self.warnings,
        )

    def __str__(self) -> str:
        said = [f"{self.form.name}: {self.equation()}"]
        said += [
            f"  {n} = {text.with_interval(q, text.number)}" for n, q in self.parameters.items()
        ]
        spans = [f"{n} {text.count(a)} to {text.count(b)}" for n, (a, b) in self.range().items()]
        said.append(f"  {len(self.sample.y)} rows, {', '.join(spans)}; scatter {self.scatter()}")
        said += [f"  {note.code}: {note.text}" for note in self.warnings]
        return "\n".join(said)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"

    def scatter(self) -> str:
        """The residuals' deviation in words."""
        unit = "in log odds" if self.form.score else f"of {self.sample.target}"
        value = f"{self.residual_sd:.3g}" if self.form.score else f"{self.residual_sd:.2%}"
        return f"{value} {unit}"

    def _values(self, points: Mapping[str, Any], theta: FloatArray) -> FloatArray:
        columns = []
        for name in self.form.columns:
            if name not in points:
                raise BadInput(
                    f"{self.form.name}: a point needs {', '.join(self.form.columns)}; "
                    f"'{name}' is missing"
                )
            values = np.atleast_1d(np.asarray(points[name], dtype=float))
            if not np.all(np.isfinite(values) & (values > 0)):
                raise BadInput(f"{name}: {points[name]} is not a positive number")
            if name == "epochs":  # less than the data once is all of it new
                values = np.maximum(values, 1.0)
            columns.append(np.log(values))
        x = np.stack(np.broadcast_arrays(*columns)) - self.centre[:, None]
        with np.errstate(all="ignore"):
            return self.form.curve.value(theta, x)

    def _quantity(self, name: str, values: FloatArray) -> Quantity:
        low, high = (float(end) for end in _ends(values[1:], self.level))
        ends = [float(v) for v in (min(low, values[0]), values[0], max(high, values[0]))]
        if not np.isfinite(ends[1]):
            raise Refused(
                f"{self.sample.source}: {self.form.name}: {name} is too small or large to be a "
                "number; these rows do not determine it"
            )
        known = [end if np.isfinite(end) else None for end in ends]
        return Quantity(value=ends[1], low=known[0], high=known[2], level=self.level)

    def _finite(self, values: FloatArray) -> FloatArray:
        if not np.all(np.isfinite(values)):
            raise Refused(
                f"{self.sample.source}: the answer is too small or large to be a number; "
                "ask nearer to what was fitted"
            )
        return values


def _ends(draws: FloatArray, level: float) -> FloatArray:
    """Quantiles along axis 0, of draws that may be infinite."""
    at = [(1 - level) / 2, (1 + level) / 2]
    if np.all(np.isfinite(draws)):
        return np.asarray(np.quantile(draws, at, axis=0))
    known = np.where(np.isnan(draws), np.inf, draws)
    return np.asarray(np.quantile(known, at, axis=0, method="nearest"))
