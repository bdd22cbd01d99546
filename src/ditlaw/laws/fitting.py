"""Fitting a law: which forms the rows allow, and what is missing where they allow none."""

import numpy as np

from ditlaw import text
from ditlaw.errors import BadInput, DitlawError, Refused
from ditlaw.laws.backtest import fit_with_backtests
from ditlaw.laws.candidates import METHODS, Method, needs_parabolas
from ditlaw.laws.envelope import MIN_SIZES as ENVELOPE_SIZES
from ditlaw.laws.isoflop import OK, parabolas
from ditlaw.laws.kappa import Kappa, kappa_of
from ditlaw.laws.law import Law
from ditlaw.laws.minima import MIN_BUDGETS
from ditlaw.laws.settings import keep_best
from ditlaw.laws.surface import MIN_ROWS, rows_of
from ditlaw.laws.table import Table, prepare
from ditlaw.observations import Observations

MIN_DRAWS = 50


def fit(
    observations: Observations,
    *,
    method: Method = "auto",
    metric: str = "loss",
    level: float = 0.9,
    draws: int = 400,
    seed: int = 0,
) -> Law:
    """Fit the laws of one table.

    Args:
        observations: rows of one family, data set and role; of several learning rates or batches
            at a size and budget the best is used (``settings.keep_best``).
        method: ``auto`` (isoflop and surface, weighed by evidence), ``isoflop``, ``akima``,
            ``envelope``, ``joint`` or ``surface``.
        metric: the column that takes the place of the loss; positive, smaller is better.
        level: of every interval.
        draws: refits behind the intervals.
        seed: of the draws; the same seed gives the same law.

    Raises:
        BadInput: unknown method or metric, or a level or number of draws that makes no sense.
        Refused: too few usable budgets or rows for what was asked.
    """
    _check(method, level, draws)
    observations, table = prepare(keep_best(observations), metric)
    kappa = kappa_of(table, observations.study)
    return _fit(observations, table, kappa, method, metric, level, draws, seed)


def refit(
    observations: Observations,
    kappa: Kappa,
    *,
    method: Method,
    metric: str,
    level: float,
    draws: int,
    seed: int,
) -> Law:
    """The same fit from stored rows and a stored κ.

    Raises:
        BadInput, Refused: as ``fit``.
    """
    _check(method, level, draws)
    observations, table = prepare(observations, metric)
    return _fit(observations, table, kappa, method, metric, level, draws, seed)


def _check(method: Method, level: float, draws: int) -> None:
    if method not in METHODS:
        raise text.unknown("method", method, METHODS)
    if not 0.0 < level < 1.0:
        raise BadInput(f"level: {level} is not between 0 and 1; use 0.9 for 90 %")
    if draws < MIN_DRAWS:
        raise BadInput(f"draws: {draws} is too few for an interval; use {MIN_DRAWS} or more")


def _fit(
    observations: Observations,
    table: Table,
    kappa: Kappa,
    method: Method,
    metric: str,
    level: float,
    draws: int,
    seed: int,
) -> Law:
    fitted_as = _usable(table, method, observations.source)
    with np.errstate(over="ignore", divide="ignore"):
        fitted = fit_with_backtests(table, kappa, fitted_as, level, draws, seed)
    if fitted is None:
        raise _refusal(table, method, observations.source)
    if not np.isfinite(fitted.ensemble.drift):
        raise Refused(
            f"{observations.source}: backtests miss by more than a number can hold; "
            f"check column '{metric}'"
        )
    return Law(
        observations=observations,
        metric=metric,
        method=method,
        level=level,
        draws=draws,
        seed=seed,
        table=table,
        kappa=kappa,
        fitted=fitted,
    )


def _usable(table: Table, method: Method, source: str) -> Method:
    """The method as the rows allow it."""
    usable = sum(p.status == OK for p in parabolas(table))
    if needs_parabolas(method) and usable < MIN_BUDGETS:
        # Without any budgets there is nothing that isoFLOP curves could say: the surface serves.
        if method == "auto" and not len(table.budgets) and len(table) >= MIN_ROWS:
            return "surface"
        raise _refusal(table, method, source)
    return method


def _refusal(table: Table, method: Method, source: str) -> DitlawError:
    """What is missing, in one line."""
    budgets = len(table.budgets)
    if method == "surface" or (method == "auto" and not budgets):
        rows = rows_of(table)
        sizes, near = len(np.unique(table.log_n[rows])), " near their budget's best" * bool(budgets)
        lack = "" if method == "surface" else "no row has a budget, and "
        return Refused(
            f"{source}: {lack}a surface needs {MIN_ROWS} rows with 3 sizes and 3 amounts of "
            f"tokens; there are {len(rows)} rows of {sizes} sizes{near}"
        )
    if method == "envelope":
        return Refused(
            f"{source}: an envelope needs {MIN_BUDGETS} budgets, or levels of compute, that runs "
            f"of {ENVELOPE_SIZES} sizes have reached; use --method surface"
        )
    if not budgets:
        return Refused(
            f"{source}: no row has a budget, which --method {method} needs; name each row's in a "
            "column 'budget', or use --method surface"
        )
    states = [p.status for p in parabolas(table)]
    usable = states.count(OK)
    if usable >= MIN_BUDGETS:
        return Refused(
            f"{source}: --method {method} cannot be fitted to these rows, though {usable} budgets "
            "have a minimum; use --method isoflop"
        )
    others = ", ".join(f"{states.count(s)} '{s}'" for s in dict.fromkeys(states) if s != OK)
    return Refused(
        f"{source}: {usable} usable {'budget' if usable == 1 else 'budgets'} "
        f"({others or 'no others'}); isoFLOP laws need {MIN_BUDGETS}, each with 4 or more sizes "
        "around a minimum: run further sizes there, or use --method surface"
    )
