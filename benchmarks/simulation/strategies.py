"""Ways to spend FLOPs on more runs, round by round: the planner, V-optimal design, and chance."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ditlaw import laws
from ditlaw.laws.surface import Surface
from ditlaw.planner.choose import choose
from ditlaw.planner.gain import Outlook, outlook
from ditlaw.planner.pool import Pool, Step
from simulation.grids import BUDGETS, SEEDS, Done, World
from simulation.truths import Array

ROUNDS = 4
DRAWS = 100  # of the fits that a strategy chooses by
STEP = 1e-4

Chooser = Callable[[laws.Law, Pool, float, float, np.random.Generator], list[Step]]


def spend(world: World, pilot: Done, target: float, most: float, chooser: Chooser, rng) -> Done:
    """What is trained once a strategy has spent ``most`` FLOPs, the pilot's included.

    Every round plans for all that is left and trains the cheapest of it, as much as the round's
    share pays and one run at least; the last round trains the whole plan.
    """
    done = dict(pilot)
    for rounds_left in range(ROUNDS, 0, -1):
        left = most - world.cost(done)
        law = laws.fit(world.table(done), draws=DRAWS)
        steps = chooser(law, world.pool(done), target, left, rng)
        used, share = 0.0, left / rounds_left
        for step in sorted(steps, key=lambda step: step.cost):
            key = (step.trunk.size, step.trunk.seed)
            if used and used + step.cost > share and rounds_left > 1:
                break
            if step.trunk.seed < SEEDS and done.get(key, -1) == step.trunk.reached:
                done[key] = step.to
                used += step.cost
    return done


def by_planner(law, pool, target, left, rng) -> list[Step]:
    """What ``ditlaw next`` does."""
    return choose(outlook(law, pool, target), pool, left)


def v_optimal(law, pool, target, left, rng) -> list[Step]:
    """The same search where all that is open is the five parameters of one surface.

    V-optimal design: the variance of the predicted loss, linear in the parameters about the fit.
    """
    return choose(_linear(law, pool, outlook(law, pool, target)), pool, left)


def at_random(law, pool, target, left, rng) -> list[Step]:
    """Steps of the planner's own pool that can be paid for, each as likely.

    Runs further off the best size than a factor 4 are no one's choice.
    """
    best = np.log(law.curve(np.exp(pool.log_c)).params.value)
    near = np.abs(pool.log_n[:, None] - best) <= np.log(4)
    return _drawn(pool, left, near, rng)


def of_the_grid(grid: np.ndarray) -> Chooser:
    """The same of the full grid's own runs: its sizes at each of its budgets, with two seeds."""

    def chooser(law, pool, target, left, rng) -> list[Step]:
        return _drawn(pool, left, grid & (np.arange(len(pool.log_c)) < BUDGETS), rng, seeds=2)

    return chooser


def _drawn(pool: Pool, left: float, wanted: np.ndarray, rng, seeds: int = SEEDS) -> list[Step]:
    steps = []
    while True:
        able = [
            step
            for trunk in pool.able()
            for to in range(trunk.reached + 1, len(pool.log_c))
            if wanted[trunk.size, to]
            and trunk.seed < seeds
            and (step := pool.step(trunk, to)).cost <= left
        ]
        if not able:
            return steps
        steps.append(able[rng.integers(len(able))])
        pool, left = pool.after(steps[-1]), left - steps[-1].cost


def _linear(law: laws.Law, pool: Pool, known: Outlook) -> Outlook:
    """The outlook of a surface whose parameters the table's rows have been seen to tell."""
    surface = law.fitted.ensemble.candidates.surface
    assert surface is not None
    rows, noise = law.table, law.fitted.ensemble.candidates.noise
    sd = noise.at(rows.log_c)
    same = rows.trunk[:, None] == rows.trunk[None, :]
    covariance = np.outer(sd, sd) * (noise.share * same + (1 - noise.share) * np.eye(len(sd)))
    slopes = _slopes(surface, rows.log_n, rows.log_c)
    information = slopes @ np.linalg.solve(covariance, slopes.T)
    spread = np.linalg.pinv(information, rcond=1e-13, hermitian=True)
    at = np.array([known.target])
    best = surface.best_size(at)[0]
    log_n = np.append(np.repeat(pool.log_n, len(pool.log_c)), best)
    log_c = np.append(np.tile(pool.log_c, len(pool.log_n)), at)
    ahead = _slopes(surface, log_n, log_c)
    return replace(known, covariance=ahead.T @ spread @ ahead, drift=0.0)


def _slopes(surface: Surface, log_n: Array, log_c: Array) -> Array:
    """∂ ln L/∂θ of the fitted surface at ln N, ln C (n,): (5, n), by central differences."""
    theta = surface.theta[0]
    # E is in units of the loss, the other four are logs.
    moves = STEP * np.diag([float(np.exp(surface.loss(log_n, log_c)[0].mean())), 1, 1, 1, 1])
    both = replace(surface, theta=np.vstack([theta + moves, theta - moves])).loss(log_n, log_c)
    return (both[:5] - both[5:]) / (2 * np.diag(moves)[:, None])
