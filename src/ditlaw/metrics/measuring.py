"""Measure one run: what is missing of its metrics, observation by observation."""

import importlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import torch

from ditlaw.data.places import study_root
from ditlaw.errors import Refused
from ditlaw.metrics.base import METRICS, Bench, MetricRow, Settings, Task
from ditlaw.metrics.rows import add_row, of_observation, read_rows
from ditlaw.study import RECORD_FILE, RunSpec
from ditlaw.training.device import pick_device
from ditlaw.training.folder import RunFolder
from ditlaw.training.weights import load_model


class Instrument(Protocol):
    """A module that measures metrics; see ``metrics.base``."""

    def check(self, spec: RunSpec, settings: Settings, names: Sequence[str]) -> None:
        """Whether they can be measured."""

    def tasks(self, bench: Bench, names: Sequence[str]) -> list[Task]:
        """What measures them."""
        ...


def instruments(names: Sequence[str]) -> list[tuple[Instrument, list[str]]]:
    """The modules that measure those metrics, each with its own of the names."""
    by_module: dict[str, list[str]] = {}
    for name in names:
        by_module.setdefault(METRICS[name], []).append(name)
    return [
        (cast(Instrument, importlib.import_module(module)), own)
        for module, own in by_module.items()
    ]


def check(spec: RunSpec, settings: Settings) -> None:
    """Whether everything that is asked can be measured of such a run.

    Raises:
        BadInput: it cannot; the line says why.
    """
    for instrument, names in instruments(settings.metrics):
        instrument.check(spec, settings, names)


def measure_run(folder: RunFolder, settings: Settings, device: torch.device | None = None) -> int:
    """Measure what is missing; returns how many values were added.

    A value is on disk as soon as it is known: whoever is killed loses the one he was at.
    Observations without weights are passed over.

    Raises:
        Refused: another process works on the run, or a value is not a finite number.
        BadInput: weights, data or an extractor are not what they should be.
    """
    with folder.lock():
        return _measure(folder, settings, device or pick_device())


def _measure(folder: RunFolder, settings: Settings, device: torch.device) -> int:
    root = study_root(folder.path)
    bench = Bench(folder.spec(), settings, _study_of(folder.path), root, device)
    tasks = [
        task
        for instrument, names in instruments(settings.metrics)
        for task in instrument.tasks(bench, names)
    ]
    rows, added = read_rows(folder), 0
    for observation in folder.observations():
        known = of_observation(rows, observation)
        todo = [(t, [key for key in t.keys if key not in known]) for t in tasks]
        todo = [(task, keys) for task, keys in todo if keys]
        if not todo or not folder.weights(observation["budget"]).exists():
            continue
        model = load_model(folder, observation["budget"], device)
        for task, keys in todo:
            for key, value in task.measure(model, keys):
                if not math.isfinite(value.value):
                    raise Refused(
                        f"{key.metric} at {observation['budget']:g} FLOPs is not a finite number"
                    )
                add_row(folder, _row(observation, key.model_dump() | value.model_dump()))
                added += 1
    return added


def _row(observation: dict[str, Any], measured: dict[str, Any]) -> MetricRow:
    own = {field: observation[field] for field in ("budget", "steps", "loss")}
    return MetricRow(**measured, **own)


def _study_of(run: Path) -> Path:
    """The study folder that a run lies in; of a run that was moved away, its own."""
    return next((p for p in run.absolute().parents if (p / RECORD_FILE).exists()), run)
