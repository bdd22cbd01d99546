"""Weights of a family ⇄ the diffusers class that computes the same.

Each class has a module here that says where its tensors lie in ours; tests hold outputs and
gradients to those of the class (the version in constraints.txt). diffusers is not imported, but for
a study that names a class of it.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from ditlaw.exchange import dit, flux, own, pixart, sd3
from ditlaw.exchange.base import Exchange, NoClass, Shapes
from ditlaw.families import Family, Geometry, Own, Shape
from ditlaw.models import build

CLASSES: dict[str, Callable[[Shape, Geometry, Shapes], Exchange]] = {
    "cross-attention": pixart.exchange,
    "adaln": dit.exchange,
    "mmdit": sd3.exchange,
    "flux": flux.exchange,
}


def exchange_of(family: Family, shape: Shape, geometry: Geometry) -> Exchange:
    """One model's exchange with its diffusers class.

    Raises:
        NoClass: there is none; the message says why.
    """
    if isinstance(family, Own) and family.of_diffusers:
        return own.exchange(family, shape, geometry)
    if isinstance(family, Own):
        raise NoClass(f"{family.path} is a model of your own, which is not converted")
    make = CLASSES.get(family.name)
    if make is None:
        raise NoClass(f"no diffusers class computes {family.name}")
    if geometry.frames > 1:
        raise NoClass(f"no diffusers class of {family.name} reads video")
    with torch.device("meta"):
        empty = build(family, shape, geometry)
    ours = {name: value.shape for name, value in empty.state_dict().items()}
    return make(shape, geometry, ours)


def load(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Put what ``Exchange.from_theirs`` gave into a model, codes of place included."""
    targets = dict(model.named_parameters()) | dict(model.named_buffers())
    with torch.no_grad():
        for name, value in state.items():
            targets[name].copy_(value)


__all__ = ["CLASSES", "Exchange", "NoClass", "exchange_of", "load"]
