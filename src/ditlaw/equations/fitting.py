"""Fitting one equation: the estimate from several starts, and refits to redrawn observations."""

import numpy as np

from ditlaw.equations.base import Form, Sample
from ditlaw.equations.curves import Curve
from ditlaw.equations.fitted import FittedForm
from ditlaw.equations.squares import solve
from ditlaw.errors import BadInput, Refused
from ditlaw.laws import noise as noise_module
from ditlaw.laws.noise import Residuals
from ditlaw.laws.notes.rows import left_out
from ditlaw.laws.table import FloatArray
from ditlaw.results import Note

HUBER_WIDTH = 1.5  # in standard deviations of the residuals, as for the surface
MIN_HUBER = 1e-3
MIN_DRAWS = 50
MANY_FAILED = 0.01
ALIKE = 1e-9  # relative spread of logs below which a column does not vary
EXACT = 1e-12


def fit_sample(
    form: Form, sample: Sample, *, level: float = 0.9, draws: int = 200, seed: int = 0
) -> FittedForm:
    """Fit an equation to its observations.

    The observations are redrawn ``draws`` times around the fit, with one error a trunk and one a
    row, and the design as it was; each redraw is fitted again from the estimate.

    Raises:
        BadInput: a level or number of draws that makes no sense.
        Refused: no more rows than parameters, a column that does not vary, columns that only vary
            together, or rows that no start could be fitted to.
    """
    if not 0 < level < 1:
        raise BadInput(f"level: {level} is not between 0 and 1; use 0.9 for 90 %")
    if draws < MIN_DRAWS:
        raise BadInput(f"draws: {draws} is too few for an interval; use {MIN_DRAWS} or more")
    curve = form.curve
    _refuse_too_little(form, sample)
    centre = form.centre(sample.x)
    x, y = sample.x - centre[:, None], form.link(sample.y)
    with np.errstate(all="ignore"):
        theta = estimate(curve, x, y)
        if theta is None:
            raise Refused(f"{sample.source}: {form.name}: no fit to these rows converged")
        fitted = curve.value(theta[None], x)[0]
        residual = y - fitted
        known = None if sample.noise is None else sample.log_c
        log_c = np.zeros(len(y)) if known is None else known
        free = np.full(len(y), 1 - curve.parameters / len(y))
        residuals = Residuals(residual, log_c, free)
        noise = sample.noise or noise_module.from_residuals(residuals)
        rng = np.random.default_rng(seed)
        sd = noise.sd_draws(draws, rng)
        wider = noise_module.misfit(noise, residuals)
        redrawn = fitted + wider * noise.perturbations(sample.trunk, log_c, sd, rng)
        start = np.broadcast_to(theta, (draws, len(theta))).copy()
        limits = curve.bounds(x, y)
        refits, _, converged = solve(
            curve,
            x,
            redrawn,
            start,
            limits,
            delta=max(HUBER_WIDTH * noise.sd, MIN_HUBER),
            steps=120,
            tolerance=1e-5,
        )
    good = converged & np.all(np.isfinite(refits), axis=1)
    failed = int(np.sum(~good))
    if failed == draws:
        raise Refused(f"{sample.source}: {form.name}: no refit converged, so there is no interval")
    # A failed refit's place is taken by a good one.
    refits = refits[good][np.arange(draws) % int(good.sum())]
    df = max(len(y) - curve.parameters, 1)
    return FittedForm(
        form=form,
        sample=sample,
        centre=centre,
        theta=np.vstack([theta, refits]),
        sd_draws=wider * sd,
        noise=noise,
        residual_sd=float(np.sqrt(np.sum(residual**2) / df)),
        failed=failed,
        level=level,
        warnings=[*sample.notes, *_notes(theta, limits, failed, draws, sample)],
    )


def estimate(curve: Curve, x: FloatArray, y: FloatArray) -> FloatArray | None:
    """θ (p,) of the best start, its Huber width from its own residuals; None if none converged."""
    limits, starts = curve.bounds(x, y), curve.starts(x, y)
    if np.any(limits[0] >= limits[1]) or not np.all(np.isfinite(starts)):
        return None
    # First plain least squares from everywhere, then the best few to the end.
    target = np.broadcast_to(y, (len(starts), len(y)))
    theta, cost, _ = solve(curve, x, target, starts, limits, delta=1e6, steps=25, tolerance=1e-6)
    best = np.argsort(cost, kind="stable")[:3]
    theta, cost, _ = solve(
        curve, x, target[best], theta[best], limits, delta=1e6, steps=300, tolerance=1e-14
    )
    if not np.isfinite(cost.min()):
        return None
    chosen: FloatArray = theta[np.argmin(cost)]
    spread = 1.4826 * float(np.median(np.abs(curve.value(chosen[None], x)[0] - y)))
    if spread < EXACT:
        return chosen
    delta = max(HUBER_WIDTH * spread, MIN_HUBER)
    theta, cost, _ = solve(
        curve, x, target[:1], chosen[None], limits, delta=delta, steps=300, tolerance=1e-12
    )
    return np.asarray(theta[0]) if np.all(np.isfinite(theta)) else None


def _refuse_too_little(form: Form, sample: Sample) -> None:
    rows, needed = len(sample.y), form.curve.parameters
    if rows <= needed:
        raise Refused(
            f"{sample.source}: {form.name}: {_number(rows, 'point')} for "
            f"{_number(needed, 'parameter')}; at least {needed + 1} are needed to see an error"
        )
    spread = np.ptp(sample.x, axis=1)
    for column, values, width in zip(form.columns, sample.x, spread, strict=True):
        if width <= ALIKE * max(1.0, float(np.abs(values).max())):
            raise Refused(
                f"{sample.source}: {form.name}: every row has the same {column}; "
                "an equation in it needs rows that differ"
            )
    if np.ptp(form.link(sample.y)) <= ALIKE:
        raise Refused(
            f"{sample.source}: {form.name}: every row has the same {sample.target}; "
            "an equation needs rows that differ in it"
        )
    centred = sample.x - sample.x.mean(axis=1, keepdims=True)
    if np.linalg.matrix_rank(centred / spread[:, None], tol=1e-6) < len(form.columns):
        raise Refused(
            f"{sample.source}: {form.name}: {' and '.join(form.columns)} only vary together in "
            "these rows; what each does cannot be told apart"
        )
    distinct = len(np.unique(np.round(sample.x, 9), axis=1).T)
    if distinct <= needed - 1:
        raise Refused(
            f"{sample.source}: {form.name}: {_number(distinct, 'different point')} for "
            f"{_number(needed, 'parameter')}; more sizes or budgets are needed"
        )


def _notes(
    theta: FloatArray,
    limits: tuple[FloatArray, FloatArray],
    failed: int,
    draws: int,
    sample: Sample,
) -> list[Note]:
    notes = []
    if sample.dropped:
        notes.append(left_out(sample.dropped))
    if np.any((theta <= limits[0]) | (theta >= limits[1])):
        notes.append(
            Note(
                code="at-bound",
                text="a parameter stands at the bound of its search: the rows do not determine "
                "it, and a form with fewer parameters says as much.",
            )
        )
    if failed > MANY_FAILED * draws:
        notes.append(
            Note(
                code="failed-refits",
                text=f"{100 * failed / draws:.0f} % of the refits did not converge and were left "
                "out; the intervals may be too narrow.",
            )
        )
    return notes


def _number(count: int, what: str) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six")
    return f"{words[count] if count < len(words) else count} {what}{'' if count == 1 else 's'}"
