"""One row of the observations table: all that is known of a run without its model."""

from collections.abc import Sequence
from typing import Any

from ditlaw.study import RunSpec, Stop


def observation(
    spec: RunSpec, stop: Stop, samples: Sequence[int | None] | None = None
) -> dict[str, Any]:
    """What a run has spent at one budget, and by what recipe.

    ``samples`` are the distinct ones to train on, by bucket, where they are known; ``epochs`` are
    those of the bucket that has repeated its own most often.
    """
    mix, step = spec.mix(), stop.step
    repeated = [
        images / distinct
        for images, distinct in zip(mix.images_each(step), samples or [], strict=False)
        if distinct is not None
    ]
    return {
        "run": spec.id,
        "trunk": spec.id,
        "family": spec.design().label,
        "depth": spec.depth,
        "width": spec.width,
        "heads": spec.heads,
        **({"single_depth": spec.single_depth} if spec.single_depth else {}),
        "patch": spec.geometry.patch,
        "text_tokens": spec.geometry.text_tokens,
        "dataset": spec.data.label,
        "seed": spec.seed,
        "budget": stop.budget,
        "params": spec.counts().params,
        "tokens": mix.tokens(step),
        "images": mix.images(step),
        **({"epochs": max(repeated)} if repeated else {}),
        "steps": step,
        "flops": mix.flops(step),
        "flops_6nd": mix.flops_6nd(step),
        "batch": spec.recipe.batch,
        "learning_rate": spec.learning_rate,
        "cooldown": spec.recipe.cooldown,
        "parametrization": str(spec.recipe.parametrization),
        "timesteps": str(spec.evaluation.timesteps),
        "train_timesteps": str(spec.objective.timesteps),
    }
