"""Freezing: fit the study's runs, forecast, choose the runs that will check it, write it down."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ditlaw.errors import Refused
from ditlaw.families import Shape
from ditlaw.forecasting import forecast
from ditlaw.laws import fit
from ditlaw.observations import load_observations
from ditlaw.results import known
from ditlaw.study import (
    STUDY_FILE,
    Study,
    Variant,
    hardware_of,
    make_run,
    open_study,
    plan_runs,
    run_id,
    study_digest,
    used_seeds,
    variants,
)
from ditlaw.sweep import own_runs
from ditlaw.verification.frozen import FORECAST_FILE, Frozen, read_frozen, write_frozen
from ditlaw.verification.places import checked_variant, variant_name, verify_folder

CHECKS = 2  # sizes that are trained: the two of the study's grid nearest the forecast N*


def freeze_forecast(folder: Path, flops: float, where: Sequence[str] = ()) -> Frozen:
    """Fit the folder's runs and write the forecast, or read the one that is there.

    ``where`` holds ``COLUMN=VALUE`` in a study that compares, as ``dataset=NAME``: which runs are
    fitted, and what the checking runs are like.

    Raises:
        BadInput: not a study folder, or a frozen forecast that was edited.
        Refused: the study is not finished, the runs do not allow a fit, or the checking runs
            exceed a limit that the study states.
    """
    study = open_study(folder)
    variant = checked_variant(study, folder, where)
    path = verify_folder(folder, flops, variant_name(study, variant)) / FORECAST_FILE
    if path.exists():
        return read_frozen(path)
    if (path.parent / "runs").exists():
        raise Refused(
            f"{path}: is missing although its checking runs have begun; what is forecast now "
            f"would not be a forecast. Remove {path.parent} to start that check over"
        )
    _require_finished(folder, study, variant)
    law = fit(load_observations(str(folder), where))
    answer = forecast(law, flops)
    # A new seed: no continuation of a trunk that was fitted or that checked before, nor its twin.
    seed = max({*study.every_seed(), *used_seeds(folder)}) + 1
    shapes = _shapes(variant.study, known(answer.params).value)
    runs = [make_run(variant, shape, seed, [flops]) for shape in shapes]
    plan_runs(study, runs)  # limits hold for checking runs too
    losses = [law.loss_at(r.counts().params, r.flops(r.steps))[0] for r in runs]
    write_frozen(path, law, answer, runs, losses, study_digest(folder), where)
    return read_frozen(path)


def _require_finished(folder: Path, study: Study, variant: Variant) -> None:
    """A forecast is frozen once: not from half of the runs that it is made from."""
    hardware, plain = hardware_of(study), variant.study
    of_variant = {
        run_id(variant, plain.shape(entry), seed)
        for entry in plain.shapes
        for seed in study.every_seed()
    }
    states = [
        run.status(hardware, spec).state
        for run, spec in own_runs(folder, study)
        # Rounds add runs to a plain study alone, all of which are of its one variant.
        if len(variants(study)) == 1 or spec.id in of_variant
    ]
    left = sum(state not in ("done", "diverged") for state in states)
    if left:
        raise Refused(
            f"{folder}: {left} of {len(states)} runs are not done; "
            f"'ditlaw run {folder / STUDY_FILE} --out {folder}' completes them"
        )


def _shapes(study: Study, params: float) -> list[Shape]:
    """The grid's shapes nearest N*, nearest first."""
    counts = study.design().counts
    geometry = study.geometry.geometry()
    shapes = [study.shape(entry) for entry in study.shapes]
    return sorted(shapes, key=lambda s: abs(float(np.log(counts(s, geometry).params / params))))[
        :CHECKS
    ]
