"""What a forecast says of metrics beside the loss, for the known columns that a table has."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ditlaw.equations.metrics import forecast_direct, forecast_through_loss, rank_correlation
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
    found = MetricForecasts()
    if law.metric != "loss":
        return found
    frame = law.observations.frame
    for name in METRICS:
        if name not in frame or not np.isfinite(_numbers(frame[name])).any():
            continue
        correlation = rank_correlation(law, name)
        if not abs(correlation) >= WEAK:
            found.warnings.append(
                Note(
                    code="loss-metric-disagree",
                    text=f"{name} and loss rank the runs differently (rank correlation "
                    f"{correlation:.2f}): the forecast through the loss says little about it.",
                )
            )
        ways = ((found.direct, forecast_direct), (found.through_loss, forecast_through_loss))
        for answers, way in ways:
            try:
                answers[name] = way(law, name, flops)
            except DitlawError as error:
                found.warnings.append(Note(code="no-metric-forecast", text=f"{error}."))
    return found


def _numbers(column: "pd.Series[float]") -> "pd.Series[float]":
    return pd.to_numeric(column, errors="coerce").astype(float)
