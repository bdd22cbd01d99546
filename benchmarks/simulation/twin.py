"""A synthetic twin of the 240 runs of Hoffmann et al. 2022: as many, as spread, as noisy."""

import numpy as np

# Besiroglu et al. 2024, arXiv 2404.10102: their fit to the digitised runs.
E, A, B, ALPHA, BETA = 1.8169, 482.0, 2085.4, 0.3478, 0.3659
BUDGETS, SIZES, SPREAD = 10, 24, 8.0
SCATTER = 0.0047  # mean absolute deviation of ln L; the tails are long


def twin(noise=SCATTER, seed=0):
    """ln N, ln D and ln L: (240,) each."""
    rng = np.random.default_rng(seed)
    flops = np.repeat(np.geomspace(6e18, 3e21, BUDGETS), SIZES)
    ratio = (ALPHA * A / (BETA * B)) ** (1 / (ALPHA + BETA))
    best = ratio * (flops / 6) ** (BETA / (ALPHA + BETA))
    params = best * np.tile(np.geomspace(1 / SPREAD, SPREAD, SIZES), BUDGETS)
    tokens = flops / (6 * params)
    loss = np.log(E + A / params**ALPHA + B / tokens**BETA)
    return np.log(params), np.log(tokens), loss + rng.laplace(0.0, 1.0, len(loss)) * noise
