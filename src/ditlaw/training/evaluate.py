"""The validation loss on a fixed grid: held-out samples, stratified timesteps, fixed noise.

Two models evaluated here differ by the models alone: sample, t and noise of every point are
functions of its number, the same for every run of a study and every budget of a run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ditlaw.data import Source, evaluated_on, open_held_outs
from ditlaw.flow import loss, sample, timesteps
from ditlaw.flow.noise import normal
from ditlaw.models import condition_of
from ditlaw.study import RunSpec
from ditlaw.study.mix import dealt

GRID_SEED = 0x5EED
EVALUATION_BATCH = 128
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
    dealt out at random so that t is not tied to the sample. ``bucket`` tells sizes apart.
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
        self.pixels = source.pixels
        batch = source.read(0, count)
        order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
        quantiles = (order.double() + 0.5) / count
        self.t = timesteps(spec.evaluation.timesteps, quantiles).float().to(device)
        self.images = torch.from_numpy(batch.images).to(device)
        self.condition = condition_of(batch).to(device)
        shape = tuple(self.images.shape[1:])
        self.noise = normal(GRID_SEED, bucket * NOISES_OF_A_BUCKET, count, shape).to(device)
        self.sample = np.arange(count) % (source.samples or count)

    @torch.no_grad()
    def losses(self, model: torch.nn.Module, *, unconditional: bool = False) -> "np.ndarray":
        """The loss at each point, (count,) float64."""
        condition = self.condition.silent() if unconditional else self.condition
        parts = []
        for start in range(0, len(self.t), EVALUATION_BATCH):
            part = slice(start, start + EVALUATION_BATCH)
            given = (self.images[part], self.noise[part], self.t[part], condition.rows(part))
            parts.append(loss(model, *given))
        return np.asarray(torch.cat(parts).double().cpu())

    def summary(self, each: "np.ndarray") -> ValidationLoss:
        """Losses at the points in a few numbers."""
        return summarised([self], [each])


def summarised(parts: Sequence[Points], losses: "Sequence[np.ndarray]") -> ValidationLoss:
    """Losses at all points of some sets in a few numbers; those of one sample go together."""
    each = np.concatenate(losses)
    t = np.concatenate([part.t.cpu().numpy() for part in parts])
    first = np.cumsum([0, *(len(part.t) for part in parts)])  # more than any part has samples
    sample = np.concatenate([n + part.sample for n, part in zip(first, parts, strict=False)])
    _, sample = np.unique(sample, return_inverse=True)
    share = np.bincount(sample, weights=each) / np.bincount(sample)
    error = float(share.std(ddof=1) / len(share) ** 0.5) if len(share) > 1 else float("nan")
    bins = np.minimum((t * CURVE_BINS).astype(int), CURVE_BINS - 1)
    curve = [float(each[bins == b].mean()) for b in range(CURVE_BINS) if np.any(bins == b)]
    return ValidationLoss(float(each.mean()), error, curve if len(curve) == CURVE_BINS else [])


class Grid:
    """The fixed grid of a study, made once a run; ``root`` is the study folder, for its data.

    ``parts`` are its points at each resolution, as many as its weight; ``points`` those of the
    geometry's own.
    """

    def __init__(self, spec: RunSpec, device: torch.device, root: Path | None = None) -> None:
        self.spec = spec
        self.geometries = spec.geometry.geometries()
        sizes = [geometry.sides for geometry in self.geometries]
        counts = dealt(spec.geometry.weights(), spec.evaluation.samples)
        tokens = spec.geometry.text_tokens

        def points(sources: list[Source]) -> list[Points]:
            sets = enumerate(zip(sources, counts, strict=True))
            return [Points(source, spec, device, count, i) for i, (source, count) in sets]

        self.parts = points(open_held_outs(spec.data, root, None, sizes, tokens))
        self.points = self.parts[self.geometries.index(spec.geometry.geometry())]
        self.evaluated_on = evaluated_on(
            spec.data, [part.images.cpu().numpy() for part in self.parts]
        )
        second = spec.evaluation.out_of_domain
        self.second: list[Points] = []
        if second is not None:
            self.second = points(open_held_outs(second, root, spec.data, sizes, tokens))

    def validation_loss(self, model: torch.nn.Module) -> ValidationLoss:
        """Evaluate a model on the grid."""
        return summarised(self.parts, [part.losses(model) for part in self.parts])

    @cached_property
    def zero_loss(self) -> float:
        """The loss of a velocity of zero, where every built-in model begins."""
        each = [(part.noise - part.images).square().flatten(1).mean(1) for part in self.parts]
        return float(torch.cat(each).double().mean())

    def measured(self, model: torch.nn.Module) -> dict[str, float]:
        """All losses of a model, by column, and ``loss_zero``, which is the grid's alone.

        Losses under different captions are different quantities; ``loss_unconditional`` is one that
        models of any captions share. ``loss_t1`` … are means in equal parts of t, from data to
        noise; ``loss_16x24`` … of samples of that height and width, where there are several.
        """
        each = [part.losses(model) for part in self.parts]
        own = summarised(self.parts, each)
        row = {"loss": own.loss, "loss_standard_error": own.standard_error}
        row["loss_zero"] = self.zero_loss
        if self.points.condition.text is not None:
            silent = [part.losses(model, unconditional=True) for part in self.parts]
            row["loss_unconditional"] = float(np.concatenate(silent).mean())
        if self.second:
            there = summarised(self.second, [part.losses(model) for part in self.second])
            row["loss_out_of_domain"] = there.loss
            row["loss_out_of_domain_standard_error"] = there.standard_error
        if len(self.parts) > 1:
            for geometry, losses in zip(self.geometries, each, strict=True):
                row[f"loss_{geometry.size}"] = float(losses.mean())
        return row | {f"loss_t{i + 1}": value for i, value in enumerate(own.curve)}

    def pictures(
        self, model: torch.nn.Module
    ) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None":
        """The first captions of the grid, drawn by a model: (n, height, width, channels) bytes.

        None where none are asked for, and of latents: only their VAE shows those.
        """
        evaluation = self.spec.evaluation
        if not (evaluation.pictures and self.points.pixels):
            return None
        part = slice(0, evaluation.pictures)
        drawn = sample(
            model,
            self.points.noise[part],
            self.points.condition.rows(part),
            steps=evaluation.sampler_steps,
            guidance=evaluation.guidance,
            shift=self.spec.shift,
        )
        return to_bytes(drawn)


def to_bytes(images: Tensor) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    """(n, channels, height, width) in [−1, 1] → (n, height, width, channels) bytes."""
    scaled = ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return np.asarray(scaled.permute(0, 2, 3, 1).cpu())
