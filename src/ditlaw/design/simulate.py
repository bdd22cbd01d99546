"""Studies that might come of a plan: its exact rows with losses drawn, fitted as real ones are."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ditlaw.design.centre import Centre
from ditlaw.design.truths import Truth, draw
from ditlaw.errors import Refused
from ditlaw.laws.fitting import refit
from ditlaw.laws.isoflop import OK
from ditlaw.laws.kappa import kappa_of
from ditlaw.laws.noise import Noise
from ditlaw.laws.table import FloatArray, prepare
from ditlaw.observations import MIN_STEPS, Observations
from ditlaw.study import Study, study_runs

DRAWS = 100  # redraws behind an interval: it is within a few percent as wide as of 400
LEVEL = 0.9
SEED = 0


@dataclass(frozen=True)
class Said:
    """What one simulated fit says at the target, and how wrong it is; logs, but ``half_width``.

    ``half_width`` is that of the loss of one new run, relative; ``usable`` counts budgets.
    """

    half_width: float
    params_half_width: float
    loss_error: float
    params_error: float
    inside: bool
    usable: int


def planned_rows(study: Study) -> pd.DataFrame:
    """The rows that a study's runs will give and that a fit will use, losses apart."""
    rows = [
        {
            "run": f"{run.id}-{stop.budget:g}",
            "trunk": run.id,
            "params": float(run.counts().params),
            "tokens": float(mix.tokens(stop.step)),
            "flops": float(mix.flops(stop.step)),
            "budget": stop.budget,
        }
        for run in study_runs(study)
        for mix in [run.mix()]
        for stop in run.stops
        if stop.step >= MIN_STEPS and stop.step > run.recipe.warmup_steps
    ]
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1))


def draw_truths(study: Study, rows: pd.DataFrame, centre: Centre, number: int) -> list[Truth]:
    """Truths about the expected best size of the study's largest budget."""
    log_c = float(np.log(study.budgets[-1]))
    flat = Observations(rows.assign(loss=np.linspace(1, 2, len(rows))), "planned", study=study)
    kappa = kappa_of(prepare(flat, "loss", budgets=1)[1], study)
    return [
        draw(np.random.default_rng([SEED, index]), centre.log_n(log_c), log_c, kappa)
        for index in range(number)
    ]


def simulate(
    study: Study, rows: pd.DataFrame, truths: list[Truth], scatter: Noise, target: float
) -> list[Said | None]:
    """One study a truth, fitted and asked at the target; None where the fit is refused."""
    return [
        _one(study, rows, truth, scatter, target, np.random.default_rng([SEED + 1, index]))
        for index, truth in enumerate(truths)
    ]


def observed(
    study: Study, rows: pd.DataFrame, truth: Truth, scatter: Noise, rng: np.random.Generator
) -> Observations:
    """One study's rows with losses of that truth and fresh noise."""
    trunk = pd.factorize(rows["trunk"])[0]
    luck = scatter.luck(trunk, _logs(rows, "flops"), rng)
    loss = truth.loss(_logs(rows, "params"), _logs(rows, "tokens"))
    frame = rows.assign(loss=loss * np.exp(luck))
    return Observations(frame, source="simulated", study=study)


def _one(
    study: Study,
    rows: pd.DataFrame,
    truth: Truth,
    scatter: Noise,
    target: float,
    rng: np.random.Generator,
) -> Said | None:
    try:
        law = refit(
            observed(study, rows, truth, scatter, rng),
            truth.kappa,
            method="auto",
            metric="loss",
            level=LEVEL,
            draws=DRAWS,
            seed=SEED,
        )
        found = law.curve(target)
    except Refused:
        return None
    log_n, loss = truth.optimum(target)
    run, size, own = found.run, found.params, found.loss
    return Said(
        half_width=run.quantity(LEVEL).half_width(),
        params_half_width=float(np.sqrt(size.high[0] / size.low[0])) - 1,
        loss_error=float(np.log(own.value[0] / loss)),
        params_error=float(np.log(size.value[0])) - log_n,
        inside=bool(own.low[0] <= loss <= own.high[0]),
        usable=sum(c.status == OK for c in law.fitted.ensemble.candidates.curves),
    )


def _logs(rows: pd.DataFrame, column: str) -> FloatArray:
    return np.asarray(np.log(rows[column].to_numpy(dtype=float)))
