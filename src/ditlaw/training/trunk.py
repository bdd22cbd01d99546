"""One trunk: warm-up, then a constant rate; every number is a function of (spec, step) alone."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ditlaw.data import Source, open_sources
from ditlaw.data.order import mix
from ditlaw.flow import stratified, timesteps, training_loss
from ditlaw.models import build_sized, condition_of
from ditlaw.models.parametrization import rate_scales
from ditlaw.study import RunSpec
from ditlaw.training.checkpoint import require_fits
from ditlaw.training.ema import PowerEma, decay

EPS = 1e-8  # of AdamW, added to the size of a gradient; torch's own default


@dataclass
class TrainedStep:
    """What one step reports."""

    step: int
    loss: float


class Trunk:
    """The state of one run: model, EMA, optimiser, step. Knows nothing of run folders or budgets.

    ``root`` is the study folder that prepared data lie in; ``sources``, one a resolution, stand in
    for the run's own.
    """

    def __init__(
        self,
        spec: RunSpec,
        device: torch.device,
        root: Path | None = None,
        sources: Sequence[Source] | None = None,
    ) -> None:
        self.spec = spec
        self.device = device
        self.model = build_run(spec, spec.seed).to(device)
        self.averaged = copy.deepcopy(self.model).requires_grad_(False)
        self.names = [name for name, _ in self.model.named_parameters()]
        self.parameters = [p for _, p in self.model.named_parameters()]
        self.ema = PowerEma([p.detach() for p in self.parameters], spec.recipe.ema)
        self.optimiser = torch.optim.AdamW(
            parameter_groups(spec, self.names, self.parameters),
            lr=spec.learning_rate,
            betas=spec.recipe.betas,
            eps=EPS * spec.recipe.parametrization.gradient_scale(spec.width),
            fused=True,
        )
        self.mix, self.geometries = spec.mix(), spec.geometry.geometries()
        sizes = [geometry.sides for geometry in self.geometries]
        tokens = spec.geometry.text_tokens
        self.sources = sources or open_sources(spec.data, spec.seed, root, sizes, tokens)
        self.step = 0
        self.train_loss = 0.0  # averaged with the same profile as the weights

    def learning_rate(self, step: int) -> float:
        """The rate of the ``step``-th step, from 1: linear warm-up, then constant.

        In muP it is the one of vectors; matrices train at a share of it.
        """
        warmup = self.spec.recipe.warmup_steps
        return self.spec.learning_rate * min(1.0, step / warmup if warmup else 1.0)

    def run(self, until: int) -> Iterator[TrainedStep]:
        """Train to that step, one step at a time."""
        while self.step < until:
            yield TrainedStep(self.step + 1, self._advance())

    def _advance(self) -> float:
        recipe, step = self.spec.recipe, self.step + 1
        generator = torch.Generator().manual_seed(step_seed(self.spec.seed, step))
        bucket = self.mix.bucket(step)
        image_tokens = self.geometries[bucket].image_tokens
        batch = self.sources[bucket].read(self.mix.images_each(step - 1)[bucket], recipe.batch)
        x0 = torch.from_numpy(batch.images)
        noise = torch.randn(x0.shape, generator=generator)
        quantiles = stratified(recipe.batch, generator)
        t = timesteps(self.spec.objective.timesteps, quantiles, image_tokens).float()
        kept = torch.rand(recipe.batch, generator=generator) >= recipe.caption_dropout
        # Drawn last, whatever the family: runs of all families see the same noise and captions.
        order = torch.rand(recipe.batch, image_tokens, generator=generator)
        x0, noise, t, order = (a.to(self.device) for a in (x0, noise, t, order))
        condition = condition_of(batch).kept(kept).to(self.device)

        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate(step) * group["scale"]
        self.optimiser.zero_grad(set_to_none=True)
        # A user's own module may draw as it trains, as dropout does; ours do not.
        torch.manual_seed(step_seed(self.spec.seed, step))
        mean = training_loss(self.model, x0, noise, t, condition, order).mean()
        mean.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.parameters, recipe.clip)
        self.optimiser.step()
        self.ema.update([p.detach() for p in self.parameters], step)
        value = float(mean.detach())
        self.train_loss += (1 - decay(self.ema.gamma, step)) * (value - self.train_loss)
        self.step = step
        return value

    def averaged_model(self) -> torch.nn.Module:
        """The model with its EMA weights, for evaluation and pictures."""
        targets = dict(self.averaged.named_parameters())
        for name, value in zip(self.names, self.ema.tensors, strict=True):
            targets[name].copy_(value)
        return self.averaged.eval()

    def state(self) -> dict[str, Tensor]:
        """Everything that a resumed run needs, as named tensors."""
        tensors: dict[str, Tensor] = {}
        for name, parameter, average in zip(
            self.names, self.parameters, self.ema.tensors, strict=True
        ):
            tensors[f"model.{name}"] = parameter.detach()
            tensors[f"ema.{name}"] = average
            for key, value in self.optimiser.state.get(parameter, {}).items():
                tensors[f"{key}.{name}"] = value
        # Of a user's own module: they never change, but what is exported is not whole without.
        buffers = dict(self.model.named_buffers())
        for name, value in self.model.state_dict().items():
            if name in buffers:
                tensors[f"buffer.{name}"] = value
        tensors["train_loss"] = torch.tensor(self.train_loss, dtype=torch.float64)
        tensors["step"] = torch.tensor(self.step)
        return tensors

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Put a saved state back, to the bit."""
        require_fits(tensors, self.state())
        self.step = int(tensors["step"])
        self.train_loss = float(tensors["train_loss"])
        with torch.no_grad():
            for name, parameter, average in zip(
                self.names, self.parameters, self.ema.tensors, strict=True
            ):
                parameter.copy_(tensors[f"model.{name}"])
                average.copy_(tensors[f"ema.{name}"])
                if f"exp_avg.{name}" in tensors:  # else at step 0, or nothing has read it yet
                    self.optimiser.state[parameter] = {
                        key: tensors[f"{key}.{name}"].to(self.device, copy=True)
                        for key in ("step", "exp_avg", "exp_avg_sq")
                    }


def parameter_groups(
    spec: RunSpec, names: list[str], parameters: list[torch.nn.Parameter]
) -> list[dict[str, Any]]:
    """The optimiser's groups, one a share of the rate: a single one but in muP.

    AdamW decays weights by rate × decay a step, which is made the same for all of them.
    """
    recipe, family, scales = spec.recipe, spec.design(), dict[str, float]()
    if recipe.parametrization.kind == "mup":
        base = recipe.parametrization.base(family, spec.depth, spec.single_depth)
        scales = rate_scales(family, spec.shape, base, spec.geometry.geometry())
    groups: dict[float, list[torch.nn.Parameter]] = {}
    for name, parameter in zip(names, parameters, strict=True):
        groups.setdefault(scales.get(name, 1.0), []).append(parameter)
    return [
        {"params": members, "scale": scale, "weight_decay": recipe.weight_decay / scale}
        for scale, members in groups.items()
    ]


def build_run(spec: RunSpec, seed: int | None = None) -> torch.nn.Module:
    """The model that a run trains, in the precision of its recipe; see ``models.build_sized``.

    It starts as at the geometry's own size.
    """
    own = spec.geometry.geometry()
    others = [geometry for geometry in spec.geometry.geometries() if geometry != own]
    return build_sized(
        spec.design(),
        spec.shape,
        [own, *others],
        seed,
        precision=spec.recipe.precision,
        checkpointing=spec.recipe.checkpointing,
        base_width=spec.recipe.parametrization.base_width,
    )


def step_seed(seed: int, step: int) -> int:
    """A generator seed for one step of one run, of the 32 bits that torch's CPU generator reads."""
    return int(mix(mix(np.full(1, seed, np.uint64)) + np.uint64(step))[0] >> np.uint64(32))
