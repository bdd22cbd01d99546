"""The interval after some runs, by simulation: their losses are drawn, and everything is fitted."""

from dataclasses import replace

import numpy as np
import pandas as pd

from ditlaw.errors import Refused
from ditlaw.laws import Law, fit
from ditlaw.laws.ensemble import EXCLUDED_BELOW
from ditlaw.laws.table import FloatArray
from ditlaw.planner.gain import near_best
from ditlaw.planner.pool import Pool, Step
from ditlaw.planner.table_pool import called

STUDIES = 8  # simulated; their median is told
DRAWS = 100


def half_width(law: Law, target: float) -> float:
    """Relative half-width of the loss of one run at the target."""
    return law.optimum(target).loss.half_width()


def expected_half_width(
    law: Law,
    pool: Pool,
    steps: list[Step],
    target: float,
    seed: int,
    there: dict[tuple[int, int], str],
) -> float:
    """Median relative half-width after the steps, over losses that the law holds likely.

    ``there`` has the trunks of the rows by (size, seed): one that is trained on is no new seed.

    Raises:
        Refused: no simulated study could be fitted.
    """
    rng = np.random.default_rng([seed, 29])
    near = near_best(law, pool)  # what lies further off is seen too, and tells nothing
    rows = [(s, budget) for s in steps for budget in s.rows if near[s.trunk.size, budget]]
    log_n = np.array([pool.log_n[step.trunk.size] for step, _ in rows])
    log_c = np.array([pool.log_c[budget] for _, budget in rows])
    keys = [(step.trunk.size, step.trunk.seed) for step, _ in rows]
    names = [there.get(key, f"next/{key[0]}/{key[1]}") for key in keys]
    trunk = np.unique(names, return_inverse=True)[1]
    noise = law.fitted.ensemble.candidates.noise
    frame = _frame(law, log_n, log_c, names)
    found = []
    for truth in _truths(law, log_n, log_c, rng):
        frame[law.metric] = np.exp(truth + noise.luck(trunk, log_c, rng))
        both = pd.concat([law.observations.frame, frame], ignore_index=True)
        try:
            again = fit(
                replace(law.observations, frame=both),
                method=law.method,
                metric=law.metric,
                level=law.level,
                draws=DRAWS,
            )
            found.append(half_width(again, target))
        except Refused:
            continue
    if not found:
        raise Refused(f"{law.observations.source}: no study of these runs could be fitted")
    return float(np.median(found))


def _truths(
    law: Law, log_n: FloatArray, log_c: FloatArray, rng: np.random.Generator
) -> list[FloatArray]:
    """Ln losses (rows,) that the law's forms hold likely, each form by its weight."""
    ensemble = law.fitted.ensemble
    weights = {n: w for n, w in ensemble.loss_weights.items() if w >= EXCLUDED_BELOW}
    names = list(weights)
    share = np.array([weights[name] for name in names])
    drawn = {name: ensemble.forms[name].loss(log_n, log_c)[1:] for name in names}
    found = []
    for name in rng.choice(names, STUDIES, p=share / share.sum()):
        truths = drawn[name][np.isfinite(drawn[name]).all(axis=1)]
        if len(truths):
            found.append(truths[rng.integers(len(truths))])
    return found


def _frame(law: Law, log_n: FloatArray, log_c: FloatArray, names: list[str]) -> pd.DataFrame:
    """Rows as the table has them, without a loss."""
    known = law.observations.frame
    frame = pd.DataFrame([known.iloc[0]] * len(names)).reset_index(drop=True)
    frame["run"] = frame["trunk"] = names
    frame["params"], frame["flops"] = np.exp(log_n), np.exp(log_c)
    frame["tokens"] = np.exp(law.kappa.log_tokens(log_n, log_c))
    frame["budget"] = [called(law, float(c)) for c in log_c]
    for column in ("learning_rate", "depth", "width", "heads"):
        if column in frame:  # what is not said is no setting of its own
            frame[column] = np.nan
    return frame
