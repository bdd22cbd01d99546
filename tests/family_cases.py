"""Every built-in family at a size that runs in milliseconds, and a batch for it."""

import pytest
import torch

from ditlaw.families import FAMILIES, Geometry, get_family
from ditlaw.models import Condition, build

MEMBERS = [get_family(name) for name in FAMILIES] + [get_family("masked", {"masking": "drop"})]
WORDS = Geometry(16, 16, 3, 2, 16, vocabulary=17)
FEATURES = Geometry(8, 12, 4, 2, 5, text_dim=20, pooled_dim=12)
VIDEO = Geometry(8, 8, 2, 2, 5, text_dim=20, frames=3)
GEOMETRIES = {"words": WORDS, "features": FEATURES, "video": VIDEO}


def each_family(*names):
    """Run a test for every family, or for those named."""
    chosen = [f for f in MEMBERS if not names or f.name in names]
    return pytest.mark.parametrize("family", chosen, ids=lambda f: f.label)


def shape_of(family, depth=3, width=32, heads=2):
    return family.shape(depth, width, heads)


def make(family, geometry=WORDS, seed=0, **how):
    """A model at its start."""
    return build(family, shape_of(family), geometry, seed, **how)


def stirred(family, geometry=WORDS, **how):
    """A model all of whose weights take part: what starts at zero is moved."""
    model = make(family, geometry, **how)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.05)
    return model


def batch(geometry=WORDS, n=3, dtype=torch.float32):
    """(noisy latent, t, condition, order) of n samples."""
    generator = torch.Generator().manual_seed(5)
    frames = (geometry.frames,) if geometry.frames > 1 else ()
    sides = (geometry.channels, *frames, geometry.height, geometry.width)
    x = torch.randn(n, *sides, generator=generator, dtype=dtype)
    t = torch.rand(n, generator=generator, dtype=dtype)
    text = pooled = None
    if geometry.vocabulary:
        text = torch.randint(geometry.vocabulary, (n, geometry.text_tokens), generator=generator)
    elif geometry.text_tokens:
        shape = (n, geometry.text_tokens, geometry.text_dim)
        text = torch.randn(shape, generator=generator, dtype=dtype)
    if geometry.pooled_dim:
        pooled = torch.randn(n, geometry.pooled_dim, generator=generator, dtype=dtype)
    order = torch.rand(n, geometry.image_tokens, generator=generator)
    return x, t, Condition(text, pooled), order
