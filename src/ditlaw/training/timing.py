"""What a training step of each of a study's models costs here: whole steps of the real trunk.

Rounds go over all models, forwards and then backwards, so that a slow minute of the machine falls
on all alike. One model is in memory at a time: each visit builds it anew, warms it up, and times a
block of steps. Nothing of what it trains is kept.
"""

import itertools
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ditlaw import __version__
from ditlaw.data.places import PLACES_FILE
from ditlaw.step_times import StepTime, add_time, model_key, read_times
from ditlaw.study import RunSpec
from ditlaw.study.mix import dealt
from ditlaw.training.device import device_name, pick_device
from ditlaw.training.graphs import WARM_UP as WARM_UP_STEPS
from ditlaw.training.trunk import Trunk

ROUND_SECONDS = 0.25  # of one model in one round, as near as whole steps come to it
MOST_STEPS = 500
WARM_UP = {"cpu": 3, "cuda": WARM_UP_STEPS + 2}  # on a GPU steps are captured after a few


class Block(NamedTuple):
    """Steps timed in one visit, seconds of one at the study's mix of resolutions, CPU's share."""

    steps: int
    seconds: float
    core: float


def time_models(
    specs: Sequence[RunSpec],
    folder: Path,
    rounds: int,
    *,
    device: torch.device | None = None,
    round_seconds: float = ROUND_SECONDS,
) -> int:
    """Time what was not timed on this device yet, and keep it; returns how many models that were.

    Args:
        specs: runs of the study in ``folder``; of those whose steps cost the same, one is timed.
        folder: the study folder, with its prepared data.
        rounds: blocks of steps of each model.
        device: by default as training picks it.
        round_seconds: how long a block is to take.

    Raises:
        BadInput: prepared data that were lost or changed.
    """
    device = device or pick_device()
    name = _named(device)
    known = {t.model for t in read_times(folder) if t.device == name}
    models = {model_key(spec): spec for spec in reversed(specs)}
    missing = {key: spec for key, spec in models.items() if key not in known}
    root = folder if (folder / PLACES_FILE).exists() else None
    blocks: dict[str, list[Block]] = {key: [] for key in missing}
    steps: dict[str, int] = {}
    for number in range(rounds):
        order = list(missing) if number % 2 == 0 else list(missing)[::-1]
        for key in order:
            block = _visit(missing[key], device, root, steps.get(key), round_seconds)
            steps[key] = block.steps
            blocks[key].append(block)
    for key, spec in missing.items():
        add_time(folder, _line(key, spec, name, blocks[key]))
    return len(missing)


def _visit(
    spec: RunSpec,
    device: torch.device,
    root: Path | None,
    steps: int | None,
    round_seconds: float,
) -> Block:
    """Build a model, warm it up, and time a block of its steps."""
    trunk = Trunk(spec, device, root)
    warm = _warm_up(spec, device)
    _run(trunk, warm)
    if steps is None:
        guess = _run(trunk, warm + 2) / 2
        steps = int(np.clip(np.ceil(round_seconds / guess), 1, MOST_STEPS))
    first = trunk.step
    cpu = time.process_time()
    spent = _run(trunk, first + steps)
    cpu = time.process_time() - cpu
    mix = spec.mix()
    # Of one resolution the factor is 1; of several, a block may have more of the dear ones.
    mean = mix.batch * mix.flops_per_sample * steps / (mix.flops(trunk.step) - mix.flops(first))
    trunk.close()
    core = 1.0 if device.type == "cuda" else cpu / spent
    return Block(steps, spent / steps * mean, core)


def _run(trunk: Trunk, until: int) -> float:
    """Seconds that the steps up to ``until`` take."""
    _synchronise(trunk.device)
    began = time.perf_counter()
    for _ in trunk.run(until):
        pass
    _synchronise(trunk.device)
    return time.perf_counter() - began


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _warm_up(spec: RunSpec, device: torch.device) -> int:
    """Steps before any is timed: a few, and one of every resolution; on a GPU a few of each."""
    weights, wanted = spec.geometry.weights(), WARM_UP[device.type]
    each = wanted if device.type == "cuda" else 1
    seen = next(n for n in itertools.count(1) if min(dealt(weights, n)) >= each)
    return max(wanted, seen)


def _named(device: torch.device) -> str:
    """The device as lines name it; on a CPU the threads belong to it."""
    threads = torch.get_num_threads()
    beside = "" if device.type == "cuda" else f", {threads} thread{'s' if threads > 1 else ''}"
    return f"{device_name(device)}{beside}"


def _line(key: str, spec: RunSpec, device: str, blocks: list[Block]) -> StepTime:
    seconds = [block.seconds for block in blocks]
    low, middle, high = (float(x) for x in np.quantile(seconds, [0.25, 0.5, 0.75]))
    mix = spec.mix()
    return StepTime(
        model=key,
        device=device,
        threads=torch.get_num_threads(),
        versions={
            "ditlaw": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        family=spec.design().label,
        depth=spec.depth,
        width=spec.width,
        heads=spec.heads,
        single_depth=spec.single_depth,
        params=spec.counts().params,
        batch=spec.recipe.batch,
        precision=spec.recipe.precision,
        dataset=spec.data.label,
        flops=mix.batch * mix.flops_per_sample,
        seconds=middle,
        low=low,
        high=high,
        rounds=len(blocks),
        steps=blocks[0].steps,
        core=float(np.median([block.core for block in blocks])),
    )
