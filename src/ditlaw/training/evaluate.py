"""The validation loss on a fixed grid: held-out samples, stratified timesteps, fixed noise.

Two models evaluated here differ by the models alone: samples, t and noise are the same for every
run of a study and every point of a run.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ditlaw.data import open_held_out
from ditlaw.flow import euler, loss, timesteps
from ditlaw.models import Condition
from ditlaw.study import RunSpec

GRID_SEED = 0x5EED
EVALUATION_BATCH = 128


@dataclass(frozen=True)
class ValidationLoss:
    """Mean over the grid and its standard error over samples (common to all runs of a study)."""

    loss: float
    standard_error: float


class Grid:
    """The fixed grid of a study, made once a run."""

    def __init__(self, spec: RunSpec, device: torch.device) -> None:
        evaluation = spec.evaluation
        count = evaluation.samples
        batch = open_held_out(spec.data).read(0, count)
        generator = torch.Generator().manual_seed(GRID_SEED)
        # One stratum a sample, dealt out at random so that t is not tied to the sample's index.
        order = torch.randperm(count, generator=generator)
        quantiles = (order.double() + 0.5) / count
        self.images = torch.from_numpy(batch.images).to(device)
        self.condition = Condition(torch.from_numpy(batch.words)).to(device)
        self.t = timesteps(evaluation.timesteps, quantiles).float().to(device)
        self.noise = torch.randn(self.images.shape, generator=generator).to(device)
        self.spec = spec

    @torch.no_grad()
    def validation_loss(self, model: torch.nn.Module) -> ValidationLoss:
        """Evaluate a model on the grid."""
        parts = []
        for start in range(0, len(self.t), EVALUATION_BATCH):
            part = slice(start, start + EVALUATION_BATCH)
            parts.append(
                loss(
                    model,
                    self.images[part],
                    self.noise[part],
                    self.t[part],
                    self.condition.rows(part),
                )
            )
        each = torch.cat(parts).double()
        error = each.std() / len(each) ** 0.5 if len(each) > 1 else torch.tensor(float("nan"))
        return ValidationLoss(float(each.mean()), float(error))

    def pictures(self, model: torch.nn.Module) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
        """The first captions of the grid, drawn by a model: (n, height, width, channels) bytes."""
        evaluation = self.spec.evaluation
        part = slice(0, evaluation.pictures)
        drawn = euler(
            model,
            self.noise[part],
            self.condition.rows(part),
            steps=evaluation.sampler_steps,
            guidance=evaluation.guidance,
        )
        return to_bytes(drawn)


def to_bytes(images: Tensor) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    """(n, channels, height, width) in [−1, 1] → (n, height, width, channels) bytes."""
    scaled = ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return np.asarray(scaled.permute(0, 2, 3, 1).cpu())
