"""The validation loss on a fixed grid: held-out samples, stratified timesteps, fixed noise.

Two models evaluated here differ by the models alone: sample, t and noise of every point are
functions of its number, the same for every run of a study and every budget of a run.
"""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ditlaw.data import Source, evaluated_on, open_held_outs
from ditlaw.flow import sample
from ditlaw.study import RunSpec
from ditlaw.study.mix import dealt
from ditlaw.training.memory import Made, fitting
from ditlaw.training.points import EVALUATION_BATCH, Points, summarised


class Grid:
    """The fixed grid of a study, made once a run; ``root`` is the study folder, for its data.

    ``parts`` are its points at each resolution, as many as its weight; ``points`` those of the
    geometry's own. ``device`` is the models'; ``tell`` hears of events worth a line in the run's
    log.
    """

    def __init__(
        self,
        spec: RunSpec,
        device: torch.device,
        root: Path | None = None,
        tell: Callable[..., None] = lambda event, **fields: None,
    ) -> None:
        self.spec, self.device, self.tell = spec, device, tell
        self.at_a_time = EVALUATION_BATCH
        self.geometries = spec.geometry.geometries()
        sizes = [geometry.sides for geometry in self.geometries]
        counts = dealt(spec.geometry.weights(), spec.evaluation.samples)
        tokens = spec.geometry.text_tokens

        def points(sources: list[Source]) -> list[Points]:
            sets = enumerate(zip(sources, counts, strict=True))
            return [Points(source, spec, device, count, i) for i, (source, count) in sets]

        self.parts = points(open_held_outs(spec.data, root, None, sizes, tokens))
        self.points = self.parts[self.geometries.index(spec.geometry.geometry())]
        self.evaluated_on = evaluated_on(spec.data, [part.images.numpy() for part in self.parts])
        second = spec.evaluation.out_of_domain
        self.second: list[Points] = []
        if second is not None:
            self.second = points(open_held_outs(second, root, spec.data, sizes, tokens))

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

        Raises:
            Refused: memory does not hold one sample at a time.
        """
        each = self._losses(model, self.parts)
        own = summarised(self.parts, each)
        row = {"loss": own.loss, "loss_standard_error": own.standard_error}
        row["loss_zero"] = self.zero_loss
        if self.points.condition.text is not None:
            silent = self._losses(model, self.parts, unconditional=True)
            row["loss_unconditional"] = float(np.concatenate(silent).mean())
        if self.second:
            there = summarised(self.second, self._losses(model, self.second))
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

        Raises:
            Refused: memory does not hold one sample at a time.
        """
        evaluation = self.spec.evaluation
        if not (evaluation.pictures and self.points.pixels):
            return None

        def drawn(part: slice) -> Tensor:
            return sample(
                model,
                self.points.noise[part].to(self.device),
                self.points.condition.rows(part).to(self.device),
                steps=evaluation.sampler_steps,
                guidance=evaluation.guidance,
                shift=self.spec.shift,
            )

        def in_parts() -> Tensor:
            last, n = min(evaluation.pictures, len(self.points.t)), self.at_a_time
            return torch.cat([drawn(slice(i, min(i + n, last))) for i in range(0, last, n)])

        return to_bytes(self._fitting(in_parts))

    def _losses(
        self, model: torch.nn.Module, sets: list[Points], *, unconditional: bool = False
    ) -> "list[np.ndarray]":
        """The losses at the points of each set."""
        return self._fitting(
            lambda: [s.losses(model, self.at_a_time, unconditional=unconditional) for s in sets]
        )

    def _fitting(self, attempt: Callable[[], Made]) -> Made:
        """A part of an evaluation, with as many samples at a time as memory holds."""
        what, mend = "out of memory in an evaluation", "use a device with more memory"
        return fitting(attempt, self.at_a_time, self._less, what, mend)

    def _less(self, at_a_time: int) -> None:
        self.at_a_time = at_a_time
        self.tell("out-of-memory", evaluation_batch=at_a_time)


def to_bytes(images: Tensor) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    """(n, channels, height, width) in [−1, 1] → (n, height, width, channels) bytes."""
    scaled = ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return np.asarray(scaled.permute(0, 2, 3, 1).cpu())
