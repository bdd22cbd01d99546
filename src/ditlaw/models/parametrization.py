"""muP's rates: what share of a recipe's rate each parameter of a module trains at.

A parameter is told by comparing its shape with that of the module of the base width, both built
without memory on torch's meta device. So it serves a user's own module too, whose first weights
remain its own. Source: Yang et al., Tensor Programs V, 2203.03466, table 3, column of Adam.
"""

from math import prod

import torch
from torch import nn

from ditlaw.errors import BadInput
from ditlaw.families import Family, Geometry, Own, Shape
from ditlaw.models import build
from ditlaw.models.own import build_on_meta

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def rate_scales(family: Family, shape: Shape, base: Shape, geometry: Geometry) -> dict[str, float]:
    """base fan-in ÷ fan-in of each parameter by name: 1 where the fan-in does not grow.

    Args:
        family: the family, with its options.
        shape: the member that is trained.
        base: the member of the base width; as deep, with heads of the same size.
        geometry: what a sample is.

    Raises:
        BadInput: the family cannot be built at the base width, or has other parameters there.
    """
    model, small = (_on_meta(family, member, geometry) for member in (shape, base))
    theirs = dict(small.named_parameters())
    ours = dict(model.named_parameters())
    odd = sorted(ours.keys() ^ theirs.keys())
    odd += [name for name in ours if not odd and ours[name].ndim != theirs[name].ndim]
    if odd:
        raise BadInput(
            f"recipe.parametrization: {family.label} has other parameters at the base width "
            f"({odd[0].removeprefix('model.')}); mup needs a module that differs in sizes alone"
        )
    return {
        name: _scale(model.get_submodule(name.rpartition(".")[0]), weight, theirs[name])
        for name, weight in ours.items()
    }


def _on_meta(family: Family, shape: Shape, geometry: Geometry) -> nn.Module:
    if isinstance(family, Own):
        return build_on_meta(family, shape, geometry)
    with torch.device("meta"):
        return build(family, shape, geometry)


def _scale(owner: nn.Module, weight: nn.Parameter, base: nn.Parameter) -> float:
    """What a weight of a module trains at, told by the module's kind."""
    ours, theirs = tuple(weight.shape), tuple(base.shape)
    if isinstance(owner, nn.Embedding | nn.EmbeddingBag) or len(ours) < 2:
        return 1.0  # looked up, or a vector: as many terms reach an output at every width
    if isinstance(owner, (nn.Linear, *_CONVOLUTIONS)):
        return prod(theirs[1:]) / prod(ours[1:])
    if isinstance(owner, _TRANSPOSED):
        return theirs[0] * prod(theirs[2:]) / (ours[0] * prod(ours[2:]))
    grown = [small / large for small, large in zip(theirs, ours, strict=True) if small != large]
    return grown[-1] if len(grown) > 1 else 1.0  # a matrix of width × width, or vectors in a table
