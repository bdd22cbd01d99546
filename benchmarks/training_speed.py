"""Whole training steps on a GPU: ours in its own loop, beside diffusers in that of its examples.

Ours is the trunk of ``ditlaw run``: data fed from the host, bfloat16 with float32 weights, compiled
blocks, clipping, fused AdamW, EMA, whole steps captured. The peer is the class of diffusers of the
same shape, its blocks compiled too, under autocast to bfloat16, in the plain loop of the library's
training examples: batches copied as they come, AdamW as torch has it by default, clipping, and the
loss read in every step; it keeps no EMA. Samples have 256 image and 77 text tokens. For each size
and batch: images per second, and the share of this GPU's bfloat16 matmul rate (8192 cubed, kept
busy for as long) that the counted FLOPs come to.

    python benchmarks/training_speed.py [--families mmdit] [--sizes 30M] [--batches 64 128]
"""

import argparse
import gc
import time
import warnings

import numpy as np
import torch

from ditlaw.data.batch import Batch
from ditlaw.families import get_family
from ditlaw.models import Condition, build, compile_blocks
from ditlaw.study import RunSpec, parse_study, study_runs
from ditlaw.training.trunk import Trunk

warnings.filterwarnings("ignore")
TWINS = {"mmdit": "SD3Transformer2DModel", "cross-attention": "PixArtTransformer2DModel"}
CHANNELS = {"mmdit": 16, "cross-attention": 4}
SIZES = {  # depth and width, heads of 64, by family
    "30M": {"mmdit": (6, 384), "cross-attention": (12, 384)},
    "0.9B": {"mmdit": (11, 1536), "cross-attention": (24, 1536)},
    "tiny": {"mmdit": (2, 64), "cross-attention": (2, 64)},  # for a CPU
}
BATCHES = {"30M": [256, 512], "0.9B": [64, 80, 96, 128], "tiny": [4]}
STUDY = """
name: speed
family: {family}
data: {{source: described}}
geometry: {{height: 32, width: 32, channels: {channels}, patch: 2, text_tokens: 77, text_dim: 768,
            pooled_dim: 768}}
budgets: [1.0e+22]
shapes: [{{depth: {depth}, width: {width}, heads: {heads}}}]
recipe: {{batch: {batch}, learning_rate: 1.0e-4, warmup_steps: 1000, precision: bfloat16}}
"""


class Pool:
    """Samples that are in memory already, so that what is timed is not their making."""

    samples, pixels = None, False

    def __init__(self, spec: RunSpec, number: int) -> None:
        geometry, random = spec.geometry.geometry(), np.random.default_rng(0)

        def normal(*sides):
            return random.standard_normal((number, *sides), np.float32)

        text = normal(geometry.text_tokens, geometry.text_dim)
        images = normal(geometry.channels, geometry.height, geometry.width)
        self.batch = Batch(images, text, normal(geometry.pooled_dim))

    def read(self, start: int, count: int) -> Batch:
        """Every batch is the whole pool."""
        return self.batch


def spec_of(family: str, size: str, batch: int) -> RunSpec:
    depth, width = SIZES[size][family]
    given = {"family": family, "channels": CHANNELS[family], "depth": depth, "width": width}
    text = STUDY.format(**given, heads=max(1, width // 64), batch=batch)
    return study_runs(parse_study(text, "benchmark"))[0]


class Ours:
    """The trunk of a run."""

    def __init__(self, spec: RunSpec, device: torch.device) -> None:
        self.trunk = Trunk(spec, device, sources=[Pool(spec, spec.recipe.batch)])

    def steps(self, number: int) -> None:
        for _ in self.trunk.run(self.trunk.step + number):
            pass

    def close(self) -> None:
        self.trunk.close()


class Theirs:
    """diffusers' class in a plain loop."""

    def __init__(self, spec: RunSpec, device: torch.device) -> None:
        family = get_family(f"diffusers:{TWINS[spec.family]}")
        shape = family.shape(spec.depth, spec.width, spec.heads)
        self.model = build(family, shape, spec.geometry.geometry(), 0).to(device)
        if device.type == "cuda":
            compile_blocks(self.model)  # as diffusers advises: block by block
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=1e-4)
        self.source, self.device, self.spec = Pool(spec, spec.recipe.batch), device, spec

    def steps(self, number: int) -> None:
        for _ in range(number):
            self._step()

    def _step(self) -> None:
        batch = self.source.read(0, self.spec.recipe.batch)
        x0, text, pooled = (
            torch.from_numpy(part).to(self.device)
            for part in (batch.images, batch.text, batch.pooled)
        )
        noise = torch.randn_like(x0)
        t = torch.sigmoid(torch.randn(len(x0), device=self.device))
        along = t.view(-1, 1, 1, 1)
        condition = Condition(text, pooled)
        with torch.autocast(self.device.type, torch.bfloat16):
            out = self.model((1 - along) * x0 + along * noise, t, condition)
        loss = (out.float() - (noise - x0)).square().mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad()
        loss.detach().item()

    def close(self) -> None:
        pass


def timed(call, device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    began = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def matmul_rate(device: torch.device, seconds: float, side: int) -> float:
    """FLOP/s of bfloat16 products of random square matrices, back to back for that long."""
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    out = torch.empty_like(a)

    def products(number):
        return timed(lambda: [torch.matmul(a, b, out=out) for _ in range(number)], device)

    products(3)
    number = max(3, int(3 * seconds / products(3)))
    return 2 * side**3 * number / products(number)


def rate(runner, batch: int, device: torch.device, seconds: float) -> float:
    """Images per second, after what compiles and captures has been done."""
    runner.steps(6)
    one = timed(lambda: runner.steps(2), device) / 2
    number = max(3, int(seconds / one))
    return batch * number / timed(lambda: runner.steps(number), device)


def best(kind, family: str, size: str, batches, device, seconds) -> tuple[float, int]:
    """The best images per second over the batches that fit, and the batch."""
    found = []
    for batch in batches:
        spec, runner = spec_of(family, size, batch), None
        try:
            runner = kind(spec, device)
            found.append((rate(runner, batch, device, seconds), batch))
            line = f"{found[-1][0]:,.0f} images/s"
        except torch.OutOfMemoryError:
            line = "does not fit"
        finally:
            if runner is not None:
                runner.close()
            runner = None
            torch._dynamo.reset()
            gc.collect()
            if device.type == "cuda":
                torch.cuda.empty_cache()
        print(f"  {family} {size} batch {batch} {kind.__name__.lower()}: {line}", flush=True)
    return max(found)


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--families", nargs="+", default=list(TWINS), choices=TWINS)
    parser.add_argument(
        "--sizes", nargs="+", choices=SIZES, help="by default what suits the device"
    )
    parser.add_argument("--batches", nargs="+", type=int)
    parser.add_argument("--seconds", type=float, default=2.0)
    given = parser.parse_args(arguments)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
    print(f"{name}, torch {torch.__version__}")
    side = 8192 if device.type == "cuda" else 256
    for size in given.sizes or (["30M", "0.9B"] if device.type == "cuda" else ["tiny"]):
        for family in given.families:
            batches = given.batches or BATCHES[size]
            mine, batch = best(Ours, family, size, batches, device, given.seconds)
            matmul = matmul_rate(device, given.seconds, side)
            theirs, other = best(Theirs, family, size, batches, device, given.seconds)
            flops = mine * spec_of(family, size, batch).counts().flops_train
            print(
                f"{family} {size}: ditlaw {mine:,.0f} images/s (batch {batch}), "
                f"{flops / 1e12:.1f} TFLOP/s, {flops / matmul:.1%} of matmul "
                f"({matmul / 1e12:.0f} TFLOP/s); diffusers {theirs:,.0f} images/s (batch {other}), "
                f"ratio {mine / theirs:.2f}x",
                flush=True,
            )


if __name__ == "__main__":
    main()
