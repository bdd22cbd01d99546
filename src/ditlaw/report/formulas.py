"""The equation that stands under a figure: its form, and its numbers with intervals."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from ditlaw import text
from ditlaw.aspect.fit import ShapeFit
from ditlaw.laws.answers import IsoflopCurve
from ditlaw.laws.ensemble import of_draws
from ditlaw.metric_laws import MetricLaws
from ditlaw.observations.metric_names import whole
from ditlaw.report.material import Material
from ditlaw.results import BudgetOptimum, FitResult, LossLaw, PowerLaw, Quantity, SettingPower
from ditlaw.tuning import words as rate_words

LOSS = Markup("L = E + k·C<sup>−c</sup>")


@dataclass(frozen=True)
class Formula:
    """``form`` in symbols, ``terms`` such as ``k = 2 [1, 3]``, and what else must be known."""

    form: str
    terms: list[str]
    remark: str = ""


def law_formulas(material: Material) -> dict[str, list[Formula]]:
    """By the figures of the laws."""
    fit = material.fit
    known = f"{fit.level:.0%} intervals; C in training FLOPs"
    size, tokens = Markup("N* = k·C<sup>a</sup>"), Markup("D* = k·C<sup>b</sup>")
    return {
        "isoflop": _of_sizes(material),
        "loss": [loss_formula(LOSS, fit.loss, known)],
        "params": [_power(size, "a", fit.params, f"{known}, N in params")],
        "tokens": [_power(tokens, "b", fit.tokens, f"{known}, D in tokens")],
    }


def loss_formula(form: str, law: LossLaw, remark: str) -> Formula:
    """A law with a floor."""
    found = (("E", law.floor), ("k", law.coefficient), ("c", law.exponent))
    return Formula(form, [_term(*pair) for pair in found], remark)


def metric_formulas(found: MetricLaws, drawn: str) -> list[Formula]:
    """The laws of a metric and of its settings that are drawn."""
    formulas = []
    for name, fitted in found.fitted.items():
        entry = fitted.entry
        if whole(name) != drawn or entry.equation is None or entry.range is None:
            continue
        known = f"over {' to '.join(text.flops(end) for end in entry.range)} FLOPs"
        if fitted.law is not None:
            form = Markup("{} = E + k·C<sup>−c</sup>").format(name)
            known = f"{fitted.law.level:.0%} intervals, fitted {known}"
            formulas.append(loss_formula(form, fitted.law.result().loss, known))
        else:
            exponent = text.with_interval(entry.exponent, text.number)
            formulas.append(
                Formula(f"{name} = {entry.equation}", [f"mean exponent {exponent}"], known)
            )
    return formulas


def swept_formula(law: SettingPower, setting: str, level: float) -> Formula:
    """The law of the best learning rate or batch."""
    form, *terms = rate_words.equation(law, setting).split("; ")
    return Formula(form, [f"{term};" for term in terms[:-1]] + terms[-1:], f"{level:.0%} intervals")


def shape_formula(fit: ShapeFit, level: float) -> Formula:
    """The valley in width/depth at the largest budget, as ``ShapeFit.valley`` has it."""
    first, second, third = fit.valley()
    terms = [("g", of_draws(first[:, -1], level)), ("h", of_draws(second[:, -1], level))]
    cubic = ""
    if fit.leans:
        terms.append(("j", of_draws(third[:, -1], level)))
        cubic = " + j·y³"
    budget = text.flops(float(np.exp(fit.design.log_c[-1])))
    middle = text.number(float(np.exp(fit.design.middle)))
    return Formula(
        f"ln(L ÷ best) = g·y + h·y²{cubic} − its least",
        [_term(*pair) for pair in terms],
        f"at {budget} FLOPs, {level:.0%} intervals; y = ln(width/depth ÷ {middle})",
    )


def _of_sizes(material: Material) -> list[Formula]:
    """The parabola of each budget, or the surface where there are no budgets."""
    fit = material.fit
    drawn = [curve for curve in material.law.isoflops() if curve.coefficients is not None]
    if not drawn:
        return [] if fit.surface is None else [_surface(fit)]
    return [
        _parabola(curve, min(fit.budgets, key=lambda b: abs(np.log(b.flops / curve.flops))))
        for curve in drawn
    ]


def _parabola(curve: IsoflopCurve, budget: BudgetOptimum) -> Formula:
    assert curve.coefficients is not None
    a, b, c = curve.coefficients
    least = budget.params_opt
    return Formula(
        f"{text.flops(curve.budget)} FLOPs: ln L = {text.loss(a)} {_plus(b)}·u {_plus(c)}·u²",
        ["no minimum inside the sizes" if least is None else f"N* = {text.with_interval(least)}"],
        f"u = ln(N ÷ {text.count(float(np.exp(curve.centre)))})",
    )


def _plus(value: float) -> str:
    return f"{'−' if value < 0 else '+'} {abs(value):.3g}"


def _surface(fit: FitResult) -> Formula:
    assert fit.surface is not None
    s = fit.surface
    found = (("E", s.E), ("A", s.A), ("B", s.B), ("α", s.alpha), ("β", s.beta))
    form = Markup("L = E + A/N<sup>α</sup> + B/D<sup>β</sup>")
    known = f"{fit.level:.0%} intervals; N in params, D in tokens"
    return Formula(form, [_term(*pair) for pair in found], known)


def _power(form: str, exponent: str, law: PowerLaw, remark: str) -> Formula:
    terms = [_term("k", law.coefficient), _term(exponent, law.exponent)]
    return Formula(form, terms, remark)


def _term(symbol: str, quantity: Quantity) -> str:
    return f"{symbol} = {text.with_interval(quantity, text.number)}"
