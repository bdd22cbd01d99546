"""diffusers' classes called in ditlaw's terms, for tests: (x, t, text, pooled) → velocity."""

import warnings

import torch

from ditlaw.models import Condition
from ditlaw.models.flux import image_places

with warnings.catch_warnings():  # what a library deprecates while it is imported is not ours
    warnings.simplefilter("ignore")
    import diffusers


def made(exchange):
    """The class with its own first weights, in eval mode."""
    return getattr(diffusers, exchange.class_name).from_config(exchange.config).eval()


def loaded(folder, class_name):
    return getattr(diffusers, class_name).from_pretrained(folder).eval()


def packed(x, patch):
    """FLUX's tokens, as its pipeline packs them: (batch, patches, channels·patch²)."""
    batch, channels, height, width = x.shape
    x = x.view(batch, channels, height // patch, patch, width // patch, patch)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(batch, -1, channels * patch * patch)


def unpacked(tokens, geometry):
    batch, patch = len(tokens), geometry.patch
    x = tokens.view(batch, geometry.rows, geometry.columns, geometry.channels, patch, patch)
    return x.permute(0, 3, 1, 4, 2, 5).reshape(
        batch, geometry.channels, geometry.height, geometry.width
    )


def velocity(model, geometry, x, t, features=None, pooled=None, label=None):
    """What the class answers to a batch of ours."""
    name = type(model).__name__
    if name == "DiTTransformer2DModel":
        return model(x, timestep=1000 * t, class_labels=label).sample
    if name == "PixArtTransformer2DModel":
        return model(x, encoder_hidden_states=features, timestep=1000 * t).sample
    given = {"encoder_hidden_states": features, "pooled_projections": pooled}
    if name == "SD3Transformer2DModel":
        return model(x, timestep=1000 * t, **given).sample
    ids = image_places(geometry).float()
    made = model(
        packed(x, geometry.patch),
        timestep=t,
        img_ids=ids,
        txt_ids=torch.zeros(features.shape[1], 3),
        **given,
    )
    return unpacked(made.sample, geometry)


def arguments(geometry, model, condition: Condition, words=None):
    """What stands for our condition there; ``words`` are tables that an export put beside it."""
    if type(model).__name__ == "DiTTransformer2DModel":
        return {"label": condition.text[:, 0]}
    if words is None:
        pooled = condition.text.mean(1) if condition.pooled is None else condition.pooled
        return {"features": condition.text, "pooled": pooled}
    text, length = condition.text, condition.text.shape[1]
    found = words["text.words.table.weight"][text] + words["text.words.positions"][:length]
    given = {"features": found, "pooled": None}
    if "vector.words.table.weight" in words:
        slots = torch.arange(length) * geometry.vocabulary
        given["pooled"] = words["vector.words.table.weight"][text + slots].sum(1)
    return given
