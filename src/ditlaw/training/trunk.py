"""One trunk: warm-up, then a constant rate; every number is a function of (spec, step) alone.

On a cooldown ``branch`` it is one of (spec, step, branch).
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ditlaw.data import Source, open_sources
from ditlaw.families import Own
from ditlaw.models import build_sized, compile_blocks
from ditlaw.study import Branch, RunSpec
from ditlaw.training.checkpoint import require_fits
from ditlaw.training.ema import PowerEma
from ditlaw.training.feeder import Feeder, step_seed
from ditlaw.training.graphs import DeviceSteps
from ditlaw.training.losses import Bad, DeviceLosses, HostLosses
from ditlaw.training.memory import free_memory
from ditlaw.training.optimiser import build_optimiser
from ditlaw.training.parallel import Alone
from ditlaw.training.step import Stepper


class Trunk:
    """The state of one run: model, EMA, optimiser, step. Knows nothing of run folders or budgets.

    ``root`` is the study folder that prepared data lie in; ``sources``, one a resolution, stand in
    for the run's own. ``micro`` samples of a batch go through the model at a time, by default all;
    ``tell`` hears of events worth a line in the run's log; ``idle_loss`` is that of a model which
    says nothing, against which a loss has exploded. ``ranks`` share the run: each has a trunk, and
    all have to be told the same.
    """

    def __init__(
        self,
        spec: RunSpec,
        device: torch.device,
        root: Path | None = None,
        sources: Sequence[Source] | None = None,
        *,
        micro: int | None = None,
        ranks: Alone | None = None,
        tell: Callable[..., None] = lambda event, **fields: None,
        idle_loss: float = 1.0,
    ) -> None:
        self.spec, self.device, self.ranks = spec, device, ranks or Alone()
        self.own = isinstance(spec.design(), Own)
        free_memory()  # of the last run of this process
        self.model = build_run(spec, spec.seed).to(device)
        self.averaged = copy.deepcopy(self.model).requires_grad_(False)
        if not self.ranks.first:
            self.averaged.to("meta")  # the first evaluates
        called = self.ranks.spread(self.model, self.own)
        self.names = [name for name, _ in self.model.named_parameters()]
        self.parameters = [p for _, p in self.model.named_parameters()]
        self.ema = PowerEma([self.ranks.shard(p) for p in self.parameters], spec.recipe.ema)
        self.optimiser = build_optimiser(spec, self.names, self.parameters)
        self.mix, self.geometries = spec.mix(), spec.geometry.geometries()
        sizes = [geometry.sides for geometry in self.geometries]
        tokens = spec.geometry.text_tokens
        self.sources = sources or open_sources(spec.data, spec.seed, root, sizes, tokens)
        masked = bool(getattr(self.model, "trains_masked", False))
        rows = self.ranks.rows(spec.recipe.batch)
        self.feeder = Feeder(spec, self.sources, masked, device, rows)
        self.step = 0
        self.branch: Branch | None = None  # the cooldown that it is on
        self.stepper = Stepper(
            called,
            self.parameters,
            self.optimiser,
            self.ema,
            spec.recipe.clip,
            spec.recipe.batch,
            micro or rows.stop - rows.start,
            self.ranks,
            tell,
        )
        self.losses: HostLosses | DeviceLosses = HostLosses(idle_loss)
        self.on_device: DeviceSteps | None = None
        if device.type == "cuda":
            self._speed_up(idle_loss)

    def _speed_up(self, idle_loss: float) -> None:
        """What a GPU needs to be kept busy; a user's own module runs as it was written."""
        # What stays in float32 beside bfloat16 may use the tensor cores, at ten bits to its seven.
        half = self.spec.recipe.precision == "bfloat16"
        torch.set_float32_matmul_precision("high" if half else "highest")
        if not self.own:
            torch._dynamo.reset()  # else a process compiles a few models, and runs more as written
            compile_blocks(self.model)
        self.losses = DeviceLosses(self.device, idle_loss)
        captured = not self.own and self.ranks.world == 1
        self.on_device = DeviceSteps(self.stepper, self.losses, self.device, captured=captured)

    def learning_rate(self, step: int) -> float:
        """The rate of the ``step``-th step, from 1: linear warm-up, then constant.

        It falls on a cooldown branch. In muP it is the one of vectors; matrices train at a share.
        """
        warmup = self.spec.recipe.warmup_steps
        rate = self.spec.learning_rate * min(1.0, step / warmup if warmup else 1.0)
        return rate if self.branch is None else rate * self.branch.share(step)

    def run(self, until: int) -> Iterator[int]:
        """Train to that step, one step at a time; yields the number of each.

        On a GPU a step may still be computing when it is yielded.
        """
        while self.step < until:
            self._advance()
            yield self.step

    @property
    def on_host(self) -> bool:
        """Whether numbers are there as soon as they are computed, so that to ask costs nothing."""
        return self.on_device is None

    def bad(self) -> Bad | None:
        """The first step so far whose loss was not finite or had exploded; waits for a GPU."""
        return self.losses.read()[1]

    @property
    def train_loss(self) -> float:
        """The training loss, averaged with the same profile as the weights; waits for a GPU."""
        return self.losses.read()[0]

    def _advance(self) -> None:
        step = self.step + 1
        inputs, share = self.feeder.get(step), self.ema.share(step)
        rates = [self.learning_rate(step) * g["scale"] for g in self.optimiser.param_groups]
        seed = step_seed(self.spec.seed, step)
        if self.own:  # it may draw as it trains, as dropout does; ours do not
            torch.manual_seed(seed + self.ranks.rank)
        if self.on_device is not None:
            self.on_device.step(inputs, step, share, rates, seed)
        else:
            assert isinstance(self.losses, HostLosses)
            for group, rate in zip(self.optimiser.param_groups, rates, strict=True):
                group["lr"] = rate
            mean = self.stepper.fitting(lambda: self.stepper.gradient(inputs))
            self.stepper.update(share)
            self.losses.add(mean, step, share)
        self.step = step

    def averaged_model(self) -> torch.nn.Module:
        """The model with its EMA weights, for evaluation and pictures; every rank has to ask.

        Those after the first get one without values.
        """
        targets = dict(self.averaged.named_parameters())
        for name, parameter, value in self._averages():
            targets[name].copy_(self.ranks.whole(parameter, value))
        return self.averaged.eval()

    def state(self) -> dict[str, Tensor]:
        """Everything that a resumed run needs, as named tensors."""
        tensors: dict[str, Tensor] = {}
        for name, parameter, average in self._averages():
            tensors[f"model.{name}"] = parameter.detach()
            tensors[f"ema.{name}"] = self.ranks.joined(parameter, average)
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
        """Put a saved state back, to the bit.

        Raises:
            BadInput: it is of another model.
        """
        require_fits(tensors, self.state())
        self.step = int(tensors["step"])
        self.losses.restore(float(tensors["train_loss"]))
        with torch.no_grad():
            for name, parameter, average in self._averages():
                placed = partial(self.ranks.placed, parameter)
                parameter.copy_(placed(tensors[f"model.{name}"]))
                average.copy_(self.ranks.shard(placed(tensors[f"ema.{name}"])))
                if f"exp_avg.{name}" in tensors:
                    self._restore_optimiser(name, parameter, tensors)
                else:  # at step 0, or nothing had read it yet: what came since is as if it had not
                    for value in self.optimiser.state.get(parameter, {}).values():
                        value.zero_()

    def _restore_optimiser(
        self, name: str, parameter: torch.nn.Parameter, tensors: dict[str, Tensor]
    ) -> None:
        """In place where there is something: a captured step reads it where it lies."""
        state = self.optimiser.state[parameter]
        for key in ("step", "exp_avg", "exp_avg_sq"):
            saved = tensors[f"{key}.{name}"]
            if saved.shape == parameter.shape and key != "step":
                saved = self.ranks.placed(parameter, saved)
            if key in state:
                state[key].copy_(saved)
            else:
                state[key] = saved.to(self.device, copy=True)

    def _averages(self) -> Iterator[tuple[str, torch.nn.Parameter, Tensor]]:
        return zip(self.names, self.parameters, self.ema.tensors, strict=True)

    def close(self) -> None:
        """Let go of what draws ahead."""
        self.feeder.close()


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
