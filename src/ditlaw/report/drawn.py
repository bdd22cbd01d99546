"""The numbers that figures draw, of the page and of a paper alike."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ditlaw.errors import DitlawError
from ditlaw.laws.answers import Curve
from ditlaw.laws.ensemble import Band
from ditlaw.laws.settings import WORSE
from ditlaw.laws.table import FloatArray
from ditlaw.metric_laws import MetricLaws
from ditlaw.observations.metric_names import whole
from ditlaw.report.material import Material
from ditlaw.report.spans import Span


def span_of(material: Material) -> Span:
    """The fitted FLOPs, and a grid that reaches the target and every check."""
    ends = [material.target, *(c.forecast.flops for c in material.checks)]
    return Span.reaching(material.fit.range.flops[0], material.law.largest_flops, ends)


def law_curve(material: Material) -> Curve:
    """The law from a little below the fitted range to a little beyond what was asked of it."""
    return material.law.curve(span_of(material).flops)


def optima(material: Material) -> tuple[FloatArray, dict[str, Band]]:
    """FLOPs, and the params, tokens and loss of the usable budgets' minima."""
    used = [b for b in material.fit.budgets if b.params_opt and b.loss_opt]
    flops = np.array([b.flops for b in used])

    def stacked(quantities: list[Any]) -> Band:
        columns = [[getattr(q, end) for q in quantities] for end in ("value", "low", "high")]
        return Band(*(np.array(column, float) for column in columns))

    size = stacked([b.params_opt for b in used])
    tokens = material.law.fitted.ensemble.tokens(size, np.log(flops))
    return flops, {"params": size, "tokens": tokens, "loss": stacked([b.loss_opt for b in used])}


def left_out_rows(material: Material) -> pd.DataFrame:
    """Rows that the fit left out, where they are known and can be drawn; ``why`` says why."""
    frame, metric = material.left_out, material.law.metric
    if "why" in frame:  # other settings have a figure of their own
        frame = frame[~frame["why"].astype(str).str.startswith(WORSE)]
    if not {"params", "tokens", "flops", metric} <= set(frame.columns):
        return frame.iloc[:0].assign(params=[], **{metric: []})
    numbers = frame[["params", "tokens", "flops", metric]].to_numpy(float)
    return frame.iloc[np.flatnonzero((np.isfinite(numbers) & (numbers > 0)).all(axis=1))]


@dataclass(frozen=True)
class MetricCurve:
    """A metric's law over FLOPs (m,), through the best of budgets (k,)."""

    name: str
    flops: FloatArray
    law: Band
    at: FloatArray
    best: FloatArray


def metric_curves(found: MetricLaws, metric: str, span: Span) -> Iterator[MetricCurve]:
    """A metric and the same at each setting of its sampler; what has no law here is left out.

    Over the whole span, else over what was fitted of it.
    """
    inside = span.flops[(span.flops >= span.low) & (span.flops <= span.high)]
    for name, fitted in found.fitted.items():
        if whole(name) != metric or not fitted.entry.basis:
            continue
        for flops in (span.flops, inside):
            try:
                law = fitted.curve(flops)
            except DitlawError:  # out of reach: the fitted range alone
                continue
            if law is not None:
                yield MetricCurve(name, flops, law, *fitted.points())
            break
