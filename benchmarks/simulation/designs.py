"""How a simulated study is laid out, and one study's rows with fresh noise.

Sizes lie on a geometric lattice whose phase is drawn for every study, so that a size is one trunk
which passes all budgets that hold it, and no budget's grid is centred better than to half a step.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ditlaw.observations import Observations
from simulation.truths import D0, LARGEST, LOG_C0, N0, Array, Truth

TRUNK_SHARE = 0.5  # of the variance, where a trunk's rows are correlated


@dataclass(frozen=True)
class Grid:
    """Sizes of a budget: how many, over what factor, and centre ÷ true optimum, first to last."""

    sizes: int
    span: float
    first: float = 1.0
    last: float = 1.0


GRIDS = {
    "centred": Grid(7, 16.0),
    "off-centre": Grid(7, 16.0, 1.7, 1.7),
    "drifting": Grid(7, 16.0, 0.5, 2.0),
    "wide": Grid(9, 256.0),
    "narrow": Grid(7, 4.0),
}


@dataclass(frozen=True)
class Design:
    """``trunks``: whether a size's rows share half of their variance."""

    noise: float
    budgets: int
    grid: str
    trunks: bool = True

    @property
    def name(self) -> str:
        kind = "trunks" if self.trunks else "independent"
        return f"{100 * self.noise:g} %, {self.budgets} budgets, {self.grid}, {kind}"


# Every grid with either noise, every number of budgets with either; not the full product.
DESIGNS = [
    Design(0.003, 5, "centred"),
    Design(0.003, 8, "centred", trunks=False),
    Design(0.02, 5, "centred", trunks=False),
    Design(0.02, 8, "centred"),
    Design(0.003, 8, "off-centre"),
    Design(0.02, 5, "off-centre"),
    Design(0.003, 5, "drifting", trunks=False),
    Design(0.02, 8, "drifting"),
    Design(0.003, 5, "wide"),
    Design(0.02, 8, "wide", trunks=False),
    Design(0.003, 8, "narrow"),
    Design(0.02, 8, "narrow", trunks=False),
]


@dataclass(frozen=True)
class Study:
    """n rows: (x, z) of ``truths``, which trunk each belongs to, and the table that is fitted."""

    x: Array
    z: Array
    trunk: np.ndarray
    observations: Observations


def simulate(truth: Truth, design: Design, rng: np.random.Generator) -> Study:
    """One study with fresh sizes and noise."""
    grid = GRIDS[design.grid]
    step = np.log(grid.span) / (grid.sizes - 1)
    phase = rng.random()
    budgets = np.linspace(-LARGEST, LARGEST, design.budgets)
    aimed = truth.optimum(budgets)[0]
    aimed = aimed + np.linspace(np.log(grid.first), np.log(grid.last), design.budgets)
    middle = np.round(aimed / step - phase).astype(int)
    place = (middle[:, None] + np.arange(grid.sizes) - grid.sizes // 2).ravel()
    x = step * (place + phase)
    c = np.repeat(budgets, grid.sizes)
    trunk = place - place.min() if design.trunks else np.arange(len(place))
    share = TRUNK_SHARE if design.trunks else 0.0
    shared = rng.standard_normal(trunk.max() + 1)[trunk]
    noise = np.sqrt(share) * shared + np.sqrt(1 - share) * rng.standard_normal(len(x))
    flops = np.exp(c + LOG_C0)
    frame = pd.DataFrame(
        {
            "run": [f"r{i}" for i in range(len(x))],
            "trunk": [f"t{i}" for i in trunk],
            "params": N0 * np.exp(x),
            "tokens": D0 * np.exp(c - x),
            "flops": flops,
            "budget": flops,
            "loss": np.exp(truth.log_loss(x, c - x) + design.noise * noise),
        },
        index=pd.RangeIndex(1, len(x) + 1),
    )
    return Study(x, c - x, trunk, Observations(frame, source="simulated"))


def noise_covariance(study: Study, design: Design) -> Array:
    """Covariance of ln L over a study's rows: (n, n)."""
    share = TRUNK_SHARE if design.trunks else 0.0
    same = study.trunk[:, None] == study.trunk[None, :]
    return design.noise**2 * (share * same + (1 - share) * np.eye(len(study.x)))
