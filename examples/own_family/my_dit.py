"""A DiT that ditlaw does not have: U-shaped skips, SwiGLU, attention and MLP side by side.

Nothing here is ditlaw's but the words that come in (``condition``) and the ``geometry``.
"""

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    """Attention and SwiGLU read the same normed tokens; a late block first reads an early one."""

    def __init__(self, width, heads, mlp, late):
        super().__init__()
        self.heads, self.hidden = heads, int(mlp * width)
        self.skip = nn.Linear(2 * width, width) if late else None
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.read = nn.Linear(width, 3 * width + 2 * self.hidden)
        self.write = nn.Linear(width + self.hidden, width)
        self.modulation = nn.Linear(width, 3 * width)
        nn.init.zeros_(self.modulation.weight)  # every block starts as the identity
        nn.init.zeros_(self.modulation.bias)

    def forward(self, x, vector, early=None):
        if self.skip is not None:
            x = x + self.skip(torch.cat([x, early], dim=-1))
        shift, scale, gate = self.modulation(vector)[:, None].chunk(3, dim=-1)
        width = x.shape[-1]
        made = self.read(self.norm(x) * (1 + scale) + shift)
        q, k, v, gates, values = made.split([width] * 3 + [self.hidden] * 2, dim=-1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (q, k, v))
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return x + gate * self.write(torch.cat([mixed, F.silu(gates) * values], dim=-1))


class MyDit(nn.Module):
    """Noisy picture x, noise level t (1 is noise) and words → velocity, of the shape of x."""

    def __init__(self, depth, width, heads, geometry, mlp, skips):
        super().__init__()
        self.width, self.patch = width, geometry.patch
        self.half = depth // 2 if skips else 0
        self.patches = nn.Conv2d(geometry.channels, width, geometry.patch, geometry.patch)
        self.words = nn.Embedding(geometry.vocabulary, width)
        self.places = nn.Parameter(0.02 * torch.randn(geometry.tokens, width))
        self.time = nn.Sequential(nn.Linear(64, width), nn.SiLU(), nn.Linear(width, width))
        late = [depth - i <= self.half for i in range(depth)]
        self.blocks = nn.ModuleList(Block(width, heads, mlp, late=late[i]) for i in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, geometry.patch_dim)
        nn.init.zeros_(self.head.weight)  # and the first velocity is zero

    def forward(self, x, t, condition):
        image = self.patches(x)
        words = self.words(condition.text)
        tokens = torch.cat([words, image.flatten(2).transpose(1, 2)], dim=1) + self.places
        waves = 1000 ** torch.linspace(0, 1, 32, device=t.device)  # new tensors: on t's device
        vector = self.time(torch.cat([(t[:, None] * waves).sin(), (t[:, None] * waves).cos()], 1))
        early = []
        for i, block in enumerate(self.blocks):
            tokens = block(tokens, vector, early.pop() if block.skip is not None else None)
            if i < self.half:
                early.append(tokens)
        patches = self.head(self.norm(tokens[:, words.shape[1] :])).transpose(1, 2)
        return F.fold(patches, x.shape[-2:], self.patch, stride=self.patch)


def make(depth, width, heads, geometry, mlp=2.0, skips=True):
    """What a study names: my_dit:make. ``mlp`` and ``skips`` can be set under its options."""
    return MyDit(depth, width, heads, geometry, mlp, skips)
