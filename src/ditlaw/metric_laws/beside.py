"""How a metric stands to the loss: exponents, offset, ranks."""

import numpy as np

from ditlaw.errors import Refused
from ditlaw.laws import Law
from ditlaw.laws.ensemble import of_draws
from ditlaw.metric_laws.columns import log_ratio, values_of
from ditlaw.metric_laws.paired import paired
from ditlaw.metric_laws.ranks import rank_correlation
from ditlaw.observations import Observations
from ditlaw.observations.metric_names import BESIDE
from ditlaw.results import MetricLaw, Offset, Quantity, RankCorrelation
from ditlaw.tablefile import numbers


def beside_loss(
    entry: MetricLaw, observations: Observations, loss: Law | None, level: float
) -> MetricLaw:
    """The entry with what the rows say of metric and loss together."""
    if entry.name == "loss":
        return entry
    found: dict[str, object] = {"rank": rank_of(observations, entry.name, level)}
    if loss is not None:
        difference = exponent_difference(loss, entry.name, "loss", level)
        if difference is not None:
            found |= {"exponent_difference": difference, "parallel": holds_zero(difference)}
        found["offset"] = offset_of(loss, entry.name, level)
    return entry.model_copy(update=found)


def exponent_difference(law: Law, name: str, other: str, level: float) -> Quantity | None:
    """Exponent −d ln/d ln C of a column minus another's, at the best sizes; None if too few rows.

    Exponents are means between the smallest and largest budgets that have both.
    """
    try:
        found = paired(law, log_ratio(law, other, name), name)
    except Refused:
        return None
    return found.slope(level)


def offset_of(law: Law, name: str, level: float) -> Offset | None:
    """The column minus the one in its unit, at the best sizes; None where there is none."""
    beside = BESIDE.get(name)
    if beside is None or beside not in law.observations.frame:
        return None
    try:
        found = paired(law, values_of(law, name) - values_of(law, beside), name)
    except Refused:
        return None
    change = found.change(level)
    return Offset(
        beside=beside,
        at_smallest=of_draws(found.smallest, level),
        at_largest=of_draws(found.largest, level),
        change=change,
        constant=holds_zero(change),
    )


def holds_zero(quantity: Quantity) -> bool:
    """Whether its interval does; an unknown bound is taken to."""
    low, high = quantity.low, quantity.high
    return (low is None or low <= 0) and (high is None or high >= 0)


def rank_of(observations: Observations, name: str, level: float) -> RankCorrelation | None:
    """The rank correlation of the loss with a column; None where too few rows have both."""
    frame = observations.frame
    values = np.asarray(numbers(frame[name]), dtype=float)
    has = np.isfinite(values)
    x, y = frame["loss"].to_numpy(dtype=float)[has], values[has]
    trunk = np.unique(frame["trunk"].astype(str).to_numpy(dtype=str)[has], return_inverse=True)[1]
    overall = rank_correlation(x, y, trunk, np.zeros(len(x), dtype=np.int64), level=level)
    if overall is None:
        return None
    budget = frame["budget"].to_numpy(dtype=float)[has]
    grouped = np.isfinite(budget)
    within = None
    if grouped.any():
        group = np.unique(budget[grouped], return_inverse=True)[1].astype(np.int64)
        within = rank_correlation(x[grouped], y[grouped], trunk[grouped], group, level=level)
    return RankCorrelation(rows=len(x), overall=overall, within_budgets=within)
