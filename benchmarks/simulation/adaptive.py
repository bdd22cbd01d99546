"""Adaptive studies under a known truth: one path a study, scored after every round.

A path is carried on to the whole spend whatever its intervals say. So any rule of when to stop can
be held against it afterwards, and the same studies stopped without a look at their intervals too.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ditlaw import laws
from ditlaw.errors import Refused
from ditlaw.observations import Observations
from ditlaw.planner.choose import choose
from ditlaw.planner.gain import outlook
from ditlaw.planner.pool import Pool, Trunk
from ditlaw.planner.stopping import allowances
from simulation.truths import D0, LARGEST, LOG_C0, LOG_N0, N0, TRUTHS, Truth

LEVEL = 0.9
NOISE, TRUNK_SHARE = 0.01, 0.5
RATIO = 2.5  # of budgets, one to the next
PILOT, FURTHER = 4, 2  # budgets that the pilot has, and how many the pool has beyond them
SIZES, STEP = 5, np.log(2.0)  # sizes of a pilot's budget, and from one to the next in ln N
AHEAD = 25.0  # target ÷ the pilot's largest budget
TIMES = 3.0  # the whole spend ÷ the pilot's
C0 = float(np.exp(LOG_C0))  # FLOPs
BESIDE = 2  # sizes of the pool beyond the pilot's, on either side
FIRST = -LARGEST  # ln C/C0 of the smallest budget


def log_flops(budget: int) -> float:
    """ln C/C0 of a budget of the lattice."""
    return FIRST + budget * float(np.log(RATIO))


@dataclass
class World:
    """A study: what each run would measure, and which have been trained to which budget.

    A trunk is (size, seed); its rows are at all budgets from its first to its last.
    """

    truth: Truth
    key: list[int]
    phase: float
    trunks: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)

    def x(self, size: int) -> float:
        """ln N/N0 of a size of the lattice."""
        return (size + self.phase) * STEP

    def cost(self, size: int, seed: int, budget: int) -> float:
        """FLOPs, in C0, of training a trunk on to a budget."""
        _, last = self.trunks.get((size, seed), (budget, -1))
        before = np.exp(log_flops(last)) if last >= 0 else 0.0
        return float(np.exp(log_flops(budget)) - before)

    def train(self, size: int, seed: int, first: int, last: int) -> None:
        """Train a trunk, on from where it stands if it does."""
        begun, _ = self.trunks.get((size, seed), (first, last))
        self.trunks[size, seed] = (begun, last)

    @property
    def spent(self) -> float:
        """FLOPs of all trunks, in C0."""
        return float(sum(np.exp(log_flops(last)) for _, last in self.trunks.values()))

    def noise(self, size: int, seed: int, budget: int) -> float:
        """Of ln L: the same whenever the run is trained."""
        shared = np.random.default_rng([*self.key, size + 100, seed]).standard_normal()
        own = np.random.default_rng([*self.key, size + 100, seed, budget]).standard_normal()
        return NOISE * float(np.sqrt(TRUNK_SHARE) * shared + np.sqrt(1 - TRUNK_SHARE) * own)

    def observations(self) -> Observations:
        """The table so far."""
        rows = []
        for (size, seed), (first, last) in sorted(self.trunks.items()):
            for budget in range(first, last + 1):
                x, c = self.x(size), log_flops(budget)
                clean = float(self.truth.log_loss(np.array(x), np.array(c - x)))
                flops = float(np.exp(c + LOG_C0))
                rows.append(
                    {
                        "run": f"{size}-{seed}-{budget}",
                        "trunk": f"{size}-{seed}",
                        "params": N0 * np.exp(x),
                        "tokens": D0 * np.exp(c - x),
                        "flops": flops,
                        "budget": flops,
                        "loss": float(np.exp(clean + self.noise(size, seed, budget))),
                    }
                )
        frame = pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1))
        return Observations(frame, source="simulated")


def pilot(truth: Truth, key: list[int]) -> World:
    """Four budgets of five sizes; a size is one trunk. Not centred better than to half a step."""
    rng = np.random.default_rng(key)
    world = World(truth, key, float(rng.random()))
    off = rng.uniform(-1.0, 1.0)  # how far the whole grid is off the best size, in steps
    for budget in range(PILOT):
        best = float(truth.optimum(np.array([log_flops(budget)]))[0][0]) / STEP - world.phase
        middle = round(best + off)
        for size in range(middle - SIZES // 2, middle + SIZES // 2 + 1):
            first, _ = world.trunks.get((size, 0), (budget, budget))
            world.train(size, 0, first, budget)
    return world


def at_random(world: World, law: laws.Law, target: float, allowed: float, seed: int) -> bool:
    """Trains what can be had, drawn at random; a stand-in that knows nothing."""
    rng = np.random.default_rng([*world.key, 7, seed])
    sizes = [size for size, _ in world.trunks]
    pool = [
        (size, run, budget)
        for size in range(min(sizes), max(sizes) + 2)
        for run in (0, 1)
        for budget in range(PILOT + FURTHER)
        if world.trunks.get((size, run), (0, -1))[1] < budget
    ]
    done = False
    for size, run, budget in (pool[i] for i in rng.permutation(len(pool))):
        if world.trunks.get((size, run), (0, -1))[1] >= budget:
            continue
        cost = world.cost(size, run, budget)
        if cost <= allowed:
            world.train(size, run, budget, budget)
            allowed -= cost
            done = True
    return done


def by_planner(world: World, law: laws.Law, target: float, allowed: float, seed: int) -> bool:
    """Trains what the planner chooses: new trunks, and those that are there trained on."""
    seen = [size for size, _ in world.trunks]
    sizes = range(min(seen) - BESIDE, max(seen) + BESIDE + 1)
    pool = Pool(
        log_n=np.array([LOG_N0 + world.x(size) for size in sizes]),
        log_c=np.array([LOG_C0 + log_flops(budget) for budget in range(PILOT + FURTHER)]),
        trunks={
            (sizes.index(size), run): Trunk(sizes.index(size), run, last)
            for (size, run), (_, last) in world.trunks.items()
        },
    )
    steps = choose(outlook(law, pool, target), pool, allowed * C0)
    for step in steps:
        world.train(sizes[step.trunk.size], step.trunk.seed, step.rows[0], step.to)
    return bool(steps)


CHOOSERS = {"planner": by_planner, "random": at_random}


def path(task: tuple[int, int], seed: int, chooser: str) -> list[dict]:
    """One study: a row for the pilot and for every round after it, as far as they can be fitted."""
    truth, index = task
    world = pilot(TRUTHS[truth], [seed, truth, index])
    spend, rows = TIMES * world.spent, []
    c = log_flops(PILOT - 1) + np.log(AHEAD)
    target = float(np.exp(c + LOG_C0))
    rng = np.random.default_rng([seed, truth, index, 1])
    luck = NOISE * float(rng.standard_normal())  # of the run that is forecast
    while True:
        try:
            law = laws.fit(world.observations(), level=LEVEL)
        except Refused:
            return rows
        about = {"truth": TRUTHS[truth].name, "study": index, "round": len(rows)}
        rows.append(about | scored(law, world, c, luck) | {"spent": world.spent / spend})
        for allowed in allowances(world.spent, spend):
            if CHOOSERS[chooser](world, law, target, allowed, len(rows)):
                break
        else:
            return rows


def scored(law: laws.Law, world: World, c: float, luck: float) -> dict:
    """What a law says at ln C/C0 and whether that holds; ``width`` is what a study stops by."""
    flops = float(np.exp(c + LOG_C0))
    found = law.optimum(flops)
    n, loss = found.params, found.loss
    (true_x,), (true_loss,) = world.truth.optimum(np.array([c]))
    run, _, _ = law.loss_at(n.value, flops)
    x = np.log(n.value / N0)
    measured = float(world.truth.log_loss(np.array(x), np.array(c - x))) + luck
    return {
        "width": (loss.high - loss.low) / 2 / loss.value,
        "n_in": n.low <= N0 * np.exp(true_x) <= n.high,
        "law_in": found.law_low <= np.exp(true_loss) <= found.law_high,
        "run_in": run.low <= np.exp(measured) <= run.high,
        "error": float(np.log(loss.value) - true_loss),
    }
