"""The constants that public series taught, learned again without the series that is scored.

Only hold-outs that never touch a series' three largest budgets teach: the drift and scatter of the
line of N* by marginal likelihood of the minima, the memory of the latest budgets, the floor's share
there and the tolerated misfit by the median loss error.
"""

import itertools
from contextlib import contextmanager

import numpy as np

from ditlaw import laws
from ditlaw.errors import DitlawError
from ditlaw.laws import line, losslaws, trust
from realseries import score
from realseries.series import MIN_BUDGETS

LINE_GRID = {"DRIFT": (0.03, 0.04, 0.05, 0.06, 0.08, 0.1), "SCATTER": (0.01, 0.02, 0.04)}
LOSS_GRID = {
    "MEMORY": (1.0, 1.5, 2.5),
    "FLOOR_SHARE": (0.5, 0.65, 0.8),
    "TOLERATED": (3e-3, 5e-3, 8e-3),
}
HOME = {
    "DRIFT": line,
    "SCATTER": line,
    "MEMORY": losslaws,
    "FLOOR_SHARE": losslaws,
    "TOLERATED": trust,
}


@contextmanager
def constants(values):
    """The tool with other constants."""
    before = {name: getattr(HOME[name], name) for name in values}
    for name, value in values.items():
        setattr(HOME[name], name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(HOME[name], name, value)


def leave_one_out(outer, inner):
    """Scores of every series under constants from the others, and those constants by series.

    ``outer`` and ``inner`` are tasks by series.
    """
    likelihoods = {choice: _likelihoods(inner, choice) for choice in _grid(LINE_GRID)}
    errors = {choice: _errors(inner, choice) for choice in _grid(LOSS_GRID)}
    rows, chosen = [], {}
    for name, tasks in outer.items():
        others = [other for other in inner if other != name]
        totals = {c: sum(v.get(other, 0.0) for other in others) for c, v in likelihoods.items()}
        # The least drift within one unit of the best, as the tool's own was chosen.
        drift = min(c for c, total in totals.items() if total >= max(totals.values()) - 1)
        loss = min(errors, key=lambda c: np.median(np.concatenate([errors[c][o] for o in others])))
        chosen[name] = dict(zip([*LINE_GRID, *LOSS_GRID], [*drift, *loss], strict=True))
        with constants(chosen[name]):
            rows.append(score.forecasts(tasks))
    return rows, chosen


def _grid(grid):
    return list(itertools.product(*grid.values()))


def _likelihoods(inner, choice):
    """Ln marginal likelihood of each series' minima under a drift and a scatter."""
    found = {}
    with constants(dict(zip(LINE_GRID, choice, strict=True))):
        for name, tasks in inner.items():
            if not tasks:
                continue
            try:
                law = laws.fit(tasks[0].rows, method="isoflop", draws=50)
            except DitlawError:
                continue
            fitted = law.fitted.ensemble.candidates.minima
            if len(fitted.log_c) > MIN_BUDGETS:
                found[name] = _marginal(fitted.log_c, fitted.log_n[0], fitted.variance_n)
    return found


def _marginal(log_c, log_n, variance):
    x = log_c - log_c.mean()
    covariance = line._walk(x, x) + np.diag(line.SCATTER**2 + variance)
    covariance += 100.0 + line.SLOPE_SPREAD**2 * np.outer(x, x)  # a level that may be anything
    away = log_n - line.SLOPE * x
    away = away - away.mean()
    _, logdet = np.linalg.slogdet(covariance)
    return -0.5 * (logdet + away @ np.linalg.solve(covariance, away))


def _errors(inner, choice):
    with constants(dict(zip(LOSS_GRID, choice, strict=True))):
        rows = {name: score.forecasts(t, "isoflop", 50) for name, t in inner.items()}
    return {
        n: r["loss_error"].dropna().to_numpy() if len(r) else np.zeros(0) for n, r in rows.items()
    }
