"""What a forecast says of metrics beside the loss, for the known columns that a table has."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ditlaw.equations.metrics import (
    direct_at,
    fit_direct,
    fit_through_loss,
    rank_correlation,
    through_loss_at,
)
from ditlaw.equations.mixture import Mixture
from ditlaw.errors import DitlawError
from ditlaw.laws import Law
from ditlaw.results import Note, Quantity

# Columns that are forecast without being asked for, where a table has them.
METRICS = (
    "frechet",
    "fid",
    "kid",
    "attribute_error",
    "vlb",
    "nll",
    "train_loss",
    "loss_unconditional",
    "loss_out_of_domain",
    "geneval",
)
WEAK = 0.7  # rank correlation of loss and metric below which one says little about the other


@dataclass(frozen=True)
class MetricForecasts:
    """Metrics of one new run at the best size of a budget, by each of the two ways."""

    direct: dict[str, Quantity] = field(default_factory=dict)
    through_loss: dict[str, Quantity] = field(default_factory=dict)
    warnings: list[Note] = field(default_factory=list)


def forecast_metrics(law: Law, flops: float) -> MetricForecasts:
    """Both forecasts of every known metric that enough rows have; a note says why one is missing.

    A law whose own metric is not the loss has no metrics beside it.
    """
    return forecast_metrics_at(law, [flops])[0]


def forecast_metrics_at(law: Law, budgets: Sequence[float]) -> list[MetricForecasts]:
    """``forecast_metrics`` of several budgets; each equation is fitted once for all of them."""
    found = [MetricForecasts() for _ in budgets]
    if law.metric != "loss":
        return found
    frame = law.observations.frame
    for name in METRICS:
        if name not in frame or not np.isfinite(_numbers(frame[name])).any():
            continue
        correlation = rank_correlation(law, name)
        if not abs(correlation) >= WEAK:
            note = Note(
                code="loss-metric-disagree",
                text=f"{name} and loss rank the runs differently (rank correlation "
                f"{correlation:.2f}): the forecast through the loss says little about it.",
            )
            for one in found:
                one.warnings.append(note)
        _answer(law, name, budgets, found, [one.direct for one in found], fit_direct, direct_at)
        through = [one.through_loss for one in found]
        _answer(law, name, budgets, found, through, fit_through_loss, through_loss_at)
    return found


def _answer(
    law: Law,
    name: str,
    budgets: Sequence[float],
    found: list[MetricForecasts],
    answers: list[dict[str, Quantity]],
    fitted: Callable[[Law, str], Mixture],
    ask: Callable[[Mixture, Law, float], Quantity],
) -> None:
    """Put one way's answers for one metric where they belong, or the note that says why not."""
    try:
        mixture = fitted(law, name)
    except DitlawError as error:
        for one in found:
            one.warnings.append(Note(code="no-metric-forecast", text=f"{error}."))
        return
    for flops, one, answer in zip(budgets, found, answers, strict=True):
        try:
            answer[name] = ask(mixture, law, flops)
        except DitlawError as error:
            one.warnings.append(Note(code="no-metric-forecast", text=f"{error}."))


def _numbers(column: "pd.Series[float]") -> "pd.Series[float]":
    return pd.to_numeric(column, errors="coerce").astype(float)
