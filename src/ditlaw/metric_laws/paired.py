"""Two columns of the same runs set against each other at the loss's best sizes, run by run.

Runs scatter by far more than two of their columns scatter about each other: which run was lucky is
in both. So the difference (or the log of the ratio) of a row is fitted, not two laws subtracted:
y = β0 + β1·u + β2·v + β3·v² + β4·u², u along ln C and v = ln N − ln N*(C), and read at v = 0.
"""

from dataclasses import dataclass

import numpy as np

from ditlaw.errors import Refused
from ditlaw.laws import Law
from ditlaw.laws.ensemble import of_draws
from ditlaw.laws.noise import Residuals, from_residuals
from ditlaw.laws.table import BoolArray, FloatArray
from ditlaw.results import Quantity

NEAR = np.log(6.0)  # sizes this near the best ones are read, as by the parabolas of the laws
SPARE = 4  # rows more than parameters, where there are
EXACT = 1e-9  # relative; what arithmetic alone leaves of a change


@dataclass(frozen=True)
class Paired:
    """y at the best sizes of the smallest and largest budgets that have it: (draws + 1,) each.

    Entry 0 is the estimate. ``span`` is ln of the ratio of those budgets, ``rows`` how many rows
    were read.
    """

    smallest: FloatArray
    largest: FloatArray
    span: float
    rows: int

    def change(self, level: float) -> Quantity:
        """Largest − smallest; 0 where it is no more than arithmetic leaves."""
        return of_draws(self._settled(self.largest - self.smallest), level)

    def slope(self, level: float) -> Quantity:
        """Mean dy/d ln C between the two."""
        return of_draws(self._settled(self.largest - self.smallest) / self.span, level)

    def _settled(self, change: FloatArray) -> FloatArray:
        scale = max(float(np.abs(self.smallest).max()), float(np.abs(self.largest).max()))
        return np.where(np.abs(change) <= EXACT * max(scale, EXACT), 0.0, change)


def paired(law: Law, y: FloatArray, what: str, *, draws: int = 400, seed: int = 0) -> Paired:
    """Fit y (n,), NaN where a row has none, over the rows of the loss's law.

    Residuals are redrawn with half of their variance shared by a trunk's rows. N* is taken as
    known: at its minimum in size the loss hardly feels an error in it.

    Raises:
        Refused: too few rows or budgets have it.
    """
    table, source = law.table, law.observations.source
    has = np.isfinite(y)
    best = np.log(law.curve(np.exp(table.log_c)).params.value)
    away = table.log_n - best
    near = has & (np.abs(away) <= NEAR)
    chosen = near if near.sum() >= 2 * SPARE else has
    ends = _ends(law, chosen)
    if chosen.sum() < SPARE or ends is None:
        raise Refused(
            f"{source}: {what}: {int(has.sum())} rows have it; a comparison with the loss needs "
            f"{SPARE} of two budgets"
        )
    low, high = ends
    u = (2 * table.log_c[chosen] - low - high) / (high - low)
    v = away[chosen]
    design = _design(u, v)
    inverse = np.linalg.pinv(design)
    beta = inverse @ y[chosen]
    fitted = design @ beta
    rows, terms = design.shape
    free = np.full(rows, 1 - terms / rows)
    noise = from_residuals(Residuals(y[chosen] - fitted, table.log_c[chosen], free))
    random = np.random.default_rng(seed)
    trunk = np.unique(table.trunk[chosen], return_inverse=True)[1]
    moved = noise.perturbations(trunk, table.log_c[chosen], noise.sd_draws(draws, random), random)
    betas = np.vstack([beta, (fitted + moved) @ inverse.T])
    at = np.zeros((2, terms))
    at[:, 0], at[:, 1] = 1.0, (-1.0, 1.0)
    if terms == 5:
        at[:, 4] = 1.0
    smallest, largest = at @ betas.T
    return Paired(smallest, largest, high - low, rows)


def _ends(law: Law, chosen: BoolArray) -> tuple[float, float] | None:
    """ln C of the smallest and largest fitted budgets that have rows; None if they are one."""
    table = law.table
    usable = [c for c in law.isoflops() if c.params_opt is not None]
    there = set(np.exp(table.log_c[chosen]).tolist()) if not usable else set()
    budgets = np.unique(table.group[chosen & (table.group >= 0)])
    held = {float(table.budgets[g]) for g in budgets}
    there |= {c.flops for c in usable if c.budget in held}
    if not there or max(there) <= 1.02 * min(there):
        return None
    return float(np.log(min(there))), float(np.log(max(there)))


def _design(u: FloatArray, v: FloatArray) -> FloatArray:
    """As many of the terms 1, u, v, v², u² as the rows determine with some to spare."""
    terms = np.stack([np.ones_like(u), u, v, v**2, u**2], axis=1)
    for count in (5, 4, 3):
        design = terms[:, :count]
        if len(u) >= count + SPARE and np.linalg.matrix_rank(design, tol=1e-6) == count:
            return design
    return terms[:, :2]
