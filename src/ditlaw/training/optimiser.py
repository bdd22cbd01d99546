"""AdamW as a recipe asks for it: its parameter groups, their shares of the rate, its ε."""

from typing import Any

import torch

from ditlaw.models.parametrization import rate_scales
from ditlaw.study import RunSpec

EPS = 1e-8  # of AdamW, added to the size of a gradient; torch's own default


def build_optimiser(
    spec: RunSpec, names: list[str], parameters: list[torch.nn.Parameter]
) -> torch.optim.AdamW:
    """The optimiser of a run, whose groups know their ``scale``, a share of the rate.

    On a GPU a step of it can be captured; see ``ditlaw.training.graphs``.
    """
    return torch.optim.AdamW(
        parameter_groups(spec, names, parameters),
        lr=spec.learning_rate,
        betas=spec.recipe.betas,
        eps=EPS * spec.recipe.parametrization.gradient_scale(spec.width),
        fused=True,
        capturable=parameters[0].device.type == "cuda",
    )


def parameter_groups(
    spec: RunSpec, names: list[str], parameters: list[torch.nn.Parameter]
) -> list[dict[str, Any]]:
    """The optimiser's groups, one a share of the rate: a single one but in muP.

    AdamW decays weights by rate × decay a step, which is made the same for all of them.
    """
    recipe, family, scales = spec.recipe, spec.design(), dict[str, float]()
    if recipe.parametrization.kind == "mup":
        base = recipe.parametrization.base(family, spec.depth, spec.single_depth)
        scales = rate_scales(family, spec.shape, base, spec.geometry.geometry())
    groups: dict[float, list[torch.nn.Parameter]] = {}
    for name, parameter in zip(names, parameters, strict=True):
        groups.setdefault(scales.get(name, 1.0), []).append(parameter)
    return [
        {"params": members, "scale": scale, "weight_decay": recipe.weight_decay / scale}
        for scale, members in groups.items()
    ]
