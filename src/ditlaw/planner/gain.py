"""What runs would tell about the loss at a target, before they are run.

The law's own redraws are equally likely truths. They say how the loss at the target goes together
with the loss at every size and budget, form by form and between the forms. Given that and the noise
of runs, what an observation leaves open of the target follows by Gaussian conditioning (Cohn 1996,
active learning by expected variance): nothing is trained or fitted to find out. A linear model's
version of it is V-optimal design.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from ditlaw.errors import Refused
from ditlaw.laws import Law
from ditlaw.laws.ensemble import EXCLUDED_BELOW, NEAR
from ditlaw.laws.forms import beyond
from ditlaw.laws.table import BoolArray, FloatArray, IntArray
from ditlaw.planner.pool import Pool, Step, Trunk

REACH = float(np.log(4.0))  # ln N from the best size at which a run still tells something
LEAST_NOISE = 1e-6  # of ln L: with none at all a covariance has no inverse


@dataclass(frozen=True)
class Outlook:
    """What is open of ln L at the target, and of the losses that runs would have.

    ``covariance`` is of the losses at every size and budget (s·b), then the target, then the
    effects of trunks that were seen, in units of one row's noise: ``trunks`` has their places.
    """

    covariance: FloatArray
    trunks: dict[tuple[int, int], int]
    shape: tuple[int, int]
    near: BoolArray  # (s, b): where a run tells something
    noise: FloatArray  # (b,) sd of one run's ln L
    share: float  # of its variance common to a trunk
    target: float  # ln C
    fitted: tuple[float, float]  # ln C of the smallest and the largest run
    drift: float

    @property
    def place(self) -> int:
        """Of the target in ``covariance``."""
        return self.shape[0] * self.shape[1]

    def variance(self) -> float:
        """Of the law's ln L at the target: what runs can still tell, and the model error."""
        return self.fitted_variance() + self.model_variance()

    def fitted_variance(self) -> float:
        """The part that the forms' redraws hold."""
        return float(self.covariance[self.place, self.place])

    def model_variance(self, reached: float = -np.inf) -> float:
        """The part that no form knows, were there a run of ln C ``reached`` too."""
        fitted = self.fitted[0], max(self.fitted[1], reached)
        return (self.drift * (NEAR + float(beyond(np.array([self.target]), fitted)[0]))) ** 2

    def gains(self, trunk: Trunk, pool: Pool) -> FloatArray:
        """How much of the variance at the target each budget ahead of a trunk would take away.

        Where trunks pass budgets, what a later one tells holds what those before it tell.
        """
        ahead = np.arange(trunk.reached + 1, len(pool.log_c))
        told = np.zeros(len(ahead))
        known = np.flatnonzero(self.near[trunk.size, ahead])
        if len(known):
            inner, cross = self._seen(trunk, ahead[known])
            if pool.passes:
                told[known] = np.cumsum(
                    solve_triangular(cholesky(inner, True), cross, lower=True) ** 2
                )
                told = np.maximum.accumulate(told)
            else:
                told[known] = cross**2 / np.diag(inner)
        # A run that says nothing of the loss makes no range larger.
        reached = np.where(self.near[trunk.size, ahead], pool.log_c[ahead], -np.inf)
        if pool.passes:
            reached = np.maximum.accumulate(reached)
        later = np.array([self.model_variance(float(c)) for c in reached])
        return np.asarray(told + self.model_variance() - later)

    def after(self, step: Step, log_c: FloatArray) -> "Outlook":
        """The outlook once a step's losses are known, whatever they are."""
        rows = np.array([b for b in step.rows if self.near[step.trunk.size, b]], dtype=int)
        if not len(rows):
            return self
        key, cells = (step.trunk.size, step.trunk.seed), self._cells(step.trunk, rows)
        grown = self._with_trunk(key)
        p, at = grown.covariance, grown.trunks[key]
        moves = p[:, cells] + np.outer(p[:, at], self.noise[rows] * np.sqrt(self.share))
        inner, _ = grown._seen(step.trunk, rows)
        left = p - moves @ np.linalg.solve(inner, moves.T)
        reached = max(self.fitted[1], float(log_c[rows].max()))
        return replace(grown, covariance=left, fitted=(self.fitted[0], reached))

    def _cells(self, trunk: Trunk, rows: IntArray) -> IntArray:
        """Places of a trunk's losses at some budgets."""
        return trunk.size * self.shape[1] + rows

    def _seen(self, trunk: Trunk, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Covariance of a trunk's losses at some budgets, and of them with the target."""
        p, place = self.covariance, self.trunks.get((trunk.size, trunk.seed))
        cells, effect = self._cells(trunk, rows), self.noise[rows] * np.sqrt(self.share)
        inner = p[np.ix_(cells, cells)] + np.diag((1 - self.share) * self.noise[rows] ** 2)
        cross = p[cells, self.place]
        if place is None:
            return inner + np.outer(effect, effect), cross
        both = np.outer(p[cells, place], effect)
        inner = inner + both + both.T + p[place, place] * np.outer(effect, effect)
        return inner, cross + p[place, self.place] * effect

    def _with_trunk(self, key: tuple[int, int]) -> "Outlook":
        if key in self.trunks:
            return self
        size = len(self.covariance)
        grown = np.zeros((size + 1, size + 1))
        grown[:size, :size] = self.covariance
        grown[size, size] = 1.0
        return replace(self, covariance=grown, trunks=self.trunks | {key: size})


def near_best(law: Law, pool: Pool) -> BoolArray:
    """Whether a run of each size is near enough to the best one of each budget, and fitted: (s, b).

    Far off the best size a form may say what no number holds; such cells are not asked.
    """
    best = np.log(law.fitted.ensemble.best_size(pool.log_c, law.level).value)
    near = np.abs(pool.log_n[:, None] - best) <= REACH
    return np.asarray(near if pool.counts is None else near & pool.counts)


def outlook(law: Law, pool: Pool, target: float) -> Outlook:
    """What a law leaves open at ``target`` FLOPs, and how the pool's runs bear on it.

    Raises:
        Refused: the law says nothing of any size that could be run.
    """
    ensemble, noise = law.fitted.ensemble, law.fitted.ensemble.candidates.noise
    sizes, budgets = len(pool.log_n), len(pool.log_c)
    log_n, log_c = np.repeat(pool.log_n, budgets), np.tile(pool.log_c, sizes)
    at = np.array([np.log(target)])
    heard = {n: w for n, w in ensemble.loss_weights.items() if w >= EXCLUDED_BELOW}
    forms = [ensemble.forms[name] for name in heard]
    parts = [
        np.column_stack([form.loss(log_n, log_c)[1:], form.best_loss(at)[1:]]) for form in forms
    ]
    draws = np.concatenate(parts)
    weight = np.repeat(
        [w / len(part) for w, part in zip(heard.values(), parts, strict=True)],
        [len(part) for part in parts],
    )
    weight = weight / weight.sum()
    near = near_best(law, pool) & np.isfinite(draws[:, :-1]).all(axis=0).reshape(sizes, budgets)
    if not near.any():
        raise Refused(
            f"{law.observations.source}: the law says nothing of the sizes that could be run; "
            "use one of --method auto"
        )
    draws = np.where(np.isfinite(draws), draws, 0.0)
    away = draws - weight @ draws
    covariance = (weight[:, None] * away).T @ away
    # No form passes through every budget's truth: repeats at one budget cannot tell more than that.
    same = np.tile(np.eye(budgets), (sizes, sizes)) * (ensemble.drift * NEAR) ** 2
    covariance[:-1, :-1] += same
    return Outlook(
        covariance=covariance,
        trunks={},
        shape=(sizes, budgets),
        near=near,
        noise=np.maximum(noise.at(pool.log_c), LEAST_NOISE),
        share=noise.share,
        target=float(at[0]),
        fitted=ensemble.fitted,
        drift=ensemble.drift,
    )
