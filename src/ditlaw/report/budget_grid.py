"""What every budget buys, from the smallest fitted one to beyond the target: the slider's numbers.

Each number is what ``ditlaw forecast`` says at that budget; the page interpolates between them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ditlaw import text
from ditlaw.forecasting.metrics import MetricForecasts, forecast_metrics_at
from ditlaw.report.material import Material
from ditlaw.results import Quantity, scaled

POINTS = 24  # of the grid; between two of them a law is all but straight in logarithms
STEPS = 240  # of the slider
FURTHER = 3.0  # times the target, or the largest fitted budget: where the slider ends
SAME = 1.001  # a frozen answer nearer than this to today's law's is the same


@dataclass(frozen=True)
class Bought:
    """One quantity at every budget of the grid; ``form`` names how a number of it is written."""

    name: str
    label: str
    form: str
    at: list[Quantity | None]

    @property
    def written(self) -> Callable[[float], str]:
        """The function that writes a number of it."""
        return FORMS[self.form]

    @property
    def is_metric(self) -> bool:
        """Whether it is a metric beside the law's own."""
        return self.name.startswith("metric:")


# As formats.js writes them too.
FORMS: dict[str, Callable[[float], str]] = {
    "count": text.count,
    "loss": text.loss,
    "hours": text.hours,
}


@dataclass(frozen=True)
class Mark:
    """A budget that the slider stops at, and its name."""

    name: str
    flops: float


@dataclass(frozen=True)
class BudgetGrid:
    """Budgets, rising, and what they buy; ``marks`` and a table's ``handful`` are among them."""

    material: Material
    flops: list[float]
    marks: list[Mark]
    handful: list[float]

    @cached_property
    def bought(self) -> list[Bought]:
        """Params, images where known, tokens, loss, hours, then every metric."""
        law, level = self.material.law, self.material.law.level
        curve = law.curve(self.flops)

        def quantities(band: Any) -> list[Quantity]:
            ends = zip(band.value, band.low, band.high, strict=True)
            return [Quantity(value=v, low=a, high=b, level=level) for v, a, b in ends]

        params, tokens = quantities(curve.params), quantities(curve.tokens)
        each, hours = law.observations.tokens_per_image(), law.observations.hours
        found = [Bought("params", "best params N*", "count", list(params))]
        if each:
            images: list[Quantity | None] = [scaled(q, 1 / each) for q in tokens]
            found.append(Bought("images", "images", "count", images))
        found.append(Bought("tokens", "tokens D*", "count", list(tokens)))
        loss = f"{law.metric} of one new run"
        found.append(Bought("loss", loss, "loss", list(quantities(curve.run))))
        spent = [hours.band(n, c) for n, c in zip(params, self.flops, strict=True)]
        found.append(Bought("hours", f"time on one {hours.hardware.gpu}", "hours", list(spent)))
        return [*found, *self._metrics()]

    def _metrics(self) -> list[Bought]:
        """By their own laws, else through the loss."""
        answers = forecast_metrics_at(self.material.law, self.flops)
        names = dict.fromkeys(n for a in answers for n in [*a.direct, *a.through_loss])
        return [
            Bought(f"metric:{name}", name, "loss", [_metric(a, name) for a in answers])
            for name in names
        ]

    @property
    def steps(self) -> int:
        """Places that the slider can stand at, less one."""
        return STEPS

    @property
    def fitted_share(self) -> float:
        """How far along the slider the fitted budgets reach, from 0 to 1."""
        low, high = np.log(self.flops[0]), np.log(self.flops[-1])
        return float((np.log(self.material.law.largest_flops) - low) / (high - low))

    def data(self) -> dict[str, Any]:
        """What slider.js reads."""
        return {
            "flops": self.flops,
            "smallest": self.marks[0].flops,
            "gpu": self.material.law.observations.hours.hardware.gpu,
            "largest": self.material.law.largest_flops,
            "tested": text.tested(self.material.law.tested_beyond),
            "marks": [mark.flops for mark in self.marks],
            "metric": self.material.law.metric,
            "rows": [
                {
                    "name": row.name,
                    "form": row.form,
                    "value": [None if q is None else q.value for q in row.at],
                    "low": [None if q is None else q.low for q in row.at],
                    "high": [None if q is None else q.high for q in row.at],
                }
                for row in self.bought
            ],
        }

    @property
    def changed(self) -> str | None:
        """What a frozen answer said otherwise than today's law, in a sentence; None if nothing."""
        check, target = self.material.check, self.material.target
        if check is None or check.forecast.params is None:
            return None
        then, now = check.forecast.params.value, self.material.law.curve(target).params.value[0]
        if 1 / SAME < now / then < SAME:
            return None
        return (
            f"These numbers are of today's rows; those of the answer above were frozen "
            f"{check.frozen_at.partition('T')[0]}, when the best size was {text.count(then)}."
        )


def _metric(found: MetricForecasts, name: str) -> Quantity | None:
    return found.direct.get(name) or found.through_loss.get(name)


def budget_grid(material: Material) -> BudgetGrid:
    """The grid of a law: evenly spaced in ln C, with its marks and the rows of its table."""
    low = min((b.flops for b in material.fit.budgets), default=material.fit.range.flops[0])
    low, high = float(f"{low:.3g}"), material.law.largest_flops
    last = float(f"{FURTHER * max(material.target, high):.2g}")
    between = [float(f"{np.sqrt(low * high):.2g}")] if high > 1.5 * low else []
    checked = [check.forecast.flops for check in material.checks]
    handful = sorted({low, *between, high, *checked, material.target, last})
    even = [float(f"{c:.4g}") for c in np.geomspace(handful[0], last, POINTS)]
    marks = [Mark("smallest fitted", low), Mark("largest fitted", high)]
    marks.append(Mark("target", material.target))
    return BudgetGrid(material, sorted({*even, *handful}), marks, handful)
