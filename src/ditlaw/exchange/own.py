"""A study's ``diffusers:CLASS`` as that class: its own tensors by their own names."""

import json
from typing import Any

from ditlaw.exchange import telling
from ditlaw.exchange.base import Exchange
from ditlaw.exchange.parts import Piece
from ditlaw.families import Geometry, Own, Shape
from ditlaw.models.own import build_on_meta

CLASS = "model.model."  # where our wrapper and its adapter hold the class


def exchange(family: Own, shape: Shape, geometry: Geometry) -> Exchange:
    """One model's exchange; the class is made to tell its config, so diffusers is imported.

    Raises:
        BadInput: diffusers is missing, or the class cannot be made.
    """
    whole = build_on_meta(family, shape, geometry)
    adapter: Any = whole.model
    ours = {name: value.shape for name, value in whole.state_dict().items()}
    return Exchange(
        type(adapter.model).__name__,
        json.loads(adapter.model.to_json_string()),
        [Piece(name, name.removeprefix(CLASS)) for name in ours if name.startswith(CLASS)],
        ours,
        call(adapter, geometry),
    )


def call(adapter: Any, geometry: Geometry) -> dict[str, str]:
    """What the arguments of the class are."""
    scale = adapter.time_scale
    told = {
        "hidden_states": telling.patches(geometry, "row, column, channel")
        if adapter.packed
        else telling.latent(geometry),
        "timestep": "t, (batch,)" if scale == 1 else telling.thousand(),
        "encoder_hidden_states": telling.text(geometry, "model.words"),
        "pooled_projections": telling.pooled(geometry, "model.pooled"),
        "class_labels": telling.label(),
        "img_ids": telling.places(geometry),
        "txt_ids": telling.origin(),
    }
    return {name: say for name, say in told.items() if name in adapter.reads} | {
        "sample": telling.VELOCITY
    }
