"""How far the parts of a model move in the first steps, width by width: muP's coordinate check.

A part is a child of the model, a block of its stack, or a parameter that no child holds. After
each step two numbers are taken of it on one batch, root mean squares over all that it puts out:

- ``moved``: its output now − its output before training. All that lies before it has moved too.
- ``own``: its output now − what its first weights make of the same input. It is what its own
  updates do, so that weights which no longer move show, however much what they read moves.

The model is measured in evaluation mode, a masked family also as it trains.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ditlaw.data import Batch, Source
from ditlaw.families import Geometry, Own
from ditlaw.flow import stratified, timesteps, training_loss
from ditlaw.models import Condition, condition_of
from ditlaw.models.own import OwnModel
from ditlaw.models.sized import Sized
from ditlaw.study import RunSpec
from ditlaw.training.feeder import step_seed
from ditlaw.training.trunk import Trunk

Moves = dict[str, list[tuple[float, float]]]  # of each part, after each step: moved, own


def moves(spec: RunSpec, steps: int, sources: Sequence[Source]) -> Moves:
    """Train a run's first steps at its full rate; how far its parts have moved after each.

    It is done on a CPU, where the same weights give the same numbers to the bit.

    Args:
        spec: the run; its warm-up is left out.
        steps: how many.
        sources: what is trained on, one a resolution.

    Raises:
        BadInput: as a run would.
    """
    recipe = spec.recipe.model_copy(update={"warmup_steps": 0})
    spec = spec.model_copy(update={"recipe": recipe})
    trunk = Trunk(spec, torch.device("cpu"), sources=sources)
    probe = _Probe(trunk)
    found = [probe.moves() for _ in trunk.run(steps)]
    return {name: [of[name] for of in found] for name in found[0]}


class MadeUp:
    """Samples of a geometry that show nothing: normal numbers, and words drawn evenly."""

    samples = None
    pixels = False

    def __init__(self, geometry: Geometry, seed: int) -> None:
        self.geometry, self.seed = geometry, seed

    def read(self, start: int, count: int) -> Batch:
        """See ``Source.read``; a batch is a function of where it starts."""
        geometry, random = self.geometry, np.random.default_rng((self.seed, start))

        def normal(*sides: int) -> NDArray[np.float32]:
            return random.standard_normal((count, *sides)).astype(np.float32)

        frames = (geometry.frames,) if geometry.frames > 1 else ()
        text: NDArray[Any] | None = None
        if geometry.words:
            text = random.integers(geometry.vocabulary, size=(count, geometry.text_tokens))
        elif geometry.text_tokens:
            text = normal(geometry.text_tokens, geometry.text_dim)
        return Batch(
            normal(geometry.channels, *frames, geometry.height, geometry.width),
            text,
            normal(geometry.pooled_dim) if geometry.pooled_dim else None,
        )


def parts_of(model: nn.Module) -> dict[str, nn.Module | nn.Parameter]:
    """The parts of a model that have weights, by name."""
    while isinstance(model, OwnModel | Sized):
        model = model.model if isinstance(model, OwnModel) else model.first
    return dict(_parts(model, ""))


def _parts(module: nn.Module, prefix: str) -> Iterator[tuple[str, nn.Module | nn.Parameter]]:
    for name, parameter in module.named_parameters(recurse=False):
        if parameter.requires_grad:
            yield prefix + name, parameter
    for name, child in module.named_children():
        stack = isinstance(child, nn.ModuleList | nn.ModuleDict)
        if stack or any(isinstance(inner, nn.ModuleList) for inner in child.children()):
            inside = child.named_children() if stack else ()
            for number, block in inside:
                yield f"{prefix}{name}.{number}", block
            if not stack:  # a model within the model, as a class of diffusers is
                yield from _parts(child, f"{prefix}{name}.")
        elif any(True for _ in child.parameters()):
            yield prefix + name, child


class _Probe:
    """One batch, what every part made of it before training, and the parts as they were."""

    def __init__(self, trunk: Trunk) -> None:
        self.trunk = trunk
        # A user's own module need not run in float64; in float32 moves under 1e-7 are rounding.
        self.dtype = torch.float32 if isinstance(trunk.spec.design(), Own) else torch.float64
        self.first = parts_of(self._model())
        spec = trunk.spec
        geometry = spec.geometry.geometry()
        batch = trunk.sources[trunk.geometries.index(geometry)].read(0, spec.recipe.batch)
        generator = torch.Generator().manual_seed(step_seed(spec.seed, 0))
        self.x0 = torch.from_numpy(batch.images).to(self.dtype)
        self.noise = torch.randn(self.x0.shape, generator=generator, dtype=self.dtype)
        quantiles = stratified(spec.recipe.batch, generator)
        self.t = timesteps(spec.objective.timesteps, quantiles, geometry.image_tokens).to(
            self.dtype
        )
        self.order = torch.rand(spec.recipe.batch, geometry.image_tokens, generator=generator)
        said = condition_of(batch)
        self.condition = Condition(
            *(v.to(self.dtype) if v is not None and v.is_floating_point() else v for v in said)
        )
        self.before = {name: out for name, (out, _) in self._outputs().items()}

    def _model(self) -> nn.Module:
        return copy.deepcopy(self.trunk.model).to(self.dtype).eval()

    def moves(self) -> dict[str, tuple[float, float]]:
        """Of every part, since training began."""
        return {
            name: (_rms(out - self.before[name]), _rms(own))
            for name, (out, own) in self._outputs().items()
        }

    @torch.no_grad()
    def _outputs(self) -> dict[str, tuple[Tensor, Tensor]]:
        """What each part puts out, and that less what its first weights make of the same."""
        model = self._model()
        made: dict[str, list[tuple[Tensor, Tensor]]] = {}
        for name, part in parts_of(model).items():
            first = self.first[name]
            if isinstance(part, nn.Parameter) and isinstance(first, nn.Parameter):
                made[name] = [(part.detach().flatten().double(), _flat(part - first))]
                continue
            assert isinstance(part, nn.Module)
            assert isinstance(first, nn.Module)
            watch = _Watch(first, made.setdefault(name, []))
            part.register_forward_pre_hook(watch.enter, with_kwargs=True)
            part.register_forward_hook(watch.leave)
        along = self.t.view(-1, *[1] * (self.x0.ndim - 1))
        model((1 - along) * self.x0 + along * self.noise, self.t, self.condition)
        if getattr(model, "trains_masked", False):
            training_loss(model, self.x0, self.noise, self.t, self.condition, self.order)
        return {
            name: (torch.cat([a for a, _ in calls]), torch.cat([b for _, b in calls]))
            for name, calls in made.items()
            if calls
        }


class _Watch:
    """Two hooks on a part: its first weights are given the same input, however often it is called.

    They are given it first, for a module may write into what it reads.
    """

    def __init__(self, first: nn.Module, calls: list[tuple[Tensor, Tensor]]) -> None:
        self.first, self.calls = first, calls
        self.expected = torch.empty(0)

    def enter(self, _: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self.expected = _flat(self.first(*_copied(args), **_copied(kwargs)))

    def leave(self, _: nn.Module, __: Any, out: Any) -> None:
        made = _flat(out)
        self.calls.append((made, made - self.expected))


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, tuple | list) and type(value) in (tuple, list):
        return type(value)(_copied(part) for part in value)
    return {k: _copied(v) for k, v in value.items()} if isinstance(value, dict) else value


def _flat(value: Any) -> Tensor:
    """All numbers of what a module puts out, one after another."""
    if isinstance(value, Tensor):
        return value.detach().flatten().double()
    values = value.values() if isinstance(value, Mapping) else value
    parts = [_flat(part) for part in values if isinstance(part, Tensor | list | tuple | Mapping)]
    return torch.cat(parts) if parts else torch.empty(0, dtype=torch.float64)


def _rms(x: Tensor) -> float:
    return float(x.square().mean().sqrt()) if len(x) else 0.0
