"""Pictures for the held-out captions, the same noise for every model."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ditlaw.data import Source
from ditlaw.flow import Sampler, sample
from ditlaw.flow.noise import normal
from ditlaw.models import Velocity, condition_of

DRAWING_SEED = 0xD4A3
DRAWING_BATCH = 64


def draw(
    model: Velocity,
    source: Source,
    *,
    samples: int,
    sampler: Sampler,
    steps: int,
    guidance: float,
    shift: float = 1.0,
    unconditional: bool = False,
    device: torch.device,
    seed: int = DRAWING_SEED,
) -> Iterator[Tensor]:
    """Draw ``samples`` pictures in batches: (n, channels, height, width) float32, on the device.

    Picture i has the caption of held-out sample i (they start over where there are fewer) and noise
    that is a function of (seed, i) alone. Values are as the model gives them, not clipped.

    Args:
        model: the network.
        source: the held-out samples.
        samples: number of pictures.
        sampler: ``euler`` or ``heun``.
        steps: number of its steps.
        guidance: scale; 1 is the plain model.
        shift: of the sampler's times.
        unconditional: with captions that say nothing, so that guidance has no effect.
        device: where the model is.
        seed: of the noise.
    """
    for start in range(0, samples, DRAWING_BATCH):
        count = min(DRAWING_BATCH, samples - start)
        batch = source.read(start, count)
        condition = condition_of(batch).to(device)
        yield sample(
            model,
            normal(seed, start, count, batch.images.shape[1:]).to(device),
            condition.silent() if unconditional else condition,
            sampler=sampler,
            steps=steps,
            guidance=1.0 if unconditional else guidance,
            shift=shift,
        )
