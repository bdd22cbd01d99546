"""Whether settings agree on a metric's exponent, and whether loss and metrics prefer one model."""

from collections.abc import Mapping

import numpy as np

from ditlaw import text
from ditlaw.forecasting.metrics import WEAK
from ditlaw.laws import Law
from ditlaw.metric_laws.beside import exponent_difference, holds_zero
from ditlaw.metric_laws.fits import FittedMetric, fitted_range
from ditlaw.observations.metric_names import has_settings, whole
from ditlaw.results import Note, Quantity, SettingsVerdict


def settings_verdicts(
    fitted: Mapping[str, FittedMetric], loss: Law | None, level: float
) -> list[SettingsVerdict]:
    """One for each metric that was drawn with several settings."""
    groups: dict[str, list[str]] = {}
    for name in fitted:
        if has_settings(name):
            groups.setdefault(whole(name), []).append(name)
    return [
        _verdict(metric, columns, fitted, loss, level)
        for metric, columns in groups.items()
        if len(columns) > 1
    ]


def _verdict(
    metric: str,
    columns: list[str],
    fitted: Mapping[str, FittedMetric],
    loss: Law | None,
    level: float,
) -> SettingsVerdict:
    # Without a setting that all rows have there is no best over them.
    against = metric if metric in fitted else columns[0]
    others = [name for name in columns if name != against]
    # Each at a higher level, so that all of them hold their truth at the wanted one (Bonferroni).
    each = 1 - (1 - level) / len(others)
    found = {
        name: exponent_difference(loss, name, against, each) for name in others if loss is not None
    }
    differences = {name: quantity for name, quantity in found.items() if quantity is not None}
    of = "that of the best over them" if against == metric else f"that of {against}"
    if not differences:
        why = "no law of the loss says which sizes are best" if loss is None else "too few rows"
        said = (
            f"{metric}: whether its {len(columns)} settings have one exponent is not known: {why}"
        )
        return SettingsVerdict(metric=metric, differences={}, agree=None, text=f"{said}.")
    apart = {name: q for name, q in differences.items() if not holds_zero(q)}
    if apart:
        named = "; ".join(f"{n} {_signed(q)}" for n, q in apart.items())
        exponent = fitted[against].entry.exponent
        scale = f" ({text.number(exponent.value)})" if exponent else ""
        said = f"{metric}: the exponent depends on the setting: against {of}{scale}, {named}"
    else:
        open_to = max(abs(end) for q in differences.values() for end in (q.low, q.high) if end)
        said = (
            f"{metric}: the exponents of its {len(columns)} settings agree within their intervals "
            f"with {of}; a difference of up to {text.number(open_to)} would not have shown"
        )
    return SettingsVerdict(metric=metric, differences=differences, agree=not apart, text=f"{said}.")


def disagreements(fitted: Mapping[str, FittedMetric], loss: Law | None) -> list[Note]:
    """Where loss and a metric disagree about which model is better: by ranks, and by best size."""
    ranks, sizes = [], []
    for name, found in fitted.items():
        rank = found.entry.rank
        if rank is None or (has_settings(name) and whole(name) in fitted):
            continue  # the best over its settings speaks for them
        within, overall = rank.within_budgets, rank.overall
        if overall.low is None or overall.low < WEAK:
            ranks.append(f"{name} {text.with_interval(overall, _two)}")
        elif within is not None and within.high is not None and within.high < WEAK:
            ranks.append(f"{name} {text.with_interval(within, _two)} within a budget")
        size = None if loss is None else _other_size(found, loss)
        if size is not None:
            sizes.append(f"{name} {size}")
    notes = []
    if ranks:
        told = f"loss and metric may rank the runs differently: rank correlation of {_and(ranks)}"
        notes.append(Note(code="loss-metric-disagree", text=f"{told}; under {WEAK:g} is little."))
    if sizes:
        assert loss is not None
        largest = fitted_range(loss)[1]
        best = text.with_interval(loss.optimum(largest).params)
        told = f"at {text.flops(largest)} FLOPs the loss is best at {best} params, {_and(sizes)}"
        notes.append(Note(code="loss-metric-disagree", text=f"{told}."))
    return notes


def _other_size(found: FittedMetric, loss: Law) -> str | None:
    """The metric's best size at the loss's largest budget, where the two intervals do not touch."""
    if found.law is None:
        return None
    largest = fitted_range(loss)[1]
    own, other = found.law.optimum(largest).params, loss.optimum(largest).params
    ends = (own.low, own.high, other.low, other.high)
    assert not any(end is None for end in ends)
    low, high, loss_low, loss_high = (float(end or 0) for end in ends)
    if high >= loss_low and low <= loss_high:
        return None
    sizes = np.exp(found.law.table.log_n)
    if own.value < sizes.min():  # how far below, no row says
        return f"below {text.count(float(sizes.min()))}, the smallest that was run"
    if own.value > sizes.max():
        return f"above {text.count(float(sizes.max()))}, the largest that was run"
    return f"at {text.with_interval(own)}"


def _signed(quantity: Quantity) -> str:
    return text.with_interval(quantity, lambda v: f"{v:+.2g}")


def _two(value: float) -> str:
    return f"{value:.2f}"


def _and(parts: list[str]) -> str:
    return ", ".join(parts)
