"""How often a run that follows the law leaves the band that 'ditlaw watch' gives it.

Studies of a known surface are simulated, each with trunk effects and effects of each row; a law is
fitted to each; then runs of the best size for a budget beyond the data are simulated under the same
truth and scatter, and logged often. Their own luck is one draw a look (what the band is made for),
one a point, or wanders from point to point. No run here does anything but follow the law: whatever
leaves the band is a false alarm.

    python benchmarks/watching.py [STUDIES] [RUNS]
"""

import sys

import numpy as np
import pandas as pd

from ditlaw.laws import fit
from ditlaw.observations import Observations
from ditlaw.watching.trajectory import LOOKS, trajectory

E, A, B, ALPHA, BETA = 1.69, 406.4, 410.7, 0.34, 0.28
POINTS = 240
LUCK = ("one a look", "one a point", "wandering")
CASES = [(sd, beyond) for sd in (0.002, 0.01) for beyond in (3.0, 30.0)]


def loss_of(params, tokens):
    """The truth."""
    return E + A / params**ALPHA + B / tokens**BETA


def best_params(flops):
    """The truth's best size."""
    ratio = (ALPHA * A / (BETA * B)) ** (1 / (ALPHA + BETA))
    return ratio * (flops / 6) ** (BETA / (ALPHA + BETA))


def study(sd, rng):
    """Six budgets of seven sizes, two seeds each; a trunk serves all budgets of its size."""
    grid = np.geomspace(1e7, 1e11, 40)
    effects = rng.standard_normal((2, len(grid)))
    rows = []
    for budget in np.geomspace(1e18, 3e19, 6):
        centre = int(np.abs(np.log(grid / best_params(budget))).argmin())
        for k in range(centre - 3, centre + 4):
            for seed in range(2):
                tokens = budget / 6 / grid[k]
                luck = np.sqrt(0.5) * (effects[seed, k] + rng.standard_normal())
                rows.append(
                    {
                        "run": f"{k}-{seed}-{budget:.3g}",
                        "trunk": f"{k}-{seed}",
                        "params": grid[k],
                        "tokens": tokens,
                        "flops": budget,
                        "budget": budget,
                        "loss": loss_of(grid[k], tokens) * np.exp(sd * luck),
                    }
                )
    return Observations(pd.DataFrame(rows, index=range(1, len(rows) + 1)), source="simulated")


def own_luck(kind, way, log_c, runs, rng):
    """(runs, points) standard normal effects beside that of the trunk."""
    if kind == "one a point":
        return rng.standard_normal((runs, len(log_c)))
    if kind == "one a look":
        which = np.searchsorted(way.edges[1:-1], log_c, side="right")
        return rng.standard_normal((runs, LOOKS))[:, which]
    kept = np.exp(-np.diff(log_c, prepend=log_c[0]) / 0.3)  # forgotten over 0.3 e-folds
    found = np.empty((runs, len(log_c)))
    found[:, 0] = rng.standard_normal(runs)
    for k in range(1, len(log_c)):
        new = rng.standard_normal(runs)
        found[:, k] = kept[k] * found[:, k - 1] + np.sqrt(1 - kept[k] ** 2) * new
    return found


def left(way, sd, kind, runs, rng):
    """Shares of runs that leave the band: anywhere, and so with 2 % too much loss from half-way."""
    flops = np.geomspace(way.start, way.end, POINTS)
    truth = loss_of(way.params, flops / 6 / way.params)
    own = own_luck(kind, way, np.log(flops), runs, rng)
    luck = sd * np.sqrt(0.5) * (rng.standard_normal((runs, 1)) + own)
    late = 0.02 * (np.log(flops) > way.edges.mean())
    shares = [
        np.mean([way.outside(way.cells(flops, truth * np.exp(each))).any() for each in found])
        for found in (luck, luck + late)
    ]
    return tuple(shares)


def rates(studies, runs, draws=400):
    """A row a case and kind of luck: false alarms, and what is noticed."""
    rows = []
    for sd, beyond in CASES:
        found = {kind: [] for kind in LUCK}
        for seed in range(studies):
            rng = np.random.default_rng(seed)
            law = fit(study(sd, rng), draws=draws)
            end = beyond * law.largest_flops
            way = trajectory(law, float(best_params(end)), end)
            for kind in LUCK:
                found[kind].append(left(way, sd, kind, runs, rng))
        for kind in LUCK:
            ever, noticed = np.mean(found[kind], axis=0)
            error = np.std([each[0] for each in found[kind]]) / np.sqrt(studies)
            rows.append(
                {
                    "run noise": f"{sd:.1%}",
                    "beyond": f"{beyond:g}×",
                    "own luck": kind,
                    "ever outside": f"{ever:.1%} ± {error:.1%}",
                    "noticed at +2 %": f"{noticed:.0%}",
                }
            )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    studies, runs = (int(a) for a in [*sys.argv[1:], "40", "50"][:2])
    print(f"{studies} studies, {runs} runs each; stated: 10 % ever outside")
    print(rates(studies, runs).to_string(index=False))
