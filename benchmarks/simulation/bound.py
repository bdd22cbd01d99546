"""What the best choice of runs could do that knows the true surface and the noise.

Runs are chosen V-optimally: the variance of ln L at the target, of the surface's five parameters
fitted by generalised least squares with the noise that they really have. Greedily, by what a run
takes away over its cost to a power; the best power of four counts.
"""

import numpy as np

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


def ratio(world: World, done: Done, other: Done, target: float) -> float:
    """The sd at ln C/C0 ``target`` of some runs ÷ that of others."""
    oracle = Oracle(world, target)
    return oracle.sd(oracle.of(done)) / oracle.sd(oracle.of(other))


def best_runs(world: World, pilot: Done, most: float, target: float) -> Done:
    """What is trained once the oracle has spent ``most`` FLOPs, the pilot's included."""
    oracle = Oracle(world, target)
    found = [_greedy(oracle, world, pilot, most, power) for power in POWERS]
    return min(found, key=lambda done: oracle.sd(oracle.of(done)))


def _greedy(oracle: Oracle, world: World, pilot: Done, most: float, power: float) -> Done:
    done, pool, left = dict(pilot), world.pool(pilot), most - world.cost(pilot)
    while True:
        known = oracle.of(done)
        now, best, worthiest = oracle.sd(known), None, 0.0
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
                if worth > worthiest:
                    best, worthiest = step, worth
        if best is None:
            return done
        pool, left = pool.after(best), left - best.cost
        done[best.trunk.size, best.trunk.seed] = best.to
