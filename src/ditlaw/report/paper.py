"""One paragraph for a paper: design, laws, method, forecast and what checked it, as plain text."""

import numpy as np
import pandas as pd

from ditlaw import __version__, text
from ditlaw.report.material import Material
from ditlaw.results import Quantity, known
from ditlaw.verification import tally


def paragraph(material: Material) -> str:
    """Every number with its interval, each from the fit, the answer or the checks of the page."""
    parts = [
        _design(material),
        _laws(material),
        _method(material),
        _backtests(material),
        _forecast(material),
        _checks(material),
        f"Fitted with ditlaw {__version__}; digest of the rows {_short(material)}.",
    ]
    return " ".join(part for part in parts if part)


def _design(material: Material) -> str:
    fit, frame, study = material.fit, material.law.observations.frame, material.study
    budgets, sizes = fit.budgets, int(frame["params"].nunique())
    low, high = fit.range.params
    said = f"We fitted {fit.rows.used} evaluations of {_models(frame['trunk'].nunique())}"
    family = study.design().label if study else _named(frame)
    if family:
        said += f" of the {family} family"
    said += f" with {sizes} sizes from {text.count(low)} to {text.count(high)} params"
    if budgets:
        first, last = budgets[0].flops, budgets[-1].flops
        said += (
            f", on {len(budgets)} isoFLOP budgets from {text.flops(first)} to {text.flops(last)} "
            "training FLOPs"
        )
    else:
        said += f", from {text.flops(fit.range.flops[0])} to {text.flops(fit.range.flops[1])} FLOPs"
    if "seed" in frame:
        seeds = int(frame["seed"].nunique())
        said += f", {seeds} seed{'s' if seeds > 1 else ''} in all"
    how = "counted exactly" if fit.flops_as == "exact" and study else "as the table states them"
    how = how if fit.flops_as == "exact" else "taken as 6·N·D"
    return f"{said} (FLOPs {how})."


def _named(frame: pd.DataFrame) -> str:
    """The family of a table's rows; a law has one at most."""
    names = list(frame["family"].dropna()) if "family" in frame else []
    return str(names[0]) if names else ""


def _models(trunks: int) -> str:
    return f"{trunks} training run{'s' if trunks > 1 else ''}"


def _laws(material: Material) -> str:
    fit, metric = material.fit, material.law.metric
    used = sum(b.status == "ok" for b in fit.budgets)
    through = f" through the minima of {used} of them" if used and fit.method != "surface" else ""
    return (
        f"With {fit.level:.0%} intervals in brackets, the compute-optimal laws{through} are "
        f"N* = {fit.params.coefficient.value:.3g}·C^a with a = {_number(fit.params.exponent)}, "
        f"D* = {fit.tokens.coefficient.value:.3g}·C^b with b = {_number(fit.tokens.exponent)} and "
        f"{metric} = E + k·C^(−c) with E = {_number(fit.loss.floor)}, "
        f"k = {_number(fit.loss.coefficient)} and c = {_number(fit.loss.exponent)}, "
        "for C in FLOPs, N in params and D in tokens."
    )


def _method(material: Material) -> str:
    fit = material.fit
    forms = [e.form for e in fit.evidence if e.loss_weight >= 0.05]
    mixed = f", a mixture of the {' and '.join(forms)} forms" if len(forms) > 1 else ""
    return (
        f"Intervals are from {material.law.draws} refits with perturbed residuals (method "
        f"{fit.method}{mixed}); one run scatters by {fit.noise.sd.value:.2%} of its "
        f"{material.law.metric} at the largest budget."
    )


def _backtests(material: Material) -> str:
    tests = material.fit.backtest
    if not tests:
        return "No budget could be held out to test the law."
    inside = sum(test.loss_covered for test in tests)
    error = float(np.sqrt(np.mean([test.loss_error**2 for test in tests])))
    return (
        f"Forecasts of held-out budgets from smaller ones, up to {known_beyond(material):.3g}× "
        f"beyond, erred by {error:.2%} (root mean square) of the {material.law.metric}, "
        f"{inside} of {len(tests)} inside their intervals."
    )


def known_beyond(material: Material) -> float:
    """How far the furthest backtest went."""
    return max(test.beyond for test in material.fit.backtest)


def _forecast(material: Material) -> str:
    found, metric = material.answer, material.law.metric
    said = (
        f"At {text.flops(found.flops)} FLOPs, {found.beyond:.3g}× the largest fitted budget, the "
        f"laws forecast N* = {text.with_interval(found.params)} params on "
        f"{text.with_interval(found.tokens)} tokens"
    )
    if found.images:
        said += f" ({text.count(found.images.value)} images)"
    return (
        f"{said} and a {metric} of {text.with_interval(known(found.loss), text.loss)} of one run."
    )


def _checks(material: Material) -> str:
    found = tally(material.checks)
    if found is None:
        return "No run has checked this forecast."
    check = material.check or material.checks[-1]
    losses = ", ".join(text.loss(run.measured.loss) for run in check.runs)
    frozen = f" on {day}" if (day := check.frozen_at.partition("T")[0]) else ""
    return (
        f"The forecast for {text.flops(check.forecast.flops)} FLOPs was frozen{frozen} before its "
        f"runs were trained (digest {check.digest[:12]}); they measured {losses}. Of all checking "
        f"runs {found.inside} of {found.runs} lie inside the interval for their shape."
    )


def _number(quantity: Quantity) -> str:
    return text.with_interval(quantity, text.number)


def _short(material: Material) -> str:
    return material.law.observations.digest()[:12]
