"""A world of runs that could be trained: sizes × budgets × seeds, each with its noise fixed.

The full grid is seven sizes over a factor 16 about the best one of each of eight budgets, one trunk
a size and seed. The pool goes on beyond it: a planner may train a run that the grid has not. What a
run measures is the same whoever trains it, so strategies are compared pair by pair.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ditlaw.observations import Observations
from ditlaw.planner.pool import Pool, Trunk
from simulation.truths import D0, LARGEST, LOG_C0, LOG_N0, N0, Array, Truth

BUDGETS, FURTHER = 8, 3  # of the grid, and of the pool beyond it
SIZES, SPAN = 7, 16.0
SEEDS = 8
SHARE = 0.5  # of the variance common to a trunk

Done = dict[tuple[int, int], int]  # of each (size, seed): the last budget that it has reached


@dataclass(frozen=True)
class World:
    """``x`` (s,) is ln N/N0 and ``c`` (b,) ln C/C0; ``loss`` (s, seeds, b) ln L with its noise.

    ``grid`` (s, b) says which sizes the full grid has at each budget.
    """

    truth: Truth
    x: Array
    c: Array
    grid: np.ndarray
    loss: Array

    def whole(self, seeds: int, budgets: int = BUDGETS) -> Done:
        """The grid up to a budget: each size goes as far as it is wanted."""
        last = {}
        for size in range(len(self.x)):
            wanted = np.flatnonzero(self.grid[size, :budgets])
            if len(wanted):
                last |= {(size, seed): int(wanted.max()) for seed in range(seeds)}
        return last

    def cost(self, done: Done) -> float:
        """Training FLOPs."""
        return float(sum(np.exp(self.c[last] + LOG_C0) for last in done.values()))

    def pool(self, done: Done) -> Pool:
        """What could be run next."""
        trunks = {key: Trunk(*key, reached=last) for key, last in done.items()}
        return Pool(self.x + LOG_N0, self.c + LOG_C0, trunks)

    def table(self, done: Done) -> Observations:
        """The rows of what was trained; of diffusion models, as ditlaw's own are."""
        rows = [
            {
                "run": f"{size}-{seed}-{budget}",
                "trunk": f"{size}-{seed}",
                "params": N0 * np.exp(self.x[size]),
                "tokens": D0 * np.exp(self.c[budget] - self.x[size]),
                "flops": np.exp(self.c[budget] + LOG_C0),
                "budget": np.exp(self.c[budget] + LOG_C0),
                "loss": np.exp(self.loss[size, seed, budget]),
                "timesteps": "uniform",
            }
            for (size, seed), last in sorted(done.items())
            for budget in range(last + 1)
        ]
        frame = pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1))
        return Observations(frame, source="simulated")


def make_world(truth: Truth, noise: float, rng: np.random.Generator) -> World:
    """Sizes on a lattice whose phase is drawn, so that no grid is centred by luck."""
    inside = np.linspace(-LARGEST, LARGEST, BUDGETS)
    step_c = inside[1] - inside[0]
    c = np.append(inside, LARGEST + step_c * np.arange(1, FURTHER + 1))
    step, phase = np.log(SPAN) / (SIZES - 1), rng.random()
    middle = np.round(truth.optimum(c)[0] / step - phase).astype(int)
    place = np.arange(middle.min() - SIZES // 2, middle.max() + SIZES // 2 + 1)
    x = step * (place + phase)
    shared = rng.standard_normal((len(x), SEEDS, 1))
    own = rng.standard_normal((len(x), SEEDS, len(c)))
    clean = np.stack([truth.log_loss(x, at - x) for at in c], axis=1)[:, None, :]
    loss = clean + noise * (np.sqrt(SHARE) * shared + np.sqrt(1 - SHARE) * own)
    return World(truth, x, c, np.abs(place[:, None] - middle) <= SIZES // 2, loss)
