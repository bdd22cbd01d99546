"""Heads, patch, text length and batch: what each value gives at a budget, all else being matched.

Where every value has a valley over sizes of its own, its minimum is taken: a patch or text length
moves the best size, so runs of one size would not be a fair match. Otherwise runs that differ in
nothing but the axis are compared: ln L = their match's level + their value's, by least squares.
Heads hardly change the size, and are always compared at one depth and width.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ditlaw.aspect import words
from ditlaw.aspect.intervals import standing
from ditlaw.aspect.matches import Matches, match_runs, matched_by, matched_noise
from ditlaw.aspect.rows import AXES, Shapes, values_of, words_of
from ditlaw.laws.ensemble import of_draws
from ditlaw.laws.isoflop import OK, Parabola, design, parabolas, residuals
from ditlaw.laws.noise import Noise, Residuals, misfit, scaled
from ditlaw.laws.table import BoolArray, FloatArray, IntArray
from ditlaw.results import AxisBudget, AxisValue, ShapeAxis

LEAST = 0.1  # of a curvature's estimate; a redraw's is held above it


@dataclass(frozen=True)
class _Compared:
    """Values at one budget: ln losses (draws + 1, values), the estimate first."""

    log_c: float
    values: list[str]
    runs: list[int]
    shapes: int
    losses: FloatArray


def compare_axes(
    shapes: Shapes, noise: Noise | None, level: float, tolerance: float, draws: int = 400
) -> tuple[list[ShapeAxis], list[str], Noise | None]:
    """Each axis that varies, those of them that nothing is matched in, and the noise that was used.

    ``noise`` is that of one run; without it the matched runs' own scatter is taken, and where they
    leave none either, nothing is compared.
    """
    varying = [axis for axis in AXES if len(values_of(shapes.frame, axis)) > 1]
    matches = {axis: _matches(shapes, axis) for axis in varying}
    noise = noise or matched_noise(shapes, [m for axis in matches.values() for m in axis if m])
    found, unmatched = [], []
    for axis in varying:
        budgets = []
        if noise is not None:
            budgets = list(_budgets(shapes, axis, matches[axis], noise, level, tolerance, draws))
        if budgets:
            said = words.of_axis(axis, budgets[-1], tolerance)
            found.append(ShapeAxis(axis=axis, budgets=budgets, text=said))
        else:
            unmatched.append(axis)
    return found, unmatched, noise


def _matches(shapes: Shapes, axis: str) -> list[Matches | None]:
    """Of each budget."""
    values, match = np.array(words_of(shapes.frame, axis)), matched_by(shapes, axis)
    return [match_runs(shapes, g, values, match) for g in range(len(shapes.table.budgets))]


def _budgets(
    shapes: Shapes,
    axis: str,
    matches: list[Matches | None],
    noise: Noise,
    level: float,
    tolerance: float,
    draws: int,
) -> Iterator[AxisBudget]:
    random = np.random.default_rng(AXES.index(axis))
    for group, matched in enumerate(matches):
        # Heads hardly change the size.
        sized = None if axis == "heads" else _best_sizes(shapes, axis, group, noise, random, draws)
        compared = sized
        if compared is None and matched is not None:
            compared = _from_matches(shapes, matched, noise, random, draws)
        if compared is not None:
            yield _answer(compared, sized is not None, level, tolerance)


def _answer(found: _Compared, sized: bool, level: float, tolerance: float) -> AxisBudget:
    """Values against the best, at a level that all differences hold together (Bonferroni)."""
    order = np.argsort(found.losses[0], kind="stable")
    best, each = order[0], 1 - (1 - level) / max(len(order) - 1, 1)
    values = []
    for i in order:
        above = of_draws(np.expm1(found.losses[:, i] - found.losses[:, best]), each)
        values.append(
            AxisValue(
                value=found.values[i],
                runs=found.runs[i],
                loss=float(np.exp(found.losses[0, i])),
                difference=above,
                standing=standing(above, tolerance),
            )
        )
    return AxisBudget(
        flops=float(np.exp(found.log_c)),
        basis="best size" if sized else "matched",
        shapes=found.shapes,
        values=values,
    )


def _from_matches(
    shapes: Shapes, m: Matches, noise: Noise, random: np.random.Generator, draws: int
) -> _Compared:
    table = shapes.table
    y, log_c = table.log_loss[m.rows], table.log_c[m.rows]
    beta = m.inverse @ y
    if m.free:
        left = Residuals(y - m.design @ beta, log_c, np.full(len(y), m.free / len(y)))
        noise = scaled(noise, misfit(noise, left))
    moved = _moved(shapes, m.rows, noise, random, draws)
    betas = np.vstack([beta, beta + moved @ m.inverse.T])
    losses = betas[:, : m.shapes].mean(axis=1)[:, None] + betas[:, m.shapes :]
    runs = np.bincount(m.member, minlength=len(m.values)).tolist()
    return _Compared(float(log_c.mean()), m.values, runs, m.shapes, losses)


def _best_sizes(
    shapes: Shapes,
    axis: str,
    group: int,
    noise: Noise,
    random: np.random.Generator,
    draws: int,
) -> _Compared | None:
    """Minima over sizes, if every value of the usual settings has a valley; None otherwise."""
    table, values = shapes.table, np.array(words_of(shapes.frame, axis))
    usual = _usual_but(shapes, axis) & (table.group == group)
    names = [v for v in values_of(shapes.frame, axis) if np.any(usual & (values == v))]
    if len(names) < 2:
        return None
    curves: list[Parabola] = []
    for value in names:
        rows = np.flatnonzero(usual & (values == value))
        (curve,) = parabolas(table.where(np.isin(np.arange(len(table)), rows)))
        if curve.status != OK:
            return None
        # Its rows are counted among its own; here they are the table's.
        curves.append(
            Parabola(
                curve.budget, curve.log_c, rows[curve.rows], curve.centre, curve.coefficients, OK
            )
        )
    left = residuals(table, curves)
    noise = scaled(noise, misfit(noise, left)) if left is not None else noise
    rows = np.concatenate([curve.rows for curve in curves])
    moved = _moved(shapes, rows, noise, random, draws)
    losses, start = [], 0
    for curve in curves:
        change = moved[:, start : start + len(curve.rows)] @ np.linalg.pinv(design(table, curve)).T
        start += len(curve.rows)
        a, b, c = (np.array(curve.coefficients) + np.vstack([np.zeros(3), change])).T
        c = np.maximum(c, LEAST * c[0])
        losses.append(a - b * b / (4 * c))
    found = np.stack(losses, axis=1)
    runs = [len(curve.rows) for curve in curves]
    log_c, sizes = float(np.mean([c.log_c for c in curves])), len(np.unique(shapes.shape[rows]))
    return _Compared(log_c, names, runs, sizes, found)


def _usual_but(shapes: Shapes, axis: str) -> BoolArray:
    """Rows of designs that a law of shapes reads, whatever their value on the axis: (n,)."""
    others = matched_by(shapes, axis)
    return np.isin(others, others[shapes.base])


def _moved(
    shapes: Shapes, rows: IntArray, noise: Noise, random: np.random.Generator, draws: int
) -> FloatArray:
    trunk = np.unique(shapes.table.trunk[rows], return_inverse=True)[1]
    sd = noise.sd_draws(draws, random)
    return noise.perturbations(trunk, shapes.table.log_c[rows], sd, random)
