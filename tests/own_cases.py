"""A user's own module, and samples for it."""

from ditlaw.families import Geometry, Own

WORDS = Geometry(8, 8, 3, 2, 4, vocabulary=17)
FEATURES = Geometry(16, 16, 4, 2, 6, text_dim=48, pooled_dim=24)

# A module of the user's, small enough to count by hand; each test gives it its forward.
SOURCE = """
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

class Mine(nn.Module):
    def __init__(self, depth, width, heads, geometry, dropout=0.0):
        super().__init__()
        self.heads = heads
        self.reads = nn.Linear(geometry.channels, width)
        self.words = nn.Embedding(geometry.vocabulary, width)
        self.mix = nn.ModuleList(nn.Linear(width, 3 * width) for _ in range(depth))
        self.gain = nn.Parameter(torch.ones(width))
        self.unread = nn.Parameter(torch.ones(3))
        self.frozen = nn.Parameter(torch.ones(5), requires_grad=False)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(width, geometry.channels)

    def forward(self, x, t, condition):
        tokens = self.reads(x.flatten(2).transpose(1, 2)) + t[:, None, None]
        tokens = torch.cat([self.words(condition.text), tokens], dim=1)
        for layer in self.mix:
            q, k, v = (p.unflatten(-1, (self.heads, -1)).transpose(1, 2)
                       for p in layer(tokens).chunk(3, dim=-1))
            mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
            tokens = tokens + self.gain * self.drop(mixed)
        made = self.head(tokens[:, condition.text.shape[1]:])
        HERE
        return made.transpose(1, 2).view_as(x)
"""


def counted(family: Own, geometry: Geometry = WORDS, depth=2, width=12, heads=2, single=None):
    return family.counts(family.shape(depth, width, heads, single), geometry)
