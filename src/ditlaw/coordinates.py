"""Whether parts of a model move as far at every width: the coordinate check of muP.

A family is trained for a few steps at several widths, depth and size of a head being the study's,
once in the standard parametrization and once in muP. Source: Yang et al. 2203.03466, appendix D.1.
"""

from collections.abc import Sequence
from math import isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ditlaw.data import Source, open_sources
from ditlaw.errors import BadInput
from ditlaw.results import CoordinateCheck, CoordinatesResult, PartMoves, StepMove
from ditlaw.results.coordinates import Trend
from ditlaw.study import RunSpec, Stop, Study, study_runs
from ditlaw.study.parametrization import Parametrization
from ditlaw.study.schema import LearningRate
from ditlaw.training.coordinates import MadeUp, Moves, moves

# Powers of the width by which a parametrization's moves grow or shrink are multiples of 1/2 as the
# width goes to infinity (Yang and Hu 2011.14522): what is nearest to 0 is flat.
TOLERANCE = 0.25
MOST_SAMPLES = 8  # in a batch: a larger one takes longer and moves parts alike
WIDTHS = (64, 128, 256, 512)
FEWEST_WIDTHS = 3


def check_study(
    study: Study,
    folder: Path,
    widths: Sequence[int] = WIDTHS,
    steps: int = 5,
    seeds: int = 3,
) -> CoordinatesResult:
    """The check of every family of a study, at the depth of its first shape.

    Args:
        study: what is trained.
        folder: its folder, if it has one: where data that were prepared lie.
        widths: at which models are built.
        steps: that are trained.
        seeds: of weights and batches; from the study's first.

    Raises:
        BadInput: the widths cannot be built, or are too few.
    """
    rising = sorted(set(widths))
    if len(rising) < FEWEST_WIDTHS:
        raise BadInput(
            f"--widths: {len(rising)} say nothing of a slope; give {FEWEST_WIDTHS} or more, as "
            "64 128 256 512"
        )
    templates = {run.design().label: run for run in reversed(study_runs(study))}
    first = min(study.seeds)
    numbers = [first + i for i in range(seeds)]
    made = [
        check
        for template in reversed(templates.values())
        for check in check_run(template, rising, steps, numbers, folder)
    ]
    recipe = study.recipe
    return CoordinatesResult(
        study=study.name,
        inputs=_sources(next(iter(templates.values())), folder)[0],
        batch=min(recipe.batch, MOST_SAMPLES),
        seeds=numbers,
        steps=steps,
        widths=rising,
        tolerance=TOLERANCE,
        checks=made,
    )


def check_run(
    template: RunSpec,
    widths: Sequence[int],
    steps: int,
    seeds: Sequence[int],
    folder: Path | None = None,
) -> list[CoordinateCheck]:
    """The check of one family, in the standard parametrization and in muP.

    Args:
        template: a run of the family, whose depth, data and recipe are taken. Its muP, or else one
            with the smallest of the widths as its base and heads of the run's size.
        widths: rising.
        steps: that are trained.
        seeds: of weights and batches.
        folder: of the study.

    Raises:
        BadInput: as ``check_study``.
    """
    rule = template.recipe.parametrization
    if rule.kind == "standard":
        size = template.width // template.heads
        _require_multiple(widths[0], size)
        rule = Parametrization(kind="mup", base_width=widths[0], base_heads=widths[0] // size)
    assert rule.base_width is not None
    base_rate = template.recipe.learning_rate.rate(rule.base_width)
    rates = {
        Parametrization(): template.recipe.learning_rate,
        rule: LearningRate(value=base_rate),
    }
    return [
        _check(template, shape_rule, rate, rule, widths, steps, seeds, folder)
        for shape_rule, rate in rates.items()
    ]


def _check(
    template: RunSpec,
    parametrization: Parametrization,
    rate: LearningRate,
    shapes: Parametrization,
    widths: Sequence[int],
    steps: int,
    seeds: Sequence[int],
    folder: Path | None,
) -> CoordinateCheck:
    assert shapes.head_size is not None
    changes = {
        "batch": min(template.recipe.batch, MOST_SAMPLES),
        "learning_rate": rate,
        "parametrization": parametrization,
        "precision": "float32",
        "checkpointing": False,
    }
    recipe = template.recipe.model_copy(update=changes)
    runs: list[list[Moves]] = []
    for seed in seeds:
        of_seed = []
        for width in widths:
            _require_multiple(width, shapes.head_size)
            single = template.single_depth or None
            try:
                shape = shapes.shape(template.design(), template.depth, width, None, single)
            except BadInput as error:
                raise BadInput(f"--widths: {error}") from None
            spec = template.model_copy(
                update={
                    "width": shape.width,
                    "heads": shape.heads,
                    "seed": seed,
                    "recipe": recipe,
                    "counted": None,
                    "stops": [Stop(budget=1.0, step=steps)],
                }
            )
            of_seed.append(moves(spec, steps, _sources(spec, folder)[1]))
        runs.append(of_seed)
    names = [name for name in runs[0][0] if all(name in run for of in runs for run in of)]
    # (part, moved or own, step, seed, width)
    table = {
        name: np.array([[run[name] for run in of_seed] for of_seed in runs]).transpose(3, 2, 0, 1)
        for name in names
    }
    parts = [_part(name, values, widths) for name, values in table.items()]
    return CoordinateCheck(
        family=template.design().label,
        parametrization=str(parametrization),
        depth=template.depth,
        single_depth=template.single_depth,
        head_size=shapes.head_size,
        learning_rates=[rate.rate(width) for width in widths],
        trend=_of_all([part.trend for part in parts]),
        parts=parts,
    )


def _part(name: str, values: NDArray[np.float64], widths: Sequence[int]) -> PartMoves:
    moved, own = (
        [_move(step + 1, at, widths) for step, at in enumerate(of_kind)] for of_kind in values
    )
    trends = [
        _trend(at, move)
        for of, made in zip(values, (moved, own), strict=True)
        for at, move in zip(of, made, strict=True)
    ]
    return PartMoves(part=name, trend=_of_all(trends), moved=moved, own=own)


def _move(step: int, values: NDArray[np.float64], widths: Sequence[int]) -> StepMove:
    """Of one step: (seed, width) → the mean of the seeds and their slope."""
    values = values[values.any(axis=1)]  # a seed's batches may say nothing to a part at first
    if not (len(values) and np.isfinite(values).all() and (values > 0).all()):
        plain = values.mean(0) if len(values) else np.zeros(len(widths))
        means = [float(value) if isfinite(value) else None for value in plain]
        return StepMove(step=step, values=means, slope=None, spread=None)
    logs = np.log(values)
    slopes = np.polyfit(np.log(np.array(widths, dtype=float)), logs.T, 1)[0]
    spread = float(slopes.std(ddof=1) / len(slopes) ** 0.5) if len(slopes) > 1 else None
    return StepMove(
        step=step,
        values=[float(v) for v in np.exp(logs.mean(0))],
        slope=float(slopes.mean()),
        spread=spread,
    )


def _trend(values: NDArray[np.float64], move: StepMove) -> Trend:
    if not np.isfinite(values).all():
        return "grows"
    if not values.any():
        return "still"  # zero weights before it have kept all gradients from it so far
    if move.slope is None:
        return "shrinks"  # some widths no longer move at all
    if abs(move.slope) <= TOLERANCE:
        return "flat"
    return "grows" if move.slope > 0 else "shrinks"


def _of_all(trends: Sequence[Trend]) -> Trend:
    """One word for several moves: the worst that happened."""
    order: tuple[Trend, ...] = ("grows", "shrinks", "flat")
    return next((trend for trend in order if trend in trends), "still")


def _require_multiple(width: int, size: int) -> None:
    if width % size or width < size:
        raise BadInput(
            f"--widths: {width} is not a multiple of the head size {size}; use "
            f"{max(1, round(width / size)) * size}"
        )


def _sources(spec: RunSpec, folder: Path | None) -> tuple[str, list[Source]]:
    """What is trained on, and its name: the run's own data where they are at hand."""
    geometries = spec.geometry.geometries()
    if spec.data.source == "scenes" or (spec.data.prepared and _prepared(folder)):
        sizes = [geometry.sides for geometry in geometries]
        return spec.data.label, open_sources(spec.data, spec.seed, folder, sizes)
    return "random numbers", [MadeUp(geometry, spec.seed) for geometry in geometries]


def _prepared(folder: Path | None) -> bool:
    from ditlaw.data.places import PLACES_FILE

    return folder is not None and (folder / PLACES_FILE).exists()
