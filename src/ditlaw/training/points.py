"""Points of the evaluation grid: held-out samples, stratified timesteps, fixed noise."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from ditlaw.data import Source
from ditlaw.flow import loss, timesteps
from ditlaw.flow.noise import normal
from ditlaw.models import condition_of
from ditlaw.study import RunSpec

GRID_SEED = 0x5EED
EVALUATION_BATCH = 128  # samples at a time, halved where memory does not hold as many
NOISES_OF_A_BUCKET = 1 << 24  # no grid has as many points: those of two resolutions share none
CURVE_BINS = 8  # equal parts of t, for the curve that is kept


@dataclass(frozen=True)
class ValidationLoss:
    """Mean over the grid, its standard error over samples, and the mean in each part of t.

    The standard error is that of the grid, common to all runs of a study: it says how well the
    held-out samples stand for all there could be, not how well two runs can be told apart.
    """

    loss: float
    standard_error: float
    curve: list[float] = field(default_factory=list)


class Points:
    """Grid points of held-out samples of one size; a set of fewer samples is gone through again.

    Point i has sample i, its own noise, and one of ``count`` strata of the timesteps' quantiles,
    dealt out at random so that t is not tied to the sample. ``bucket`` tells sizes apart. All
    lie in the host's memory: captions of a large encoder may be more than a device can hold beside
    a model.
    """

    def __init__(
        self,
        source: Source,
        spec: RunSpec,
        device: torch.device,
        count: int | None = None,
        bucket: int = 0,
    ) -> None:
        count, seed = count or spec.evaluation.samples, GRID_SEED + bucket
        self.pixels, self.device = source.pixels, device
        batch = source.read(0, count)
        order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
        quantiles = (order.double() + 0.5) / count
        self.t = timesteps(spec.evaluation.timesteps, quantiles).float()
        self.images = torch.from_numpy(batch.images)
        self.condition = condition_of(batch)
        shape = tuple(self.images.shape[1:])
        self.noise = normal(GRID_SEED, bucket * NOISES_OF_A_BUCKET, count, shape)
        self.sample = np.arange(count) % (source.samples or count)

    @torch.no_grad()
    def losses(
        self,
        model: torch.nn.Module,
        at_a_time: int = EVALUATION_BATCH,
        *,
        unconditional: bool = False,
    ) -> "np.ndarray":
        """The loss at each point, (count,) float64.

        How many samples go through the model at a time changes it by rounding at most.
        """
        parts = []
        for start in range(0, len(self.t), at_a_time):
            part = slice(start, start + at_a_time)
            x0, noise, t = (v[part].to(self.device) for v in (self.images, self.noise, self.t))
            condition = self.condition.rows(part).to(self.device)
            given = condition.silent() if unconditional else condition
            parts.append(loss(model, x0, noise, t, given))
        return np.asarray(torch.cat(parts).double().cpu())


def summarised(parts: Sequence[Points], losses: "Sequence[np.ndarray]") -> ValidationLoss:
    """Losses at all points of some sets in a few numbers; those of one sample go together."""
    each = np.concatenate(losses)
    t = np.concatenate([part.t.numpy() for part in parts])
    first = np.cumsum([0, *(len(part.t) for part in parts)])  # more than any part has samples
    sample = np.concatenate([n + part.sample for n, part in zip(first, parts, strict=False)])
    _, sample = np.unique(sample, return_inverse=True)
    share = np.bincount(sample, weights=each) / np.bincount(sample)
    error = float(share.std(ddof=1) / len(share) ** 0.5) if len(share) > 1 else float("nan")
    bins = np.minimum((t * CURVE_BINS).astype(int), CURVE_BINS - 1)
    curve = [float(each[bins == b].mean()) for b in range(CURVE_BINS) if np.any(bins == b)]
    return ValidationLoss(float(each.mean()), error, curve if len(curve) == CURVE_BINS else [])
