"""A law as the result object of ``ditlaw fit``, and that result in words."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ditlaw import text
from ditlaw.compute import gpu_hours
from ditlaw.errors import Refused
from ditlaw.laws import notes
from ditlaw.laws.ensemble import Band, band, of_draws
from ditlaw.laws.forms import Form, MinimaForm
from ditlaw.laws.isoflop import stated_budget
from ditlaw.laws.losslaws import LossLaws
from ditlaw.laws.scatter import run_noise_of
from ditlaw.laws.surface import Surface
from ditlaw.laws.table import FloatArray
from ditlaw.results import (
    BudgetOptimum,
    DataRange,
    FitResult,
    LossLaw,
    PowerLaw,
    Quantity,
    Rows,
    SurfaceLaw,
    scaled,
)
from ditlaw.study.schema import Hardware

if TYPE_CHECKING:
    from ditlaw.laws.law import Law

AHEAD = float(np.log(10.0))  # power laws of N* and D* are read off from C_max to 10·C_max


def fit_result(law: "Law") -> FitResult:
    """The result object of one law.

    Raises:
        Refused: a coefficient is too small or large to be a number.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        result = _fit_result(law)
    if not _finite(result.model_dump()):
        raise Refused(
            f"{result.source}: a coefficient of these laws is too small or large to be a number; "
            "check the units of params, tokens and flops, and the loss"
        )
    return result


def _finite(content: Any) -> bool:
    """Whether every number in plain data is finite."""
    if isinstance(content, dict):
        return all(_finite(v) for v in content.values())
    if isinstance(content, list | tuple):
        return all(_finite(v) for v in content)
    return not isinstance(content, float) or bool(np.isfinite(content))


def _fit_result(law: "Law") -> FitResult:
    found = law.fitted.ensemble.candidates
    table = law.table
    hardware = _hardware(law)
    loss, without_floor = _loss_laws(law)
    params, tokens = _size_laws(law)
    surface = None if found.surface is None else _surface(found.surface, law.level)
    at = np.array([law.fitted.ensemble.fitted[1]])
    width = law.fitted.ensemble.best_loss(at, law.level, one_run=False)
    return FitResult(
        source=law.observations.source,
        metric=law.metric,
        method=law.method if found.minima is not None else "surface",
        flops_as=law.observations.flops_as,
        level=law.level,
        gpu=hardware.gpu,
        mfu=hardware.mfu,
        rows=Rows(used=len(table), dropped=law.observations.dropped),
        range=DataRange(
            flops=_range(table.log_c), params=_range(table.log_n), tokens=_range(table.log_d)
        ),
        params=params,
        tokens=tokens,
        loss=loss,
        loss_without_floor=without_floor,
        one_law=_one_law(found.forms.values()),
        budgets=_budgets(law),
        surface=surface,
        evidence=law.fitted.evidence,
        run_noise=found.noise.sd,
        noise=run_noise_of(table, found.noise, law.level),
        backtest=law.fitted.backtest,
        tested_beyond=law.tested_beyond,
        warnings=[
            *law.remarks,
            *notes.of_fit(
                law.observations,
                table,
                found,
                law.method == "auto",
                law.fitted.backtest,
                float(width.high[0] / width.low[0] - 1) / 2,
                loss,
                surface,
                law.bend,
            ),
        ],
    )


def describe(result: FitResult) -> str:
    """A result as a short text: equations with intervals, range, backtests, warnings."""
    lines = [
        f"Law of {result.source} ({result.method}, {result.rows.used} rows, "
        f"{text.flops(result.range.flops[0])} to {text.flops(result.range.flops[1])} FLOPs, "
        f"{100 * result.level:g} % intervals)",
        f"  params  N* = k · C^a   {_terms(k=result.params.coefficient, a=result.params.exponent)}",
        f"  tokens  D* = k · C^a   {_terms(k=result.tokens.coefficient, a=result.tokens.exponent)}",
        "  loss    L = E + k · C^−c   "
        + _terms(E=result.loss.floor, k=result.loss.coefficient, c=result.loss.exponent),
    ]
    if result.one_law is not None:
        lines.append(f"  {text.one_law(result.one_law, result.metric)}")
    if result.surface is not None:
        s = result.surface
        terms = _terms(E=s.E, A=s.A, B=s.B, α=s.alpha, β=s.beta)
        lines.append(f"  surface L = E + A/N^α + B/D^β   {terms}")
    weights = ", ".join(
        f"{e.form} {100 * e.loss_weight:.0f} %" for e in result.evidence if e.loss_weight
    )
    lines.append(
        f"  the loss forecast listens to {weights}; one run scatters by "
        f"{100 * result.run_noise:.2g} %"
    )
    for test in result.backtest:
        lines.append(
            f"  backtest {text.flops(test.held_out)} from {test.beyond:.3g} times less: "
            f"params {text.percent(test.params_error)}, loss {text.percent(test.loss_error)}"
            f"{'' if test.loss_covered else ' (outside its interval)'}"
        )
    lines.append(f"  {text.tested(result.tested_beyond)}")
    lines += [f"  {note.code}: {note.text}" for note in result.warnings]
    return "\n".join(lines)


def _size_laws(law: "Law") -> tuple[PowerLaw, PowerLaw]:
    """Power laws through the forecast at C_max and 10·C_max, with draws for their intervals."""
    ensemble = law.fitted.ensemble
    at = np.array([ensemble.fitted[1], ensemble.fitted[1] + AHEAD])
    sizes = ensemble.size_draws(at)
    tokens = {n: law.kappa.log_tokens(draws, at) for n, draws in sizes.items()}
    return (
        _chord(sizes, at, ensemble.size_weights, law.level),
        _chord(tokens, at, ensemble.size_weights, law.level),
    )


def _chord(
    draws: dict[str, FloatArray], at: FloatArray, weights: dict[str, float], level: float
) -> PowerLaw:
    slopes = {n: (d[:, 1:] - d[:, :1]) / (at[1] - at[0]) for n, d in draws.items()}
    levels = {n: d[:, :1] - slopes[n] * at[0] for n, d in draws.items()}
    exponent = band(slopes, weights, level)
    return PowerLaw(
        coefficient=band(levels, weights, level).quantity(level),
        exponent=Band(np.log(exponent.value), np.log(exponent.low), np.log(exponent.high)).quantity(
            level
        ),
    )


def _one_law(forms: Iterable[Form]) -> float | None:
    return next((form.one_law for form in forms if isinstance(form, MinimaForm)), None)


def _loss_laws(law: "Law") -> tuple[LossLaw, PowerLaw]:
    found = law.fitted.ensemble.candidates
    level = law.level
    if found.laws:
        return _floor_law(found.laws["floor"], level), _power_law(found.laws["power"], level)
    assert found.surface is not None
    return _of_surface(found.surface, law)


def _floor_law(laws: LossLaws, level: float) -> LossLaw:
    return LossLaw(
        floor=of_draws(laws.floor, level),
        coefficient=of_draws(np.exp(laws.log_coefficient), level),
        exponent=of_draws(laws.exponent, level),
    )


def _power_law(laws: LossLaws, level: float) -> PowerLaw:
    return PowerLaw(
        coefficient=of_draws(np.exp(laws.log_coefficient), level),
        exponent=of_draws(-laws.exponent, level),
    )


def _of_surface(surface: Surface, law: "Law") -> tuple[LossLaw, PowerLaw]:
    """Along the best sizes L − E ∝ C^(−αβ/(α+β)), exactly so where κ is constant."""
    found = surface.coefficients()
    exponent = found["alpha"] * found["beta"] / (found["alpha"] + found["beta"])
    low, high = law.fitted.ensemble.fitted
    losses = surface.best_loss(np.array([low, high]))
    rest = np.exp(losses[:, 1]) - found["E"]
    slope = (losses[:, 1] - losses[:, 0]) / (high - low)
    return (
        LossLaw(
            floor=of_draws(found["E"], law.level),
            coefficient=of_draws(rest * np.exp(exponent * high), law.level),
            exponent=of_draws(exponent, law.level),
        ),
        PowerLaw(
            coefficient=of_draws(np.exp(losses[:, 1] - slope * high), law.level),
            exponent=of_draws(slope, law.level),
        ),
    )


def _surface(surface: Surface, level: float) -> SurfaceLaw:
    return SurfaceLaw(**{n: of_draws(v, level) for n, v in surface.coefficients().items()})


def _hardware(law: "Law") -> Hardware:
    """What all budgets' hours are counted on: where the MFU goes by size, a middling one's."""
    return law.observations.hours.at(float(np.exp(np.median(law.table.log_n))))


def _budgets(law: "Law") -> list[BudgetOptimum]:
    """Every budget; the optimum of the usable ones with the draws' intervals."""
    candidates, found = law.fitted.ensemble.candidates, []
    minima = candidates.minima
    hardware = _hardware(law)
    each = law.observations.tokens_per_image()
    for curve in candidates.curves:
        size = loss = tokens = images = None
        log_c = np.array([curve.log_c])
        position = np.flatnonzero([] if minima is None else minima.log_c == curve.log_c)
        if minima is not None and len(position):
            size = of_draws(np.exp(minima.log_n[:, position[0]]), law.level)
            loss = of_draws(np.exp(minima.log_loss[:, position[0]]), law.level)
            log_d = law.kappa.log_tokens(minima.log_n[:, position[0]], log_c)
            tokens = of_draws(np.exp(log_d), law.level)
            images = scaled(tokens, 1 / each) if each else None
        found.append(
            BudgetOptimum(
                flops=stated_budget(curve.budget, float(np.exp(curve.log_c))),
                gpu_hours=gpu_hours(float(np.exp(curve.log_c)), hardware.gpu, hardware.mfu),
                status=curve.status,
                points=len(curve.rows),
                params_opt=size,
                tokens_opt=tokens,
                images_opt=images,
                loss_opt=loss,
            )
        )
    return found


def _range(logs: FloatArray) -> tuple[float, float]:
    return float(np.exp(logs.min())), float(np.exp(logs.max()))


def _terms(**quantities: Quantity) -> str:
    return ", ".join(f"{n} {text.with_interval(q, text.number)}" for n, q in quantities.items())
