"""Metrics beside the loss: Fréchet distances, likelihoods, scores, forecast in two ways.

Direct: at each budget the metric is read at the law's best size, and an equation in C goes through
these; what it would have missed the largest budgets by widens its interval. Two steps: the metric
is an equation in the loss, fitted to all rows, and the loss forecast goes through it. Where a
metric has two equations (with and without a floor, a pole or a ceiling), both are used, in the
proportion of their Akaike weights, so that their disagreement is inside the interval. Both
intervals are of one new run.
"""

import numpy as np
import pandas as pd
from scipy.special import ndtri

from ditlaw.equations import onedim
from ditlaw.equations.base import Form, Sample
from ditlaw.equations.mixture import NEAR, Mixture, mix
from ditlaw.equations.samples import of_rows
from ditlaw.errors import Refused
from ditlaw.laws import Law
from ditlaw.laws.answers import Curve
from ditlaw.laws.noise import PRIOR_SHARE, Noise
from ditlaw.laws.table import FloatArray, prepare
from ditlaw.results import Quantity

MIN_BUDGETS = 4
MIN_SIZES = 4  # of a budget, for a parabola of the metric
MIN_ROWS = 8


def rank_correlation(law: Law, metric: str) -> float:
    """Spearman's correlation of loss and metric over all rows that have both; NaN if constant."""
    frame = law.observations.frame
    values = pd.to_numeric(frame[metric], errors="coerce").astype(float)
    both = np.isfinite(values)
    ranks = np.stack([frame[law.metric][both].rank(), values[both].rank()])
    if ranks.shape[1] < 3 or np.any(np.ptp(ranks, axis=1) == 0):
        return float("nan")
    return float(np.corrcoef(ranks)[0, 1])


def is_score(law: Law, metric: str) -> bool:
    """Whether it lies between 0 and 1 and rises as the loss falls."""
    values = pd.to_numeric(law.observations.frame[metric], errors="coerce").dropna()
    return bool(len(values) and values.max() < 1 and rank_correlation(law, metric) < 0)


def fit_direct(law: Law, metric: str, *, draws: int = 200) -> Mixture:
    """The metric at the best size as an equation in C.

    Raises:
        BadInput: the column holds no numbers.
        Refused: fewer than four budgets have the metric at four sizes around their optimum.
    """
    score = is_score(law, metric)
    forms = _forms("flops", score)
    sample, run_sd = _at_best_size(law, metric, forms[0])
    return mix(forms, sample, law, run_sd, draws)


def fit_through_loss(law: Law, metric: str, *, draws: int = 200) -> Mixture:
    """The metric as an equation in the loss, through all rows.

    Raises:
        BadInput: the column holds no numbers.
        Refused: fewer than eight rows have the metric, or they do not determine an equation.
    """
    forms = _forms("loss", is_score(law, metric))
    sample = of_rows(forms[0], law.observations, metric)
    if len(sample.y) < MIN_ROWS:
        raise Refused(
            f"{sample.source}: {metric}: {len(sample.y)} rows have it; a map from the loss needs "
            f"{MIN_ROWS}"
        )
    return mix(forms, sample, law, None, draws)


def forecast_direct(law: Law, metric: str, flops: float) -> Quantity:
    """The metric of one new run at the best size of a budget, by its own law.

    Raises:
        BadInput, Refused: as ``fit_direct``.
    """
    return direct_at(fit_direct(law, metric), law, flops)


def direct_at(mixture: Mixture, law: Law, flops: float) -> Quantity:
    """``forecast_direct`` by a mixture that was fitted before, for another budget.

    Raises:
        Refused: the answer is too small or large to be a number.
    """
    point = {"flops": flops}
    beyond = max(0.0, float(np.log(flops) - mixture.fits[0].sample.x[0].max()))
    spread = float(np.hypot(mixture.run_sd, mixture.drift * (NEAR + beyond)))
    drawn = [
        fit.draws(point)[:, 0] + spread * _normals(len(fit.sd_draws), 14 + i)
        for i, fit in enumerate(mixture.fits)
    ]
    centres = [float(fit.form.link(fit.predict(point))[0]) for fit in mixture.fits]
    return mixture.quantity(centres, drawn, law.level)


def forecast_through_loss(law: Law, metric: str, flops: float) -> Quantity:
    """The metric of one new run from the loss forecast; the interval holds both steps.

    Raises:
        BadInput, Refused: as ``fit_through_loss`` and the law's own forecast.
    """
    return through_loss_at(fit_through_loss(law, metric), law, flops)


def through_loss_at(mixture: Mixture, law: Law, flops: float) -> Quantity:
    """``forecast_through_loss`` by a mixture that was fitted before, for another budget.

    Raises:
        BadInput, Refused: no equation says anything at the forecast loss, or the law's own.
    """
    curve = law.curve(flops)
    loss = float(curve.loss.value[0])
    mixture = mixture.kept(loss)
    losses = law.loss_draws(flops)[:, 0]
    losses = losses + _run_loss_sd(curve, law.level) * _normals(len(losses), 13)
    drawn, centres = [], []
    for fit in mixture.fits:
        count = max(len(losses), len(fit.theta) - 1)
        each = np.arange(count)
        # Every pair of a loss and an equation is there; the diagonal is one of each.
        grid = fit.draws({"loss": np.exp(losses)})
        values = grid[each % len(grid), each % len(losses)]
        drawn.append(values + fit.run_errors()[each % len(grid)])
        centres.append(float(fit.form.link(fit.predict({"loss": loss}))[0]))
    return mixture.quantity(centres, drawn, law.level)


def _forms(x: str, score: bool) -> list[Form]:
    if score:
        return [onedim.logistic(x, ceiling=False), onedim.logistic(x)]
    return [onedim.power(x), onedim.shifted() if x == "loss" else onedim.floor(x)]


def _at_best_size(law: Law, metric: str, form: Form) -> tuple[Sample, float]:
    """The metric at N*(C) of each budget by a parabola over its sizes, and one run's scatter."""
    observations, table = prepare(law.observations, metric)
    usable = [curve for curve in law.isoflops() if curve.params_opt is not None]
    if len(usable) < MIN_BUDGETS:
        raise _too_few_budgets(observations.source, metric, len(usable))
    sizes = np.log(law.curve([curve.flops for curve in usable]).params.value)
    log_c, values, leverage, squares, df = [], [], [], 0.0, 0
    for curve, best in zip(usable, sizes, strict=True):
        at = np.flatnonzero(table.budgets == curve.budget)
        rows = np.flatnonzero(table.group == at[0]) if len(at) else np.zeros(0, dtype=np.int64)
        low, high = (np.log(end) for end in curve.window)
        rows = rows[(table.log_n[rows] >= low - 1e-9) & (table.log_n[rows] <= high + 1e-9)]
        if len(np.unique(table.log_n[rows])) < MIN_SIZES or not low <= best <= high:
            continue
        centre = table.log_n[rows].mean()
        design = (table.log_n[rows] - centre)[:, None] ** np.arange(3)
        y = form.link(np.exp(table.log_loss[rows]))
        beta = np.linalg.lstsq(design, y, rcond=None)[0]
        here = (best - centre) ** np.arange(3)
        log_c.append(float(np.log(curve.flops)))
        values.append(float(here @ beta))
        leverage.append(float(here @ np.linalg.pinv(design.T @ design) @ here))
        squares += float(np.sum((y - design @ beta) ** 2))
        df += len(rows) - 3
    if len(values) < MIN_BUDGETS:
        raise _too_few_budgets(observations.source, metric, len(values))
    scatter = float(np.sqrt(squares / max(df, 1)))
    noise = Noise(scatter * float(np.sqrt(np.mean(leverage))), PRIOR_SHARE, max(df, 1), "parabolas")
    sample = Sample(
        source=observations.source,
        target=metric,
        x=np.array([log_c]),
        y=form.unlink(np.array(values)),
        trunk=np.arange(len(values)),
        noise=noise,
        dropped=observations.dropped,
    )
    return sample, scatter


def _too_few_budgets(source: str, metric: str, count: int) -> Refused:
    return Refused(
        f"{source}: {metric}: {count} budgets have it at {MIN_SIZES} or more sizes around their "
        f"optimum; its law in C needs {MIN_BUDGETS}"
    )


def _run_loss_sd(curve: Curve, level: float) -> float:
    """Sd of ln loss that one new run adds to the law: what its wider interval shows."""
    z = 2 * float(ndtri((1 + level) / 2))
    run, own = (float(np.log(band.high[0] / band.low[0])) / z for band in (curve.run, curve.loss))
    return float(np.sqrt(max(run**2 - own**2, 0.0)))


def _normals(count: int, seed: int) -> FloatArray:
    return np.random.default_rng(seed).standard_normal(count)
