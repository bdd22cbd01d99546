"""What a fitted law of shapes says: best ratios, their range, depth and width, laws in compute."""

from collections.abc import Iterator

import numpy as np

from ditlaw.aspect import words
from ditlaw.aspect.design import APART
from ditlaw.aspect.fit import GRID, ShapeFit
from ditlaw.aspect.intervals import EDGE, bounded, exponential, open_ended, standing
from ditlaw.aspect.regression import Regression
from ditlaw.laws.ensemble import of_draws
from ditlaw.laws.table import BoolArray, FloatArray
from ditlaw.results import (
    NestedFit,
    PowerLaw,
    RatioRange,
    ShapeBudget,
    ShapeLaw,
    TriedRatio,
)

MOST_TRIED = 24  # ratios of a table; more are put into bins
CURVED_SHAPES = 10  # shapes that tell a curved map from size and ratio to width from a straight one


def law_of_shapes(fit: ShapeFit, level: float, tolerance: float) -> ShapeLaw:
    """The answer of a fit, with intervals at ``level``."""
    y = fit.best_ratio()
    size = fit.log_size(y)
    width = _log_width(fit, size, y + fit.design.middle)
    depth = width - y - fit.design.middle
    budgets = list(_budgets(fit, y, size, depth, level, tolerance))
    sized = [i for i, budget in enumerate(budgets) if budget.best_params]
    shaped = [i for i, budget in enumerate(budgets) if budget.best_depth]
    law = ShapeLaw(
        runs=len(fit.design.rows),
        shapes=len(np.unique(fit.shapes.shape[fit.design.rows])),
        size_only=_nested(fit.size_only, fit.evidence.smaller_error),
        with_shape=_nested(fit.with_shape, fit.evidence.larger_error),
        p_value=fit.evidence.p_value,
        says_more=fit.evidence.says_more,
        leans=fit.leans,
        interplay=fit.interplay,
        ratio=_ratio_law(fit, level),
        params=_line(fit.design.log_c[sized], size[:, sized], level),
        depth=_line(fit.design.log_c[shaped], depth[:, shaped], level),
        width=_line(fit.design.log_c[shaped], width[:, shaped], level),
        budgets=budgets,
        text="",
    )
    return law.model_copy(update={"text": words.of_law(law, tolerance)})


def _nested(fit: Regression, error: float) -> NestedFit:
    return NestedFit(
        parameters=len(fit.beta),
        residual_sd=fit.residual_sd,
        left_out_error=error if np.isfinite(error) else None,
        aicc=fit.aicc,
    )


def _budgets(
    fit: ShapeFit,
    y: FloatArray,
    size: FloatArray,
    depth: FloatArray,
    level: float,
    tolerance: float,
) -> Iterator[ShapeBudget]:
    design, middle, has_size = fit.design, fit.design.middle, fit.has_size()
    grid = np.linspace(design.low, design.high, GRID + 1)
    near = fit.above_best(grid) <= np.log1p(tolerance)
    for i in range(len(design.t)):
        low, high = design.low[i], design.high[i]
        inside = near[:, :, i]
        first = grid[inside.argmax(axis=1), i]
        last = grid[GRID - inside[:, ::-1].argmax(axis=1), i]
        rows = design.rows[design.group == i]
        best = bounded(y[:, i], low, high, middle, level)
        # Where nothing but the edge bounds the ratio, depth and width are not known either.
        shaped = has_size[i] and best.low is not None and best.high is not None
        yield ShapeBudget(
            flops=float(np.exp(design.log_c[i])),
            runs=len(rows),
            tried_range=(float(np.exp(low + middle)), float(np.exp(high + middle))),
            best_ratio=best,
            inside=bool(low + EDGE < y[0, i] < high - EDGE),
            within=RatioRange(
                low=bounded(first, low, high, middle, level),
                high=bounded(last, low, high, middle, level),
                low_at_edge=bool(first[0] <= low + EDGE),
                high_at_edge=bool(last[0] >= high - EDGE),
            ),
            best_params=exponential(size[:, i], level) if has_size[i] else None,
            best_depth=exponential(depth[:, i], level) if shaped else None,
            best_width=exponential(depth[:, i] + y[:, i] + middle, level) if shaped else None,
            tried=_tried(fit, i, level, tolerance),
        )


def _tried(fit: ShapeFit, budget: int, level: float, tolerance: float) -> list[TriedRatio]:
    """The ratios that were run at a budget, those within 10 % of each other as one."""
    y = np.sort(fit.design.y[fit.design.group == budget])
    apart = max(APART, float(np.ptp(y)) / MOST_TRIED)
    bins = [[y[0]]]
    for value in y[1:]:
        if value - bins[-1][0] < apart:
            bins[-1].append(value)
        else:
            bins.append([value])
    at = np.array([np.mean(found) for found in bins])
    above = fit.above_best(np.repeat(at[:, None], len(fit.design.t), axis=1))[:, :, budget]
    tried = []
    for found, value, draws in zip(bins, at, above.T, strict=True):
        regret = of_draws(np.expm1(np.minimum(draws, 50.0)), level)
        ratio = float(np.exp(value + fit.design.middle))
        tried.append(
            TriedRatio(
                ratio=ratio, runs=len(found), regret=regret, standing=standing(regret, tolerance)
            )
        )
    return tried


def _ratio_law(fit: ShapeFit, level: float) -> PowerLaw | None:
    """The best ratio as a power of C, read off the valley's own minimum, outside the tried too.

    A redraw without a valley says nothing of the exponent: it lies beyond both ends.
    """
    vertex = fit.vertex() + fit.design.middle
    if not fit.design.drifts or np.isnan(vertex[0]).any():
        return None
    lost = np.asarray(np.isnan(vertex).any(axis=1))
    vertex = np.where(np.isnan(vertex), 0.0, vertex)
    return _line(fit.design.log_c, vertex, level, lost)


def _line(
    log_c: FloatArray, log_y: FloatArray, level: float, lost: BoolArray | None = None
) -> PowerLaw | None:
    """A power law through a quantity (draws + 1, B) by least squares; ``lost`` draws know none."""
    if len(log_c) < 2:
        return None
    t = log_c - log_c.mean()
    slope = log_y @ t / float(t @ t)
    level_at_one = log_y.mean(axis=1) - slope * log_c.mean()
    return PowerLaw(
        coefficient=open_ended(level_at_one, level, lost, exp=True),
        exponent=open_ended(slope, level, lost),
    )


def _log_width(fit: ShapeFit, log_n: FloatArray, ratio: FloatArray) -> FloatArray:
    """ln width of a size and a ratio, by least squares over the shapes that were run.

    Blocks hold depth·width² params, the rest width: in logarithms close to a straight map.
    """
    shapes = np.unique(fit.shapes.shape[fit.shapes.base], return_index=True)[1]
    rows = np.flatnonzero(fit.shapes.base)[shapes]
    x, y = fit.shapes.table.log_n[rows], fit.shapes.ratio[rows]
    at = (float(x.mean()), float(y.mean()))
    curved = len(rows) >= CURVED_SHAPES

    def columns(u: FloatArray, v: FloatArray) -> FloatArray:
        terms = [np.ones_like(u), u, v, *([u * u, u * v, v * v] if curved else [])]
        return np.stack(terms, axis=-1)

    width = np.log(fit.shapes.width[rows])
    beta = np.linalg.lstsq(columns(x - at[0], y - at[1]), width, rcond=None)[0]
    return np.asarray(columns(log_n - at[0], ratio - at[1]) @ beta)
