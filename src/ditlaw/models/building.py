"""A family's module by its name, with weights drawn from a seed."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ditlaw.families import Family, Geometry, Own, Shape
from ditlaw.models.adaln import Adaln
from ditlaw.models.base import Model
from ditlaw.models.condition import Condition
from ditlaw.models.cross_attention import CrossAttention
from ditlaw.models.flux import Flux
from ditlaw.models.in_context import InContext
from ditlaw.models.masked import Masked
from ditlaw.models.mmdit import Mmdit
from ditlaw.models.own import build_own
from ditlaw.models.sized import Sized


class Velocity(Protocol):
    """What every module is: noisy latent, t, condition → velocity of the latent's shape."""

    def __call__(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """Velocity of a batch."""
        ...


MODULES: dict[str, Callable[[Any, Shape, Geometry], Model]] = {
    "in-context": InContext,
    "cross-attention": CrossAttention,
    "adaln": Adaln,
    "mmdit": Mmdit,
    "flux": Flux,
    "masked": Masked,
}


def build(
    family: Family,
    shape: Shape,
    geometry: Geometry,
    seed: int | None = None,
    *,
    precision: str = "float32",
    checkpointing: bool = False,
    base_width: int | None = None,
) -> nn.Module:
    """A model of a family, its weights drawn from ``seed`` (left undrawn without one).

    Args:
        family: the family, with its options.
        shape: the member.
        geometry: what its samples are.
        seed: of the weights.
        precision: ``bfloat16`` computes in it, with float32 weights; else the latent's own.
        checkpointing: activations of a block are recomputed in the backward pass, not kept.
        base_width: of muP, the width at which weights start as in the standard parametrization;
            a user's own module starts by itself whatever it is.

    Raises:
        BadInput: the family cannot read such samples, or a user's own module cannot be made.
    """
    family.check(geometry)
    if isinstance(family, Own):
        return build_own(
            family, shape, geometry, seed, precision=precision, checkpointing=checkpointing
        )
    model = MODULES[family.name](family, shape, geometry)
    model.compute = torch.bfloat16 if precision == "bfloat16" else None
    model.checkpointing = checkpointing
    model.base_width = base_width
    if seed is not None:
        model.initialise(torch.Generator().manual_seed(seed))
    return model


def build_sized(
    family: Family,
    shape: Shape,
    geometries: Sequence[Geometry],
    seed: int | None = None,
    **settings: Any,
) -> nn.Module:
    """A model that reads samples of several resolutions; its weights start as at the first.

    Args:
        family, shape, seed, settings: as ``build`` takes them.
        geometries: of the resolutions; of one alone it is what ``build`` gives.

    Raises:
        BadInput: as ``build``, or the family's weights depend on the resolution.
    """
    first = build(family, shape, geometries[0], seed, **settings)
    if len(geometries) == 1:
        return first
    # The same seed: what a user's module draws and keeps beside its weights is then the same.
    others = [build(family, shape, geometry, seed, **settings) for geometry in geometries[1:]]
    return Sized([first, *others], geometries)


def compile_blocks(model: nn.Module) -> None:
    """Have each block of a built-in model compiled when it is first called.

    Blocks of one kind share what is compiled: it takes as long for 4 of them as for 40.
    """
    for block in blocks_of(model):
        block.compile(dynamic=False)


def blocks_of(model: nn.Module) -> list[nn.Module]:
    """The blocks of a built-in model, in which nearly all of its weights and work are."""
    lists = [part for part in model.modules() if isinstance(part, nn.ModuleList)]
    # A list may hold the models of several resolutions: their blocks are in lists of their own.
    return [block for part in lists for block in part if not isinstance(block, Model)]
