"""One family and parametrization of a sweep, answered."""

from dataclasses import dataclass

import numpy as np

from ditlaw.laws.ensemble import of_draws
from ditlaw.laws.scatter import run_noise_of
from ditlaw.laws.table import FloatArray
from ditlaw.observations import Observations
from ditlaw.results import (
    FlaggedRow,
    Note,
    Quantity,
    SensitivityTrend,
    SettingCell,
    SettingGroup,
    SettingPower,
    Transfer,
)
from ditlaw.tuning import curve
from ditlaw.tuning.cells import Group, plain
from ditlaw.tuning.flags import flagged
from ditlaw.tuning.law import SettingLaw, fit_law
from ditlaw.tuning.notes import of_group
from ditlaw.tuning.optimum import Optimum, optimum_of
from ditlaw.tuning.rules import compare_rules
from ditlaw.tuning.scatter import SEED, labelled, redraws, run_noise
from ditlaw.tuning.sensitivity import sensitivity, trend

DRAWS = 400


@dataclass(frozen=True)
class GroupAnswer:
    """A group's optima, what is printed of it, its flagged rows and its notes."""

    group: Group
    optima: list[Optimum]
    printed: SettingGroup
    flagged: list[FlaggedRow]
    notes: list[Note]


def answer_group(
    group: Group, observations: Observations, setting: str, tolerance: float, level: float
) -> GroupAnswer:
    """Everything about one group; ``observations`` are its own rows."""
    noise = run_noise(group)
    rng = np.random.default_rng(SEED)
    drawn = redraws(group, noise, DRAWS, rng)
    phase = rng.uniform(0, 2 * np.pi, DRAWS)
    by_cell = {
        number: optimum_of(cell, losses, np.stack([phase, rng.standard_normal(DRAWS)]))
        for number, (cell, losses) in enumerate(zip(group.cells, drawn, strict=True))
        if cell.swept
    }
    optima = list(by_cell.values())
    law = fit_law(optima)
    fitted = law if isinstance(law, SettingLaw) else None
    known = noise is not None
    at, rules = compare_rules(group, optima, fitted, observations, level)
    printed = SettingGroup(
        family=group.family,
        parametrization=group.parametrization,
        rows=len(group.frame),
        unswept_cells=len(group.cells) - len(optima),
        run_noise=None if noise is None else run_noise_of(labelled(group), noise, level),
        cells=[_cell(optimum, tolerance, level, known) for optimum in optima],
        sensitivity_trend=_trend(optima, level, known),
        law=None if fitted is None else _law(fitted, level),
        no_law=law if isinstance(law, str) else None,
        transfer=None if fitted is None else _transfer(fitted, level),
        rules_at=at,
        rules=rules,
    )
    return GroupAnswer(
        group=group,
        optima=optima,
        printed=printed,
        flagged=flagged(group, by_cell, fitted, tolerance, level, noise),
        notes=of_group(group, optima, known, setting),
    )


def _cell(optimum: Optimum, tolerance: float, level: float, known: bool) -> SettingCell:
    cell, score = optimum.cell, sensitivity(optimum)
    low, high = None, None
    if len(cell.log_setting) > 1:
        low, high = curve.near(cell.log_setting, cell.log_loss, tolerance)
    return SettingCell(
        params=float(np.exp(cell.log_n)),
        tokens=float(np.exp(cell.log_d)),
        flops=cell.budget or float(np.exp(cell.log_c)),
        depth=cell.depth,
        width=cell.width,
        tried=[plain(x) for x in cell.tried],
        diverged=[plain(u.log_setting) for u in cell.unstable],
        status=optimum.status,
        best_tried=plain(cell.log_setting[cell.best]),
        optimum=_optimum(optimum, level, known),
        loss=_quantity(np.exp(optimum.log_loss), level, known),
        curvature=optimum.curvature,
        near=(
            None if low is None else float(np.exp(low)),
            None if high is None else float(np.exp(high)),
        ),
        sensitivity=None if score is None else _quantity(score.values, level, known),
        sensitivity_range=None if score is None else score.range,
    )


def _optimum(optimum: Optimum, level: float, known: bool) -> Quantity | None:
    """Bounds are null where redraws put the best at the last setting tried: it may lie beyond."""
    if optimum.log_setting is None:
        return None
    found = _quantity(np.exp(optimum.log_setting), level, known)
    ends, drawn = optimum.cell.log_setting[[0, -1]], optimum.log_setting[1:]
    open_ends = [np.mean(np.abs(drawn - end) < 1e-9) >= (1 - level) / 2 for end in ends]
    return found.model_copy(
        update={
            "low": None if open_ends[0] else found.low,
            "high": None if open_ends[1] else found.high,
        }
    )


def _quantity(values: FloatArray, level: float, known: bool) -> Quantity:
    """With its interval; without one where run noise is not known."""
    if known:
        return of_draws(values, level)
    return Quantity(value=float(values[0]), low=None, high=None, level=level)


def _trend(optima: list[Optimum], level: float, known: bool) -> SensitivityTrend | None:
    found = trend(optima)
    if found is None:
        return None
    return SensitivityTrend(
        change_per_decade=_quantity(found.values, level, known),
        range=found.range,
        flops=found.budget,
        sizes=found.sizes,
    )


def _law(law: SettingLaw, level: float) -> SettingPower:
    exponents = {term: law.exponent(term) for term in ("params", "tokens")}
    cells = [optimum.cell for optimum in law.optima]
    sizes, tokens = np.exp([c.log_n for c in cells]), np.exp([c.log_d for c in cells])
    params, data = exponents["params"], exponents["tokens"]
    return SettingPower(
        coefficient=of_draws(law.constant(), level),
        params_exponent=None if params is None else of_draws(params, level),
        tokens_exponent=None if data is None else of_draws(data, level),
        scatter=law.scatter,
        cells=len(cells),
        params_range=(float(sizes.min()), float(sizes.max())),
        tokens_range=(float(tokens.min()), float(tokens.max())),
        note=law.note or None,
    )


def _transfer(law: SettingLaw, level: float) -> Transfer | None:
    exponent = law.exponent("params")
    if exponent is None:
        return None
    cells = [optimum.cell for optimum in law.optima]
    log_n = np.array([cell.log_n for cell in cells])
    factor = of_draws(np.exp(exponent * np.ptp(log_n)), level)
    # Where depth grows too, the factor is of all that grew: no range of width alone is its cause.
    widths = [cell.width for cell in cells if cell.width is not None]
    wide = max(widths) / min(widths) if len(widths) == len(cells) else 1.0
    by_width = wide > 1.0 and len({cell.depth for cell in cells}) == 1
    return Transfer(
        factor=factor,
        over=wide if by_width else float(np.exp(np.ptp(log_n))),
        of="width" if by_width else "params",
        at_fixed_tokens="tokens" in law.terms,
    )
