"""Scores of forecasts of held-out budgets, ditlaw's and a baseline's."""

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest

from ditlaw import laws
from ditlaw.errors import DitlawError
from realseries.series import target

LEVEL = 0.9


def forecasts(tasks, method="auto", draws=400):
    """One row a held-out budget; ``refused`` holds the reason where there is no law."""
    rows = []
    for task in tasks:
        try:
            law = laws.fit(task.rows, method=method, level=LEVEL, draws=draws)
        except DitlawError as error:
            rows += [{"series": task.series, "refused": str(error)} for _ in task.targets]
            continue
        for goal in task.targets:
            found = law.optimum(goal.flops)
            rows.append(_row(task, goal, found.params.value, found.loss.value) | _hits(goal, found))
    return pd.DataFrame(rows)


def baseline(tasks):
    """Windowed parabolas, a straight line of ln N*, and E + a·C^(−b) through their minima."""
    rows = []
    for task in tasks:
        parts = [p for _, p in task.rows.frame.groupby("budget") if len(p) >= 4]
        found = [t for t in map(target, parts) if t]
        c = np.log([t.flops for t in found])
        line = np.polyfit(c, [t.log_n for t in found], 1)
        law = _floor_law(c, np.array([t.loss for t in found]))
        for goal in task.targets:
            at = np.log(goal.flops)
            rows.append(_row(task, goal, np.exp(np.polyval(line, at)), law(at)))
    return pd.DataFrame(rows)


def _floor_law(c, loss):
    def line(floor):
        return np.polyfit(c, np.log(loss - floor), 1)

    def misfit(floor):
        return float(np.sum((np.exp(np.polyval(line(floor), c)) + floor - loss) ** 2))

    floor = minimize_scalar(misfit, bounds=(0, 0.999 * loss.min()), method="bounded").x
    fitted = line(floor)
    return lambda at: floor + np.exp(np.polyval(fitted, at))


def _row(task, goal, params, loss):
    away = np.log(params) - goal.log_n
    return {
        "series": task.series,
        "refused": "",
        "beyond": goal.flops / task.last,
        "params_error": np.expm1(abs(away)),
        "akima_error": np.nan if goal.akima is None else np.expm1(abs(np.log(params) - goal.akima)),
        "loss_error": abs(loss / goal.loss - 1),
        "regret": np.polyval(goal.parabola, np.log(params)) / goal.loss - 1,
    }


def _hits(goal, found):
    n, run = found.params, found.loss
    return {
        "params_in": n.low <= np.exp(goal.log_n) <= n.high,
        "loss_in": run.low <= goal.loss <= run.high,
        "params_half": np.sqrt(n.high / n.low) - 1,
        "loss_half": (run.high - run.low) / 2 / run.value,
        "params_winkler": _winkler(n, np.exp(goal.log_n)),
        "loss_winkler": _winkler(run, goal.loss),
    }


def _winkler(quantity, truth):
    """Interval score in ln units: its width, and 2/(1 − level) times the distance of a miss."""
    low, high, at = np.log([quantity.low, quantity.high, truth])
    return high - low + 2 / (1 - LEVEL) * (max(0.0, low - at) + max(0.0, at - high))


def table(rows):
    """One line a series and one for all: medians, with ninth deciles in brackets, in per cent."""
    answered = rows[rows["refused"] == ""]
    lines = [_line(name, part) for name, part in answered.groupby("series")]
    lines.append(_line("all", answered))
    refused = len(rows) - len(answered)
    return "\n".join([HEADER, *lines] + ([f"{refused} refused"] if refused else []))


HEADER = (
    f"{'series':34}{'n':>4}  {'N* error':>12}  {'by spline':>10}  {'loss error':>12}  "
    f"{'regret':>7}  {'N* held, ±':>14}  {'loss held, ±':>15}  Winkler"
)


def _line(name, part):
    def both(column, digits):
        values = 100 * part[column]
        return f"{values.median():.{digits}g} ({values.quantile(0.9):.{digits}g})"

    cells = (
        f"{name:34}{len(part):>4}  {both('params_error', 3):>12}  "
        f"{100 * part['akima_error'].median():>10.3g}  {both('loss_error', 2):>12}  "
        f"{100 * part['regret'].median():>7.2g}"
    )
    if "params_in" not in part:
        return cells
    return cells + (
        f"  {part['params_in'].mean():>5.2f}, {100 * part['params_half'].median():>5.3g} %  "
        f"{part['loss_in'].mean():>6.2f}, {100 * part['loss_half'].median():>5.3g} %  "
        f"{100 * part['params_winkler'].mean():.1f} / {100 * part['loss_winkler'].mean():.2f}"
    )


def held(rows):
    """The share of targets inside, with the binomial interval that distinct targets allow."""
    distinct = rows.drop_duplicates(["series", "beyond"])
    found = {}
    for column in ("params_in", "loss_in"):
        hits = round(rows[column].mean() * len(distinct))
        ends = binomtest(hits, len(distinct)).proportion_ci(method="wilson")
        found[column] = (ends.low, ends.high)
    return found
