"""Speed of the hot paths, each as a ratio against a named peer in the same run.

1. A training step of the in-context DiT against the same widths built from
   ``torch.nn.TransformerEncoder`` (pre-norm, GELU), same loss, same fused AdamW, interleaved.
2. Fitting (``fitting_speed.py``): the surface and its refits against SciPy's L-BFGS-B, parabolas
   and lines against ``numpy.polyfit``, the command against the imports that it needs.

    OMP_NUM_THREADS=1 python benchmarks/speed.py
"""

import time

import numpy as np
import torch
from torch import nn

import fitting_speed
from ditlaw.families import Geometry, get_family
from ditlaw.flow import loss
from ditlaw.models import Condition, build
from ditlaw.models.tokens import patchify, sinusoid, unpatchify

GEOMETRY = Geometry(16, 16, 3, 2, 16, vocabulary=17)
BATCH = 8
ROUNDS = 60


class Peer(nn.Module):
    """The same token sequence through torch's own encoder layers."""

    def __init__(self, width: int, heads: int, depth: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.body = nn.TransformerEncoder(layer, depth, nn.LayerNorm(width), False)
        self.patches = nn.Linear(GEOMETRY.patch_dim, width)
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.text = nn.Embedding(GEOMETRY.vocabulary, width)
        self.positions = nn.Parameter(torch.zeros(GEOMETRY.tokens, width))
        self.head = nn.Linear(width, GEOMETRY.patch_dim)

    def forward(self, x, t, condition):
        tokens = torch.cat(
            [self.text(condition.text), self.patches(patchify(x, GEOMETRY.patch))], dim=1
        )
        time_token = self.time(sinusoid(t, self.head.in_features))[:, None]
        out = self.body(torch.cat([time_token, tokens + self.positions], dim=1))
        return unpatchify(self.head(out[:, -GEOMETRY.image_tokens :]), GEOMETRY)


def stepper(model):
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(BATCH, 3, 16, 16, generator=generator)
    noise = torch.randn(BATCH, 3, 16, 16, generator=generator)
    t, text = torch.rand(BATCH, generator=generator), torch.zeros(BATCH, 16, dtype=torch.long)

    def step():
        optimiser.zero_grad(set_to_none=True)
        loss(model, x, noise, t, Condition(text)).mean().backward()
        optimiser.step()

    return step


def seconds(call):
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def training():
    family = get_family("in-context")
    for width in (24, 64):
        shape = family.shape(2, width, 4)
        ours, peer = stepper(build(family, shape, GEOMETRY, 0)), stepper(Peer(width, 4, 2))
        for step in (ours, peer):
            step()
        pairs = np.array([(seconds(ours), seconds(peer)) for _ in range(ROUNDS)])
        mine, theirs = np.median(pairs, axis=0)
        rate = BATCH * family.counts(shape, GEOMETRY).flops_train / mine
        print(
            f"training step, width {width}: {mine * 1e3:.2f} ms ({rate / 1e9:.1f} GFLOP/s), "
            f"torch.nn.TransformerEncoder {theirs * 1e3:.2f} ms, ratio {theirs / mine:.2f}×"
        )


if __name__ == "__main__":
    torch.set_num_threads(1)
    training()
    fitting_speed.main()
