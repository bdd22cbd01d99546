"""One model at several resolutions: a module for each, made for its places, with weights in common.

Weights do not depend on a sample's sides; codes of place do, and are fixed. So the family is built
at every bucket's geometry, and all builds are given the first one's weights.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ditlaw.errors import BadInput
from ditlaw.families import Geometry
from ditlaw.models.condition import Condition


class Sized(nn.Module):
    """Calls the module of the latent's size. Its weights, and their names, are the first's.

    Args:
        models: one module a geometry, of one family and shape; those after the first are made to
            share what the first's ``state_dict`` holds.
        geometries: theirs.

    Raises:
        BadInput: the modules have other weights, or buffers that are kept and differ.
    """

    def __init__(self, models: Sequence[nn.Module], geometries: Sequence[Geometry]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)
        self.sizes = [geometry.sides for geometry in geometries]
        for model, geometry in zip(models[1:], geometries[1:], strict=True):
            share(models[0], model, geometry)

    @property
    def first(self) -> nn.Module:
        """The module that the others share weights with."""
        return self.models[0]

    @property
    def trains_masked(self) -> bool:
        """Whether the family trains on part of the image; see ``flow.training_loss``."""
        return bool(getattr(self.first, "trains_masked", False))

    def forward(self, x: Tensor, t: Tensor, condition: Condition, *training: Tensor) -> Tensor:
        """See ``Model.forward``; ``training`` is what a masked family trains with.

        Raises:
            BadInput: no module was made for samples of that size.
        """
        size = (x.shape[-2], x.shape[-1])
        if size not in self.sizes:
            known = ", ".join(f"{height}x{width}" for height, width in self.sizes)
            raise BadInput(f"x: {size[0]}x{size[1]} is not a size of the study; use {known}")
        velocity: Tensor = self.models[self.sizes.index(size)](x, t, condition, *training)
        return velocity

    def named_parameters(self, *args: Any, **kwargs: Any) -> Iterator[tuple[str, nn.Parameter]]:
        """The weights, by the names that a model of one size has."""
        return self.first.named_parameters(*args, **kwargs)

    def named_buffers(self, *args: Any, **kwargs: Any) -> Iterator[tuple[str, Tensor]]:
        """The first module's buffers."""
        return self.first.named_buffers(*args, **kwargs)

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """What a model of one size keeps."""
        return self.first.state_dict(*args, **kwargs)

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Load what a model of one size kept, into all."""
        for model in self.models[1:]:
            model.load_state_dict(state_dict, *args, **kwargs)
        return self.first.load_state_dict(state_dict, *args, **kwargs)


def share(first: nn.Module, other: nn.Module, geometry: Geometry) -> None:
    """Give a module another's weights themselves, not copies of them.

    Raises:
        BadInput: it has other weights, or a buffer of ``state_dict`` that is not the same.
    """
    told = f"geometry.buckets: the model at {geometry.size}"
    kept, theirs = first.state_dict(keep_vars=True), other.state_dict(keep_vars=True)
    for name in sorted(kept.keys() ^ theirs.keys()):
        raise BadInput(f"{told} differs in its weights ({name}); leave buckets out, or mend it")
    buffers = {name for name, _ in first.named_buffers()}
    for name, value in kept.items():
        same = value.shape == theirs[name].shape
        if name in buffers and same:
            same = bool(torch.equal(value, theirs[name]))
        if not same:
            mend = "register it with persistent=False" if name in buffers else "leave buckets out"
            raise BadInput(f"{told} differs in {name.removeprefix('model.')}; {mend}")
    for path, module in other.named_modules(remove_duplicate=False):
        source = first.get_submodule(path)
        for name, weight in source._parameters.items():
            setattr(module, name, weight)
