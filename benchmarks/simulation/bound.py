"""What the best choice of runs could do that knows the true surface and the noise.

Runs are chosen V-optimally: the variance of ln L at the target, of the surface's five parameters
fitted by generalised least squares with the noise that they really have. Greedily, by what a run
takes away over its cost to a power; the best power of four counts.
"""

import numpy as np

from ditlaw.planner.pool import Pool
from simulation.grids import SHARE, Done, World
from simulation.oracle import _slopes as slopes
from simulation.truths import Array

POWERS = (0.35, 0.5, 0.7, 1.0)
LEAST = 1e-8  # information of a prior, so that few rows can be inverted
MOST_SEEDS = 4


class Oracle:
    """Information of every run of a world, in units of its noise, and the target's slopes."""

    def __init__(self, world: World, target: float) -> None:
        each = [slopes(world.truth, world.x, c - world.x) for c in world.c]
        x, _ = world.truth.optimum(np.array([target]))
        self.target = slopes(world.truth, x, target - x)[:, 0]
        self.information = {}
        for size in range(len(world.x)):
            for last in range(len(world.c)):
                rows = np.stack([each[b][:, size] for b in range(last + 1)], axis=1)
                noise = SHARE * np.ones((last + 1, last + 1)) + (1 - SHARE) * np.eye(last + 1)
                self.information[size, last] = rows @ np.linalg.solve(noise, rows.T)

    def of(self, done: Done) -> Array:
        """What runs tell of the five parameters: (5, 5)."""
        found = LEAST * np.eye(5)
        return found + sum(self.information[size, last] for (size, _), last in done.items())

    def sd(self, information: Array) -> float:
        """Of ln L at the target, in units of the noise of one run."""
        return float(np.sqrt(self.target @ np.linalg.solve(information, self.target)))


def best_ratio(world: World, pilot: Done, most: float, target: float) -> float:
    """The sd at ln C/C0 ``target`` of the best runs for ``most`` FLOPs, ÷ that of the full grid."""
    oracle = Oracle(world, target)
    chosen = [
        _greedy(oracle, world.pool(pilot), pilot, most - world.cost(pilot), p) for p in POWERS
    ]
    return min(chosen) / oracle.sd(oracle.of(world.whole(2)))


def _greedy(oracle: Oracle, pool: Pool, pilot: Done, left: float, power: float) -> float:
    known = oracle.of(pilot)
    while True:
        now, best, most = oracle.sd(known), None, 0.0
        for trunk in pool.able():
            if trunk.seed >= MOST_SEEDS:
                continue
            before = oracle.information.get((trunk.size, trunk.reached), np.zeros((5, 5)))
            for to in range(trunk.reached + 1, len(pool.log_c)):
                step = pool.step(trunk, to)
                if step.cost > left:
                    break
                more = known - before + oracle.information[trunk.size, to]
                worth = (now**2 - oracle.sd(more) ** 2) / step.cost**power
                if worth > most:
                    best, most, after = step, worth, more
        if best is None:
            return now
        known, pool, left = after, pool.after(best), left - best.cost
