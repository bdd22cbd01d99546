"""Families of DiTs as torch modules behind one signature: (noisy latent, t, text) → velocity.

Each family is one module here and one of the same name in ``ditlaw.families`` (what it costs).
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn

from ditlaw.families import Geometry, Shape
from ditlaw.models.in_context import InContext


class Velocity(Protocol):
    """What every family's module is: noisy latent, t, text → velocity of the latent's shape."""

    def __call__(self, x: Tensor, t: Tensor, text: Tensor | None) -> Tensor:
        """Velocity of a batch."""
        ...


MODULES: dict[str, Callable[[Shape, Geometry], nn.Module]] = {"in-context": InContext}


def build(family: str, shape: Shape, geometry: Geometry, seed: int | None = None) -> nn.Module:
    """A model of a family, its weights drawn from ``seed`` (left undrawn without one)."""
    model = MODULES[family](shape, geometry)
    if seed is not None:
        initialise = model.initialise
        assert callable(initialise)
        initialise(torch.Generator().manual_seed(seed))
    return model


__all__ = ["MODULES", "Velocity", "build"]
