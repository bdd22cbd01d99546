"""Tables of a known surface, and what the tests of laws share."""

import contextlib
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings

from ditlaw.errors import DitlawError
from ditlaw.observations import Observations

E, A, B, ALPHA, BETA = 1.69, 406.4, 410.7, 0.34, 0.28
FEW = settings(
    max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


def best_params(flops):
    ratio = (ALPHA * A / (BETA * B)) ** (1 / (ALPHA + BETA))
    return ratio * (flops / 6) ** (BETA / (ALPHA + BETA))


def best_loss(flops):
    params = best_params(flops)
    return E + A / params**ALPHA + B / (flops / 6 / params) ** BETA


def frame(budgets=6, sizes=7, seeds=1, sd=0.0, seed=0, shared=False):
    rng = np.random.default_rng(seed)
    grid = np.geomspace(1e7, 1e11, 40)
    rows = []
    for budget in np.geomspace(1e18, 3e19, budgets):
        centre = np.abs(np.log(grid / best_params(budget))).argmin()
        for n in grid[centre - sizes // 2 : centre + sizes // 2 + 1]:
            for s in range(seeds):
                trunk = f"{n:.4g}-{s}" if shared else f"{budget:.3g}-{n:.4g}-{s}"
                rows.append((f"{budget:.3g}-{n:.4g}-{s}", trunk, n, budget / 6 / n, budget, budget))
    made = pd.DataFrame(rows, columns=["run", "trunk", "params", "tokens", "flops", "budget"])
    loss = E + A / made["params"] ** ALPHA + B / made["tokens"] ** BETA
    effect = {t: rng.standard_normal() for t in made["trunk"].unique()}
    own = rng.standard_normal(len(made))
    mixed = np.sqrt(0.5) * (made["trunk"].map(effect) + own)
    made["loss"] = loss * np.exp(sd * mixed)
    made.index = pd.RangeIndex(1, len(made) + 1)
    return made


def observed(data=None, **options):
    return Observations(frame(**options) if data is None else data, source="table.csv")


@contextlib.contextmanager
def one_line_at_most():
    """No traceback and no numpy warning; an error that the tool raises is one line."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            yield
        except DitlawError as error:
            if "\n" in str(error):
                pytest.fail(f"more than one line: {error}")
