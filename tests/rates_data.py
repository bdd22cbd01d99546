"""Sweeps of a known law of the best learning rate, over a known surface."""

import numpy as np
import pandas as pd
from laws_data import ALPHA, BETA, A, B, E, best_params

RATE, PARAMS_EXPONENT, TOKENS_EXPONENT = 2e-3, -0.25, -0.1  # at N = 1e9 and D = 1e10
VALLEY, LEAN = 0.03, 0.15
RATES = np.geomspace(1e-4, 3.2e-2, 6)
ZERO = 11.0


def best_rate(params, tokens, exponent=PARAMS_EXPONENT):
    return RATE * (params / 1e9) ** exponent * (tokens / 1e10) ** TOKENS_EXPONENT


def excess(log_ratio):
    """ln loss above the best rate's: a valley that is steeper above."""
    return VALLEY * log_ratio**2 * np.exp(LEAN * log_ratio)


def sweep(
    budgets=4, sizes=5, seeds=2, sd=0.002, seed=0, rates=RATES, exponent=PARAMS_EXPONENT, step=2.0
):
    """One row a budget, size, rate and seed; sizes are ``step`` apart around the best one."""
    rng = np.random.default_rng(seed)
    rows = []
    for budget in np.geomspace(1e18, 3e19, budgets):
        for power in np.arange(sizes) - sizes // 2:
            n = best_params(budget) * step**power
            for rate in rates:
                for s in range(seeds):
                    rows.append((n, budget / 6 / n, budget, budget, rate, s))
    made = pd.DataFrame(
        rows, columns=["params", "tokens", "flops", "budget", "learning_rate", "seed"]
    )
    best = best_rate(made["params"], made["tokens"], exponent)
    surface = E + A / made["params"] ** ALPHA + B / made["tokens"] ** BETA
    gap = excess(np.log(made["learning_rate"] / best))
    noise = sd * rng.standard_normal(len(made))
    made["loss"] = surface * np.exp(gap + noise)
    made["loss_zero"] = ZERO
    made["width"] = np.round(np.sqrt(made["params"] / 12e3), 3)
    made["run"] = [
        f"{row.budget:.3g}-{row.params:.3g}-{row.learning_rate:.2g}-{row.seed}"
        for row in made.itertuples()
    ]
    made.index = pd.RangeIndex(1, len(made) + 1)
    return made


def written(data, folder, name="sweep.csv"):
    path = folder / name
    data.to_csv(path, index=False)
    return str(path)
