"""A training step of each family beside its diffusers twin, as a share of this machine's matmul.

Protocol: width 384, heads of 64, 256 image tokens, 77 text tokens of 768 (adaln and masked: a
class), batch 8; step = forward + backward + fused AdamW on the mean square of the output. A square
matmul of the step's precision is timed just before and just after every step; ``share`` is the
step's rate (counted FLOPs ÷ seconds) over the matmul's rate in those seconds. Ours and the twin
are interleaved in one process. Weights are float32; bfloat16 is autocast for the twin. The twin is
the class of diffusers as ``diffusers:CLASS`` builds it, its FLOPs counted on the meta device.

On a GPU both are compiled, and images per second at three sizes are printed too.

    OMP_NUM_THREADS=1 python benchmarks/family_speed.py [--families mmdit flux] [--rounds 7]
"""

import argparse
import time
import warnings
from dataclasses import dataclass

import numpy as np
import torch

from ditlaw.families import Family, Geometry, Shape, get_family
from ditlaw.models import Condition, build

warnings.filterwarnings("ignore")
WIDTH, HEADS, BATCH = 384, 6, 8
TEXT = {"text_tokens": 77, "text_dim": 768, "pooled_dim": 768}
CLASSES = {"text_tokens": 1, "vocabulary": 1001}
SIZES = {"S": (384, 6, 1), "B": (768, 12, 1), "L": (1024, 16, 2)}  # width, heads, times the depth
GPU_BATCH = 64


@dataclass(frozen=True)
class Setting:
    """A family as it was measured beside its peers, and the class that it is measured against."""

    depth: int
    channels: int
    text: dict
    twin: str | None = None
    single: int | None = None

    @property
    def geometry(self) -> Geometry:
        return Geometry(32, 32, self.channels, 2, **self.text)


SETTINGS = {
    "in-context": Setting(12, 4, TEXT),
    "cross-attention": Setting(12, 4, TEXT, "PixArtTransformer2DModel"),
    "adaln": Setting(12, 4, CLASSES, "DiTTransformer2DModel"),
    "mmdit": Setting(12, 16, TEXT, "SD3Transformer2DModel"),
    "flux": Setting(6, 16, TEXT, "FluxTransformer2DModel", single=6),
    "masked": Setting(12, 4, CLASSES),
}


def inputs_of(geometry: Geometry, batch: int, device: str) -> tuple:
    """Random (latent, t, condition) of a batch."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(batch, *shape, generator=generator)

    if geometry.words:
        words = torch.randint(1, geometry.vocabulary, (batch, 1), generator=generator)
        condition = Condition(words)
    else:
        text = draw(geometry.text_tokens, geometry.text_dim)
        condition = Condition(text, draw(geometry.pooled_dim))
    x, t = draw(geometry.channels, 32, 32), torch.rand(batch, generator=generator)
    return x.to(device), t.to(device), condition.to(torch.device(device))


class Runner:
    """Training steps of one model, and what one of them costs."""

    def __init__(self, family: Family, shape: Shape, geometry: Geometry, precision, inputs):
        # Of a plain step: what a masked family's training adds is not timed here.
        counts = family.counts(shape, geometry)
        plain = 3 * counts.flops_forward if family.name == "masked" else counts.flops_train
        self.flops = len(inputs[0]) * plain
        self.model = build(family, shape, geometry, 0, precision=precision).to(inputs[0].device)
        with torch.no_grad():
            for parameter in self.model.parameters():  # no kernel works on zeros alone
                parameter.add_(torch.randn_like(parameter), alpha=0.02)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=1e-4, fused=True)
        self.inputs = inputs
        on_gpu = inputs[0].device.type == "cuda"
        self.call = torch.compile(self.model) if on_gpu else self.model

    def step(self):
        self.optimiser.zero_grad(set_to_none=True)
        self.call(*self.inputs).square().mean().backward()
        self.optimiser.step()


def pair(name: str, shape: Shape, precision: str, batch: int, device: str) -> list[Runner]:
    """Ours, then the twin where diffusers has one."""
    setting = SETTINGS[name]
    families = [get_family(name)]
    if setting.twin:
        families.append(get_family(f"diffusers:{setting.twin}"))
    inputs = inputs_of(setting.geometry, batch, device)
    return [Runner(f, shape, setting.geometry, precision, inputs) for f in families]


def seconds(call, device) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    began = time.perf_counter()
    call()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def measure(runners, precision, rounds, device) -> list:
    """(share, seconds, matmul FLOP/s) of each runner, medians over interleaved rounds."""
    side = 8192 if device == "cuda" else 1024
    dtype = getattr(torch, precision)
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))

    def matmul():
        return 2 * side**3 / seconds(lambda: a @ b, device)

    for runner in runners:
        for _ in range(3 if device == "cuda" else 1):
            runner.step()
    found = [[] for _ in runners]
    for _ in range(rounds):
        for runner, rows in zip(runners, found, strict=True):
            before = matmul()
            took = seconds(runner.step, device)
            reference = (before + matmul()) / 2
            rows.append((runner.flops / took / reference, took, reference))
    return [np.median(rows, axis=0) for rows in found]


def shares(names, precisions, rounds, device):
    for name in names:
        for precision in precisions:
            shape = get_family(name).shape(
                SETTINGS[name].depth, WIDTH, HEADS, SETTINGS[name].single
            )
            rows = measure(pair(name, shape, precision, BATCH, device), precision, rounds, device)
            for who, (share, took, rate) in zip(("ditlaw", "diffusers"), rows, strict=False):
                print(
                    f"{name:15s} {precision:8s} {who:9s} share {share:.2f}, step {took:.2f} s, "
                    f"matmul {rate / 1e9:.0f} GFLOP/s",
                    flush=True,
                )
            if len(rows) == 2:
                (mine, my_time, _), (theirs, their_time, _) = rows
                print(
                    f"{name:15s} {precision:8s} share {mine - theirs:+.2f}, ratio of shares "
                    f"{mine / theirs:.2f}×, ratio of seconds {their_time / my_time:.2f}×",
                    flush=True,
                )


def images_per_second(names, rounds, device, sizes=SIZES, batch=GPU_BATCH):
    """bfloat16 training at three sizes of each family, ours and the twin's."""
    for name in names:
        for size, (width, heads, times) in sizes.items():
            setting = SETTINGS[name]
            single = None if setting.single is None else times * setting.single
            shape = get_family(name).shape(times * setting.depth, width, heads, single)
            rows = measure(pair(name, shape, "bfloat16", batch, device), "bfloat16", rounds, device)
            mine, *theirs = [batch / took for _, took, _ in rows]
            against = [f", diffusers {rate:.1f}, {mine / rate:.2f}×" for rate in theirs]
            print(
                f"{name:15s} {size} ({shape}) bfloat16: {mine:.1f} images/s, "
                f"share {rows[0][0]:.2f}{''.join(against)}",
                flush=True,
            )


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--families", nargs="+", default=list(SETTINGS), choices=SETTINGS)
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args(arguments)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print(f"{device}, torch {torch.__version__}, {torch.get_num_threads()} thread(s)")
    shares(given.families, given.precisions, given.rounds, device)
    if device == "cuda":
        images_per_second(given.families, given.rounds, device)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
