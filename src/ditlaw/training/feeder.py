"""What each step is trained on, as a function of (spec, step) alone; drawn ahead of a GPU.

On a CPU a step's inputs are drawn when they are asked for. On an accelerator threads draw the next
few steps' while it computes, into pinned memory; noise, the bulk of them, is drawn on the device.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ditlaw import machine
from ditlaw.compute.devices import device_share
from ditlaw.data import Source
from ditlaw.data.order import mix
from ditlaw.flow import stratified, timesteps
from ditlaw.models import Condition, condition_of
from ditlaw.study import RunSpec

THREADS = 4  # that draw at once, if there are as many cores


@dataclass(frozen=True)
class StepInputs:
    """One step's batch, of one bucket.

    ``noise`` is None where the device draws it; ``order`` (batch, image tokens), by which masked
    families hide tokens, where the family trains with none.
    """

    bucket: int
    x0: Tensor
    noise: Tensor | None
    t: Tensor
    order: Tensor | None
    condition: Condition

    def tensors(self) -> dict[str, Tensor]:
        """Those that are there, by name."""
        named = {"x0": self.x0, "noise": self.noise, "t": self.t, "order": self.order}
        named |= {"text": self.condition.text, "pooled": self.condition.pooled}
        return {name: value for name, value in named.items() if value is not None}

    def of(self, tensors: dict[str, Tensor]) -> "StepInputs":
        """The same bucket with other tensors of those names."""
        x0, t = tensors["x0"], tensors["t"]
        condition = Condition(tensors.get("text"), tensors.get("pooled"))
        noise, order = tensors.get("noise"), tensors.get("order")
        return StepInputs(self.bucket, x0, noise, t, order, condition)

    def with_noise(self, noise: Tensor) -> "StepInputs":
        """The same with noise that was drawn elsewhere."""
        return replace(self, noise=noise)

    def rows(self, part: slice) -> "StepInputs":
        """Some of the batch."""
        return self.of({name: value[part] for name, value in self.tensors().items()})

    def to(self, device: torch.device) -> "StepInputs":
        """The same on a device; copies from pinned memory do not wait."""
        moved = {n: v.to(device, non_blocking=True) for n, v in self.tensors().items()}
        return self.of(moved)


class Feeder:
    """Inputs of any step of a run; asking for one step has the next few drawn ahead.

    ``rows`` of a batch are read and given: what is drawn for a sample does not depend on them.
    """

    def __init__(
        self,
        spec: RunSpec,
        sources: Sequence[Source],
        masked: bool,
        device: torch.device,
        rows: slice,
    ) -> None:
        self.spec, self.sources, self.masked, self.device = spec, sources, masked, device
        self.rows = rows
        self.mix, self.geometries = spec.mix(), spec.geometry.geometries()
        self.ahead: dict[int, Future[StepInputs]] = {}
        self.pool: ThreadPoolExecutor | None = None
        if device.type == "cuda":
            self.threads = max(1, min(THREADS, int(machine.cores() * device_share())))
            self.pool = ThreadPoolExecutor(self.threads, "feeder")

    def get(self, step: int) -> StepInputs:
        """The inputs of the ``step``-th step, from 1, in this machine's memory."""
        if self.pool is None:
            return self._draw(step)
        wanted = range(step, step + self.threads + 2)
        self.ahead = {n: made for n, made in self.ahead.items() if n in wanted}
        for number in wanted:
            if number not in self.ahead:
                self.ahead[number] = self.pool.submit(self._draw_pinned, number)
        return self.ahead.pop(step).result()

    def close(self) -> None:
        """End the threads; what they drew is dropped."""
        self.ahead = {}
        if self.pool is not None:
            self.pool.shutdown(wait=False, cancel_futures=True)

    def _draw_pinned(self, step: int) -> StepInputs:
        drawn = self._draw(step)
        return drawn.of({name: value.pin_memory() for name, value in drawn.tensors().items()})

    def _draw(self, step: int) -> StepInputs:
        recipe, bucket, rows = self.spec.recipe, self.mix.bucket(step), self.rows
        image_tokens = self.geometries[bucket].image_tokens
        generator = torch.Generator().manual_seed(step_seed(self.spec.seed, step))
        first = self.mix.images_each(step - 1)[bucket] + rows.start
        batch = self.sources[bucket].read(first, rows.stop - rows.start)
        x0 = torch.from_numpy(batch.images)
        shape = (recipe.batch, *x0.shape[1:])
        # A GPU draws this itself: it would take a CPU core longer than a step takes.
        noise = torch.randn(shape, generator=generator)[rows] if self.pool is None else None
        quantiles = stratified(recipe.batch, generator)
        t = timesteps(self.spec.objective.timesteps, quantiles, image_tokens).float()
        kept = torch.rand(recipe.batch, generator=generator) >= recipe.caption_dropout
        # Drawn last: runs of all families see the same noise and captions.
        order = torch.rand(recipe.batch, image_tokens, generator=generator) if self.masked else None
        order = None if order is None else order[rows]
        return StepInputs(bucket, x0, noise, t[rows], order, condition_of(batch).kept(kept[rows]))


def noise_like(x0: Tensor, seed: int, batch: int, rows: slice) -> Tensor:
    """The noise of a step's ``batch`` samples, of which ``x0`` are some; drawn on their device."""
    generator = torch.Generator(x0.device).manual_seed(seed)
    shape = (batch, *x0.shape[1:])
    return torch.randn(shape, generator=generator, device=x0.device)[rows]


def step_seed(seed: int, step: int) -> int:
    """A generator seed for one step of one run, of the 32 bits that torch's CPU generator reads."""
    return int(mix(mix(np.full(1, seed, np.uint64)) + np.uint64(step))[0] >> np.uint64(32))
