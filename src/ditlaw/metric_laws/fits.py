"""One metric's own law: its best over sizes at each budget, or a power law where rows are few."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ditlaw import laws, text
from ditlaw.equations import FittedForm, fit_form
from ditlaw.errors import DitlawError
from ditlaw.laws import Band, Law
from ditlaw.laws.ensemble import of_draws
from ditlaw.laws.table import FloatArray
from ditlaw.observations import Observations
from ditlaw.results import MetricLaw, Quantity
from ditlaw.tablefile import numbers


@dataclass(frozen=True)
class FittedMetric:
    """A metric's law or equation, whichever the rows allowed, and what is printed of it."""

    entry: MetricLaw
    law: Law | None = None
    form: FittedForm | None = None

    def curve(self, flops: FloatArray) -> Band | None:
        """The metric and its interval at FLOPs (m,); None without a law.

        Raises:
            Refused: out of reach of what was fitted.
        """
        if self.law is not None:
            return self.law.curve(flops).loss
        return None if self.form is None else self.form.interval({"flops": flops})

    def points(self) -> tuple[FloatArray, FloatArray]:
        """FLOPs and values that it goes through: budgets' minima, or the runs of an equation."""
        if self.form is not None:
            return np.exp(self.form.sample.x[0]), self.form.sample.y
        curves = [] if self.law is None else self.law.isoflops()
        found = [(c.flops, c.loss_opt) for c in curves if c.loss_opt is not None]
        at = np.array(found, dtype=float).reshape(-1, 2)
        return at[:, 0], at[:, 1]


def fit_metric(observations: Observations, name: str, level: float, seed: int) -> FittedMetric:
    """Fit one column; what is refused says why in a line."""
    source, rows = observations.source, int(numbers(observations.frame[name]).notna().sum())
    try:
        law = laws.fit(observations, metric=name, level=level, seed=seed)
        return FittedMetric(_of_law(law, rows), law=law)
    except DitlawError as error:
        reason = _short(error, source)
    try:
        form = fit_form(_best_runs(observations, name), "power", metric=name, level=level)
        return FittedMetric(_of_form(form, name, rows, reason), form=form)
    except DitlawError as error:
        also = _short(error, source)
    return FittedMetric(
        MetricLaw(
            name=name,
            rows=rows,
            basis=None,
            equation=None,
            range=None,
            exponent=None,
            at_largest=None,
            best_params=None,
            reason=reason if also == reason else f"{reason}; {also}",
        )
    )


def fitted_range(law: Law) -> tuple[float, float]:
    """FLOPs of the smallest and largest usable budgets; of all rows where there is none."""
    usable = [c.flops for c in law.isoflops() if c.params_opt is not None]
    flops = usable or np.exp(law.table.log_c).tolist()
    return min(flops), max(flops)


def _of_law(law: Law, rows: int) -> MetricLaw:
    result, (low, high) = law.result(), fitted_range(law)
    value = np.log(law.curve([low, high]).loss.value)
    drawn = np.vstack([value, law.loss_draws([low, high])])
    exponent = (drawn[:, 0] - drawn[:, 1]) / np.log(high / low)
    terms = (result.loss.floor, result.loss.coefficient, result.loss.exponent)
    floor, coefficient, power = (text.number(term.value) for term in terms)
    return MetricLaw(
        name=law.metric,
        rows=rows,
        basis="law",
        equation=f"{floor} + {coefficient}·C^(−{power})".replace("(−-", "("),
        range=(low, high),
        exponent=of_draws(exponent, law.level),
        at_largest=law.curve([high]).loss.quantity(law.level),
        best_params=law.optimum(high).params,
        reason=None,
    )


def _of_form(form: FittedForm, name: str, rows: int, reason: str) -> MetricLaw:
    low, high = form.range()["flops"]
    at = form.interval({"flops": [high]})
    return MetricLaw(
        name=name,
        rows=rows,
        basis="equation",
        equation=form.equation().partition(" = ")[2],
        range=(low, high),
        exponent=form.parameters["c"],
        at_largest=Quantity(
            value=float(at.value[0]),
            low=float(at.low[0]),
            high=float(at.high[0]),
            level=form.level,
        ),
        best_params=None,
        reason=reason,
    )


def _best_runs(observations: Observations, name: str) -> Observations:
    """The run of least loss at each budget, among those that have the metric."""
    frame = observations.frame
    usable = frame[numbers(frame[name]).notna() & frame["budget"].notna()]
    best = usable.sort_values("loss", kind="stable").drop_duplicates("budget").index
    kept = pd.Series(frame.index.isin(best), index=frame.index)
    return observations.keep(kept, f"not the least loss of a budget that has {name}")


def _short(error: DitlawError, source: str) -> str:
    return str(error).removeprefix(f"{source}: ")
