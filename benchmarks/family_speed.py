"""A training step of each family beside its diffusers twin, as a share of this machine's matmul.

Protocol: width 384, heads of 64, 256 image tokens, 77 text tokens, batch 8; step = forward +
backward + fused AdamW on the mean square of the output. A square matmul of the step's precision is
timed just before and just after every step; ``share`` is the step's rate (counted FLOPs ÷ seconds)
over the matmul's rate in those seconds. Ours and the twin are interleaved in one process. bfloat16
is the twin's under autocast and ours by ``build(precision="bfloat16")``; weights stay float32.

On a GPU both are compiled, and images per second at three sizes are printed as well.

    OMP_NUM_THREADS=1 python benchmarks/family_speed.py [--families mmdit flux] [--rounds 7]
"""

import argparse
import contextlib
import time
import warnings

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ditlaw.families import Geometry, get_family
from ditlaw.models import Condition, build

warnings.filterwarnings("ignore")
WIDTH, HEADS, TEXT, FEATURES, POOLED, BATCH = 384, 6, 77, 768, 768, 8
# Family → (depth, single depth, latent channels), as the twins were measured before.
SETTINGS = {
    "in-context": (12, None, 4),
    "cross-attention": (12, None, 4),
    "adaln": (12, None, 4),
    "mmdit": (12, None, 16),
    "flux": (6, 6, 16),
    "masked": (12, None, 4),
}
SIZES = {"S": (384, 6, 1), "B": (768, 12, 1), "L": (1024, 16, 2)}  # width, heads, depth factor


class Twin(nn.Module):
    """The diffusers class of a family behind ditlaw's signature; None where there is no class."""

    def __init__(self, name, shape, geometry):
        super().__init__()
        import diffusers

        self.name = name
        size = shape.width // shape.heads
        common = dict(num_attention_heads=shape.heads, attention_head_dim=size)
        channels = geometry.channels
        image = dict(sample_size=geometry.height, patch_size=2, in_channels=channels)
        if name == "cross-attention":
            self.net = diffusers.PixArtTransformer2DModel(
                **common,
                **image,
                num_layers=shape.depth,
                out_channels=channels,
                cross_attention_dim=shape.width,
                caption_channels=FEATURES,
                use_additional_conditions=False,
            )
        elif name == "mmdit":
            self.net = diffusers.SD3Transformer2DModel(
                **common,
                **image,
                num_layers=shape.depth,
                out_channels=channels,
                joint_attention_dim=FEATURES,
                caption_projection_dim=shape.width,
                pooled_projection_dim=POOLED,
            )
        elif name == "flux":
            self.net = diffusers.FluxTransformer2DModel(
                **common,
                in_channels=4 * channels,
                num_layers=shape.depth,
                num_single_layers=shape.single_depth,
                joint_attention_dim=FEATURES,
                pooled_projection_dim=POOLED,
                axes_dims_rope=(8, 28, 28),
            )
            side = geometry.height // 2
            places = torch.cartesian_prod(torch.arange(1), torch.arange(side), torch.arange(side))
            self.register_buffer("places", places.float())
            self.register_buffer("origin", torch.zeros(TEXT, 3))
        elif name == "adaln":
            self.net = diffusers.DiTTransformer2DModel(
                **common, **image, num_layers=shape.depth, num_embeds_ada_norm=1000
            )

    def forward(self, x, t, condition):
        text, pooled = condition
        if self.name == "cross-attention":
            return self.net(x, text, 1000 * t, return_dict=False)[0]
        if self.name == "mmdit":
            return self.net(x, text, pooled, 1000 * t, return_dict=False)[0]
        if self.name == "adaln":
            return self.net(x, 1000 * t, text[:, 0], return_dict=False)[0]
        batch, channels, height, width = x.shape
        x = x.view(batch, channels, height // 2, 2, width // 2, 2)
        x = x.permute(0, 2, 4, 1, 3, 5).reshape(batch, -1, 4 * channels)
        return self.net(
            x, text, pooled, t, img_ids=self.places, txt_ids=self.origin, return_dict=False
        )[0]


def sample(name, device="cpu", batch=BATCH):
    """A geometry and a batch of random inputs."""
    channels = SETTINGS[name][2]
    classes = name in ("adaln", "masked")
    text = (
        dict(text_tokens=1, vocabulary=1001)
        if classes
        else dict(text_tokens=TEXT, text_dim=FEATURES, pooled_dim=POOLED)
    )
    geometry = Geometry(32, 32, channels, 2, **text)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(batch, channels, 32, 32, generator=generator)
    t = torch.rand(batch, generator=generator)
    if classes:
        condition = Condition(torch.randint(1, 1001, (batch, 1), generator=generator))
    else:
        condition = Condition(
            torch.randn(batch, TEXT, FEATURES, generator=generator),
            torch.randn(batch, POOLED, generator=generator),
        )
    return geometry, x.to(device), t.to(device), condition.to(torch.device(device))


def counted(model, x, t, condition):
    """FLOPs of a training step, counted on meta copies."""
    meta = model.to("meta")
    with FlopCounterMode(display=False) as counter:
        moved = (None if value is None else value.to("meta") for value in condition)
        meta(x.to("meta"), t.to("meta"), Condition(*moved)).square().mean().backward()
    return counter.get_total_flops()


class Runner:
    """Training steps of one model, and their FLOPs."""

    def __init__(self, make, inputs, autocast=None):
        self.flops = counted(make(), *inputs)
        self.model = make().to(inputs[0].device)
        with torch.no_grad():
            for parameter in self.model.parameters():  # no kernel works on zeros alone
                parameter.add_(torch.randn_like(parameter), alpha=0.02)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=1e-4, fused=True)
        self.inputs = inputs
        device = inputs[0].device.type
        self.context = (
            (lambda: torch.autocast(device, autocast)) if autocast else contextlib.nullcontext
        )
        self.call = torch.compile(self.model) if device == "cuda" else self.model

    def step(self):
        self.optimiser.zero_grad(set_to_none=True)
        with self.context():
            out = self.call(*self.inputs)
            mean = out.float().square().mean()
        mean.backward()
        self.optimiser.step()


def seconds(call, device):
    if device == "cuda":
        torch.cuda.synchronize()
    began = time.perf_counter()
    call()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def shares(runners, dtype, rounds, device):
    """(share, seconds of a step, matmul's rate) of each runner, medians over interleaved rounds."""
    side = 1024 if device == "cpu" else 8192
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))

    def matmul():
        return 2 * side**3 / seconds(lambda: a @ b, device)

    for runner in runners:
        for _ in range(1 if device == "cpu" else 3):
            runner.step()
    found = [[] for _ in runners]
    for _ in range(rounds):
        for runner, rows in zip(runners, found, strict=True):
            before = matmul()
            took = seconds(runner.step, device)
            reference = (before + matmul()) / 2
            rows.append((runner.flops / took / reference, took, reference))
    return [np.median(rows, axis=0) for rows in found]


def make_pair(name, shape, geometry, dtype, inputs):
    precision = "bfloat16" if dtype == torch.bfloat16 else "float32"

    def ours():
        return build(get_family(name), shape, geometry, 0, precision=precision)

    runners = [Runner(ours, inputs)]
    if name not in ("in-context", "masked"):
        autocast = dtype if dtype == torch.bfloat16 else None
        runners.append(Runner(lambda: Twin(name, shape, geometry), inputs, autocast))
    return runners


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--families", nargs="+", default=list(SETTINGS), choices=SETTINGS)
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print(f"{device}, torch {torch.__version__}, {torch.get_num_threads()} thread(s)")
    for name in arguments.families:
        for dtype in (getattr(torch, d) for d in arguments.dtypes):
            depth, single, _ = SETTINGS[name]
            geometry, *inputs = sample(name, device)
            shape = get_family(name).shape(depth, WIDTH, HEADS, single)
            rows = shares(
                make_pair(name, shape, geometry, dtype, inputs), dtype, arguments.rounds, device
            )
            kind = str(dtype).removeprefix("torch.")
            for who, (share, took, rate) in zip(("ditlaw", "diffusers"), rows, strict=False):
                print(
                    f"{name:16s} {kind:8s} {who:9s} share {share:.2f}, step {took:.2f} s, "
                    f"matmul {rate / 1e9:.0f} GFLOP/s",
                    flush=True,
                )
            if len(rows) == 2:
                print(
                    f"{name:16s} {kind:8s} share {rows[0][0] - rows[1][0]:+.2f}, "
                    f"ratio of shares {rows[0][0] / rows[1][0]:.2f}×, "
                    f"ratio of seconds {rows[1][1] / rows[0][1]:.2f}×",
                    flush=True,
                )


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
