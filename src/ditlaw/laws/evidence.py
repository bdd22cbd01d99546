"""What backtests teach: how much to listen to each form, and how far a law may drift."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ditlaw.laws.ensemble import EXCLUDED_BELOW, NEAR, Ensemble
from ditlaw.laws.stacking import stack
from ditlaw.results import Backtest, FormEvidence

# Prior of the loss's model error per e-fold, and how many targets it is worth; a study's own
# backtests outvote it. Set on simulations.
PRIOR_DRIFT = 0.002
PRIOR_DRIFT_WEIGHT = 3.0
# What a right form may miss by, per e-fold: evidence finer than this would be overread.
FINEST = {"loss": 0.002, "size": 0.04}
PRIOR_WEIGHT = 2.0  # Dirichlet prior of the weights, before trust

Kind = Literal["loss", "size"]


@dataclass(frozen=True)
class Reference:
    """A budget's own minimum and the sd of its logs; ``flops`` is what the budget is called."""

    flops: float
    log_c: float
    log_n: float
    log_loss: float
    sd_n: float
    sd_loss: float


@dataclass(frozen=True)
class Error:
    """One forecast of a held-out budget: errors in logs of each form and of the mixture.

    ``hidden`` budgets were held out; ``rank`` counts this one from the largest, from 0.
    """

    hidden: int
    rank: int
    reference: Reference
    distance: float
    loss: dict[str, float]
    size: dict[str, float]
    loss_variance: float  # of the mixture's error, by its own draws and the reference's noise
    mixed: Backtest

    def of(self, kind: Kind) -> dict[str, float]:
        """Signed errors of each form."""
        return self.loss if kind == "loss" else self.size

    def variance(self, kind: Kind) -> float:
        """Of the error that a right form would have."""
        noise = self.reference.sd_loss if kind == "loss" else self.reference.sd_n
        return float(noise**2 + (FINEST[kind] * (NEAR + self.distance)) ** 2)


def weights(seen: list[Error], trust: dict[str, float], kind: Kind) -> dict[str, float]:
    """Weights that sum to 1: stacked by the backtests, times each form's trust from its misfit.

    0 below 5 % and for a form that some backtest could not fit. Without backtests, trust alone.
    """
    names = list(trust)
    tested = [name for name in names if all(name in e.of(kind) for e in seen)]
    errors = np.array([[e.of(kind)[name] for name in tested] for e in seen])
    found = stack(
        errors.reshape(len(seen), len(tested)),
        np.array([e.variance(kind) for e in seen]),
        np.full(len(tested), PRIOR_WEIGHT),
    )
    found = found * np.array([trust[name] for name in tested])
    found = found / found.sum()
    kept = {n: float(w) for n, w in zip(tested, found, strict=True) if w >= EXCLUDED_BELOW}
    return {name: kept.get(name, 0.0) / sum(kept.values()) for name in names}


def model_drift(seen: list[Error]) -> float:
    """Model error per e-fold: the prior, and what the mixture's own draws leave of its errors.

    Every target is forecast from up to three levels; together they count as one.
    """
    total, count = PRIOR_DRIFT_WEIGHT * PRIOR_DRIFT**2, PRIOR_DRIFT_WEIGHT
    for rank in sorted({e.rank for e in seen}):
        total += float(np.mean([_excess(e) for e in seen if e.rank == rank]))
        count += 1
    return float(np.sqrt(total / count))


def evidence(seen: list[Error], ensemble: Ensemble) -> list[FormEvidence]:
    """Root mean square backtest errors, weights and failed refits, one entry a form."""
    return [
        FormEvidence(
            form=name,
            loss_error=_root_mean_square([e.loss[name] for e in seen if name in e.loss]),
            loss_weight=ensemble.loss_weights[name],
            params_error=_root_mean_square([e.size[name] for e in seen if name in e.size]),
            params_weight=ensemble.size_weights[name],
            failed_refits=form.failed,
        )
        for name, form in ensemble.forms.items()
    ]


def _excess(error: Error) -> float:
    square = float(np.log1p(error.mixed.loss_error) ** 2)
    return max(0.0, square - error.loss_variance) / (NEAR + error.distance) ** 2


def _root_mean_square(values: list[float]) -> float | None:
    return float(np.sqrt(np.mean(np.square(values)))) if values else None
