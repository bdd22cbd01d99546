"""How often the note ``law-bends`` appears: for laws that do not bend, and for laws that do.

Studies of seven sizes a budget, budgets a factor 2.5 apart, two seeds; half of a run's variance is
shared along a trunk. Truths: a surface (its best loss is a floor law exactly), one with a high
floor, and Kaplan's nested form. A bend multiplies the loss so that the slope of ln L in ln C
changes by the number given, in the middle of the budgets, over half an e-fold.

    OMP_NUM_THREADS=1 python benchmarks/bends.py --studies 400
"""

import argparse

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from ditlaw import laws
from ditlaw.errors import Refused
from ditlaw.observations import Observations

STEP = 2.5
WIDTH = 0.5


def surface(params, tokens):
    return 0.18 + 0.034 * (params / 13e3) ** -0.9 + 0.056 * (tokens / 2.8e5) ** -0.55


def high_floor(params, tokens):
    return 0.52 + 0.020 * (params / 13e3) ** -0.5 + 0.030 * (tokens / 2.8e5) ** -0.4


def nested(params, tokens):
    size = (params / 13e3) ** (-0.9 / 0.55)
    return 0.18 + 0.09 * (0.38 * size + 0.62 * 2.8e5 / tokens) ** 0.55


TRUTHS = {"surface": surface, "high floor": high_floor, "nested": nested}


def study(truth, budgets, sd, bend, seed):
    """The rows of one simulated study."""
    random = np.random.default_rng(seed)
    compute = 4e10 * STEP ** np.arange(budgets)
    middle = np.log(compute).mean()
    grid = np.geomspace(1e3, 2e6, 20)
    rows, effects = [], {}
    for budget in compute:
        losses = truth(grid, budget / 6 / grid)
        centre = int(np.clip(losses.argmin(), 3, len(grid) - 4))
        for params in grid[centre - 3 : centre + 4]:
            turned = WIDTH * np.logaddexp(0.0, (np.log(budget) - middle) / WIDTH)
            loss = truth(params, budget / 6 / params) * np.exp(-bend * turned)
            for replicate in range(2):
                trunk = f"{params:.6g}-{replicate}"
                shared = effects.setdefault(trunk, random.standard_normal())
                error = sd * np.sqrt(0.5) * (shared + random.standard_normal())
                run = f"{trunk}-{budget:.3g}"
                tokens = budget / 6 / params
                rows.append((run, trunk, params, tokens, budget, budget, loss * np.exp(error)))
    columns = ["run", "trunk", "params", "tokens", "flops", "budget", "loss"]
    frame = pd.DataFrame(rows, columns=columns)
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return Observations(frame, source="simulated")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=400)
    studies = parser.parse_args().studies
    print(f"{studies} studies a line; brackets are 95 % binomial intervals")
    print("truth       budgets  noise %  bend    note appears")
    cells = [(t, b, sd, 0.0) for t in TRUTHS for b in (6, 8) for sd in (0.003, 0.016)]
    cells += [("surface", b, 0.003, bend) for b in (6, 8) for bend in (-0.1, -0.05, 0.05, 0.1)]
    cells += [("surface", 8, 0.016, bend) for bend in (-0.1, 0.1)]
    for truth, budgets, sd, bend in cells:
        found = 0
        for seed in range(studies):
            rows = study(TRUTHS[truth], budgets, sd, bend, seed)
            try:
                law = laws.fit(rows, method="isoflop", draws=50)
            except Refused:  # too few budgets with a minimum: no note either
                continue
            found += law.bend is not None
        interval = binomtest(found, studies).proportion_ci(method="wilson")
        print(
            f"{truth:10s}  {budgets:7d}  {100 * sd:7.1f}  {bend:+5.2f}   "
            f"{found / studies:.3f} [{interval.low:.3f}, {interval.high:.3f}]",
            flush=True,
        )


if __name__ == "__main__":
    main()
