"""Backtests: hold out the largest budgets, forecast them from the rest, and learn from the errors.

Level k is the law as it would have been without the k largest usable budgets. The errors of levels
k + 1, k + 2 and k + 3 at budgets that level k does hold give level k's weights and model error; so
a backtest is a forecast that the tool would really have made then, weights included.

What is compared: the forecast of a held-out budget against the minimum of that budget's own
parabola. That reference carries noise of its own, so even perfect intervals cover it a little less
often than they say.
"""

from dataclasses import dataclass

import numpy as np

from ditlaw.laws import isoflop
from ditlaw.laws.candidates import Candidates, Method, fit_candidates, forms_of
from ditlaw.laws.ensemble import Ensemble
from ditlaw.laws.evidence import Error, Reference, evidence, model_drift, weights
from ditlaw.laws.forms import beyond
from ditlaw.laws.isoflop import OK, Parabola
from ditlaw.laws.kappa import Kappa
from ditlaw.laws.minima import MIN_BUDGETS
from ditlaw.laws.table import Table
from ditlaw.results import Backtest, FormEvidence

DEPTH = 3  # budgets held out at most, and levels that evidence comes from
INNER_DRAWS = 100


@dataclass(frozen=True)
class Fitted:
    """The ensemble of the whole table, the backtests behind it and each form's evidence."""

    ensemble: Ensemble
    backtest: list[Backtest]
    evidence: list[FormEvidence]


def fit_with_backtests(
    table: Table, kappa: Kappa, method: Method, level: float, draws: int, seed: int
) -> Fitted | None:
    """Fit the forms, weigh them by backtests and learn the model error; None if no form fits."""
    names = forms_of(method, isoflop.parabolas(table))  # of the whole: a backtest is of the same
    found = fit_candidates(table, kappa, names, draws, seed)
    if found is None:
        return None
    usable = sorted((p for p in found.curves if p.status == OK), key=lambda p: p.log_c)
    references = [reference(table, p, float(found.noise.at(np.array(p.log_c)))) for p in usable]
    errors: list[Error] = []
    for hidden in range(len(usable) - MIN_BUDGETS, 0, -1):
        part = _up_to(table, found.curves, usable[-hidden - 1].log_c)
        inner = fit_candidates(part, kappa, names, INNER_DRAWS, seed + hidden)
        if inner is None:
            continue
        ensemble = _ensemble(inner, part, kappa, _seen(errors, hidden))
        for rank in reversed(range(hidden)):
            errors.append(_error(ensemble, hidden, rank, references[-rank - 1], level))
    seen = _seen(errors, 0)
    ensemble = _ensemble(found, table, kappa, seen)
    scores = evidence(seen, ensemble)
    return Fitted(ensemble, [e.mixed for e in reversed(seen)], scores)


def reference(table: Table, curve: Parabola, sd: float) -> Reference:
    """A parabola's minimum with first-order sds under run noise of that sd."""
    _, b, c = curve.coefficients
    u = -b / (2 * c)
    solve = np.linalg.pinv(isoflop.design(table, curve))
    sd_n = sd * float(np.linalg.norm(np.array([0.0, -1 / (2 * c), b / (2 * c * c)]) @ solve))
    sd_loss = sd * float(np.linalg.norm(np.array([1.0, u, u * u]) @ solve))
    flops = isoflop.stated_budget(curve.budget, float(np.exp(curve.log_c)))
    return Reference(flops, curve.log_c, curve.log_n, curve.log_loss, sd_n, sd_loss)


def _up_to(table: Table, curves: list[Parabola], log_c: float) -> Table:
    """The budgets up to ln C, and the rows without a budget that took no more (½ % over).

    A budget stays whole: its rows' FLOPs may lie on either side of their mean.
    """
    kept = [c.budget for c in curves if c.log_c <= log_c]
    alone = (table.group < 0) & (table.log_c <= log_c + 0.005)
    return table.where(alone | np.isin(table.group, np.searchsorted(table.budgets, kept)))


def _seen(errors: list[Error], hidden: int) -> list[Error]:
    """Errors known with ``hidden`` budgets out: of deeper levels, at budgets that are inside."""
    return [e for e in errors if hidden < e.hidden <= hidden + DEPTH and e.rank >= hidden]


def _ensemble(found: Candidates, table: Table, kappa: Kappa, seen: list[Error]) -> Ensemble:
    trust = {name: form.trust for name, form in found.forms.items()}
    return Ensemble(
        candidates=found,
        loss_weights=weights(seen, trust, "loss"),
        size_weights=weights(seen, trust, "size"),
        drift=model_drift(seen),
        fitted=(float(table.log_c.min()), float(table.log_c.max())),
        kappa=kappa,
    )


def _error(ensemble: Ensemble, hidden: int, rank: int, target: Reference, level: float) -> Error:
    at = np.array([target.log_c])
    size = ensemble.best_size(at, level)
    loss = ensemble.best_loss(at, level, one_run=False)
    losses = {n: f.best_loss(at)[:, 0] for n, f in ensemble.forms.items()}
    sizes = {n: f.best_size(at)[:, 0] for n, f in ensemble.forms.items()}
    noise = sum(w * float(losses[n][1:].var()) for n, w in ensemble.loss_weights.items())
    true_n, true_loss = np.exp(target.log_n), np.exp(target.log_loss)
    return Error(
        hidden=hidden,
        rank=rank,
        reference=target,
        distance=float(beyond(at, ensemble.fitted)[0]),
        loss={n: float(v[0] - target.log_loss) for n, v in losses.items()},
        size={n: float(v[0] - target.log_n) for n, v in sizes.items()},
        loss_variance=noise + target.sd_loss**2,
        mixed=Backtest(
            held_out=target.flops,
            beyond=float(np.exp(target.log_c - ensemble.fitted[1])),
            params_error=float(size.value[0] / true_n - 1),
            loss_error=float(loss.value[0] / true_loss - 1),
            params_covered=bool(size.low[0] <= true_n <= size.high[0]),
            loss_covered=bool(loss.low[0] <= true_loss <= loss.high[0]),
        ),
    )
