"""Random numbers by counter: row i of a seed is the same whatever is drawn beside it.

Philox (Salmon et al. 2011) keyed by (seed, i). torch's own CPU generator reads 32 bits of a seed
only, so it cannot take a seed and a counter at once.
"""

import numpy as np
import torch
from torch import Tensor


def normal(seed: int, start: int, count: int, shape: tuple[int, ...]) -> Tensor:
    """Standard normals of rows start … start + count − 1: (count, *shape) float32 on the CPU."""
    drawn = np.empty((count, *shape), np.float32)
    for row in range(count):
        drawn[row] = _generator(seed, start + row).standard_normal(shape, np.float32)
    return torch.from_numpy(drawn)


def uniform(seed: int, start: int, count: int, shape: tuple[int, ...]) -> Tensor:
    """Uniforms in [0, 1) of those rows: (count, *shape) float32 on the CPU."""
    drawn = np.empty((count, *shape), np.float32)
    for row in range(count):
        drawn[row] = _generator(seed, start + row).random(shape, np.float32)
    return torch.from_numpy(drawn)


def signs(seed: int, start: int, count: int, shape: tuple[int, ...]) -> Tensor:
    """−1 or 1 with equal chance (Rademacher): (count, *shape) float32 on the CPU."""
    return (uniform(seed, start, count, shape) < 0.5).float() * 2 - 1


def _generator(seed: int, row: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=np.array([seed, row], np.uint64)))
