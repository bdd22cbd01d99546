"""``vlb`` and ``nll``: what a held-out sample costs in bits a dimension.

Definitions and units are in docs/metrics.md. Both are of each sample's own caption and of the plain
model: guidance changes what is drawn, and no density is known of it.
"""

import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from ditlaw.flow.likelihood import PROBES, STEPS, negative_log_likelihood
from ditlaw.flow.noise import uniform
from ditlaw.flow.vlb import STRATA, T_MIN, variational_bound
from ditlaw.metrics.base import Bench, Key, Settings, Task, Value
from ditlaw.models import Condition, condition_of
from ditlaw.study import RunSpec

SAMPLES = {"vlb": 256, "nll": 64}
BATCH = 64
LEVELS = 127.5  # levels of a byte in a unit of pixel value: x = byte/127.5 − 1
DEQUANTISING_SEED = 0xDE0


def check(spec: RunSpec, settings: Settings, names: Sequence[str]) -> None:
    """Every run has both."""


def tasks(bench: Bench, names: Sequence[str]) -> list[Task]:
    """One task a metric and condition."""
    return [_task(bench, name, silent) for name in names for silent in bench.settings.conditions]


def _task(bench: Bench, name: str, silent: bool) -> Task:
    samples = bench.settings.samples or SAMPLES[name]
    samples = min(samples, bench.source.samples or samples)
    kind = "latents" if bench.kind == "latents" else "dequantised pixels"
    if name == "vlb":
        key = Key(
            metric=name,
            samples=samples,
            unconditional=silent,
            detail=f"t_min {T_MIN:g}, {STRATA} strata, {kind}",
        )
    else:
        key = Key(
            metric=name,
            samples=samples,
            sampler="heun",
            sampler_steps=STEPS,
            unconditional=silent,
            detail=f"{PROBES} probe{'s' * (PROBES > 1)}, {kind}",
        )

    def measure(model: nn.Module, keys: Sequence[Key]) -> Iterable[tuple[Key, Value]]:
        for each in keys:
            yield each, _measured(bench, model, each)

    return Task((key,), measure)


def _measured(bench: Bench, model: nn.Module, key: Key) -> Value:
    nats: Callable[[Tensor, Condition, int], Tensor]
    if key.metric == "vlb":

        def nats(x: Tensor, condition: Condition, start: int) -> Tensor:
            return variational_bound(model, x, condition, start=start)
    else:

        def nats(x: Tensor, condition: Condition, start: int) -> Tensor:
            return negative_log_likelihood(model, x, condition, start=start).mean(1)

    parts = []
    for start in range(0, key.samples, BATCH):
        batch = bench.source.read(start, min(BATCH, key.samples - start))
        x, condition = torch.from_numpy(batch.images), condition_of(batch).to(bench.device)
        if key.unconditional:
            condition = condition.silent()
        pixels = bench.kind == "pixels"
        x = dequantised(x, start) if pixels else x
        each = nats(x.to(bench.device), condition, start)
        parts.append(bits_per_dimension(each, math.prod(x.shape[1:]), pixels=pixels))
    bits = torch.cat(parts)
    error = float(bits.std() / len(bits) ** 0.5) if len(bits) > 1 else None
    return Value(value=float(bits.mean()), error=error)


def dequantised(images: Tensor, start: int) -> Tensor:
    """Pixels in [−1, 1] at the nearest of 256 levels, plus uniform noise of one level's width.

    The noise of sample i is a function of start + i alone.
    """
    levels = ((images.clamp(-1, 1) + 1) * LEVELS).round() / LEVELS - 1
    noise = uniform(DEQUANTISING_SEED, start, len(images), tuple(images.shape[1:]))
    return levels + (noise - 0.5) / LEVELS


def bits_per_dimension(nats: Tensor, dimensions: int, *, pixels: bool) -> Tensor:
    """Nats a sample → bits a dimension.

    Of pixels, those of the byte: a level is 1/127.5 wide, and −log P(byte) is at most the mean of
    −log p over the level, less the log of its width (Theis et al. 1511.01844, section 3.1).
    """
    return nats / (dimensions * math.log(2)) + (math.log2(LEVELS) if pixels else 0.0)
