"""What a metric is to an evaluation: rows that are known before they are computed.

A module that measures metrics has two functions, and an entry for each of its names in ``METRICS``:

``check(spec, settings, names)``
    raises ``BadInput`` where they cannot be measured for such a run. It is asked before any work,
    so it opens no data and no model.
``tasks(bench, names)``
    the ``Task``s that measure them. Opening an extractor or the reference set belongs here: it is
    done once a run, and the rows that are there already are compared with the tasks' keys.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from ditlaw.data import Source, open_held_out
from ditlaw.results import MetricKey, MetricValue
from ditlaw.study import RunSpec

if TYPE_CHECKING:  # rows are read where torch is not installed
    import torch

Key = MetricKey
# The module that measures each metric.
METRICS: dict[str, str] = {
    "vlb": "ditlaw.metrics.density",
    "nll": "ditlaw.metrics.density",
    "frechet": "ditlaw.metrics.features",
    "fid": "ditlaw.metrics.features",
    "kid": "ditlaw.metrics.features",
    "attributes": "ditlaw.metrics.features",
}


class Settings(BaseModel):
    """What is to be measured, and how.

    ``samples`` of each metric: pictures that are drawn, or held-out samples that are scored; None
    leaves it to the metric. ``extractor`` is as the user gave it. ``unconditional`` measures each
    metric a second time, with captions that say nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    metrics: tuple[str, ...]
    guidance: tuple[float, ...] = (1.0,)
    steps: tuple[int, ...] = (24,)
    sampler: Literal["euler", "heun"] = "euler"
    samples: int | None = None
    extractor: str | None = None
    unconditional: bool = False

    @property
    def conditions(self) -> tuple[bool, ...]:
        """Values of ``unconditional`` to measure with."""
        return (False, True) if self.unconditional else (False,)


class Value(BaseModel):
    """A value, and its standard error where there is one."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    value: float
    error: float | None = None


class MetricRow(MetricValue):
    """One line of a run's ``metrics.jsonl``: a value of the observation at a budget.

    ``steps`` and ``loss`` are the observation's: a run that was trained anew has other rows.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    budget: float
    steps: int
    loss: float

    @property
    def key(self) -> Key:
        """What the value is a value of."""
        return Key(**self.model_dump(include=set(Key.model_fields)))

    @property
    def measured(self) -> MetricValue:
        """The value with its label, without the observation's own."""
        return MetricValue(**self.model_dump(include=set(MetricValue.model_fields)))


@dataclass(frozen=True)
class Bench:
    """One run's means of measuring: opened once, whatever the number of its budgets."""

    spec: RunSpec
    settings: Settings
    study: Path  # the study folder, where a reference set's statistics may be kept
    root: Path | None  # the folder that prepared data are found from
    device: "torch.device"

    @cached_property
    def source(self) -> Source:
        """The held-out samples, of the geometry's own size."""
        size = self.spec.geometry.geometry().sides
        tokens = self.spec.geometry.text_tokens
        return open_held_out(self.spec.data, self.root, size=size, text_tokens=tokens)

    @cached_property
    def kind(self) -> Literal["pixels", "latents"]:
        """What the numbers of a sample are."""
        if not self.spec.data.prepared:
            return "pixels"
        from ditlaw.data.manifest import read_manifest
        from ditlaw.data.places import prepared_folder

        return read_manifest(prepared_folder(self.root, self.spec.data.label)).image.kind

    def draw(
        self,
        model: "torch.nn.Module",
        samples: int,
        steps: int,
        guidance: float,
        unconditional: bool = False,
    ) -> "Iterator[torch.Tensor]":
        """Pictures for the held-out captions, in batches; see ``drawing.draw``."""
        from ditlaw.metrics.drawing import draw

        return draw(
            model,
            self.source,
            samples=samples,
            sampler=self.settings.sampler,
            steps=steps,
            guidance=guidance,
            shift=self.spec.shift,
            unconditional=unconditional,
            device=self.device,
        )


@dataclass(frozen=True)
class Task:
    """Values that are computed together, in one pass over samples or drawings.

    ``measure`` takes a model and those of ``keys`` that are not known yet; it gives a value for
    each, as soon as it has it.
    """

    keys: tuple[Key, ...]
    measure: Callable[["torch.nn.Module", Sequence[Key]], Iterable[tuple[Key, Value]]]
