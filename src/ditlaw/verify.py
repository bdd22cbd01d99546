"""Freeze a forecast, train the runs that check it, and compare.

DIR/verify/FLOPS/forecast.json   written before any verifying run starts, never changed after
DIR/verify/FLOPS/runs/ID/        the verifying runs; no fit ever reads them

In a study that compares FLOPS is FLOPS-NAME, of the variant that the check is of.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from ditlaw import __version__
from ditlaw.digests import digest
from ditlaw.errors import BadInput, Refused
from ditlaw.executors import Executor
from ditlaw.families import Shape
from ditlaw.files import write_json
from ditlaw.forecast import forecast
from ditlaw.laws import fit
from ditlaw.observations import load_observations
from ditlaw.results import Forecast, Measured, Quantity, Verification, VerifiedRun, known
from ditlaw.study import (
    STUDY_FILE,
    RunSpec,
    Study,
    Variant,
    hardware_of,
    make_run,
    open_study,
    plan_runs,
    run_id,
    study_digest,
    variants,
)
from ditlaw.study.variants import family_slug
from ditlaw.sweep import Watch, own_runs, require_done, run_all
from ditlaw.text import budget_name, unknown
from ditlaw.training.folder import RunFolder
from ditlaw.training.locks import locked

CHECKS = 2  # sizes that are trained: the two of the study's grid nearest the forecast N*
FORECAST_FILE = "forecast.json"
NOUNS = {"dataset": "data sets", "family": "families", "patch": "patch sizes"}  # of columns


@dataclass(frozen=True)
class Frozen:
    """A forecast as it was before its check: the answer, and one for each shape to be trained."""

    path: Path
    forecast: Forecast
    runs: list[RunSpec]
    losses: list[Quantity]
    digest: str


def verify_folder(folder: Path, flops: float, name: str = "") -> Path:
    """Where the check of a budget lives; ``name`` is of one of several variants of the study."""
    return folder / "verify" / "-".join([budget_name(flops), *([name] if name else [])])


def variant_name(study: Study, variant: Variant) -> str:
    """What tells a variant from the study's others; empty where there is just one."""
    family = family_slug(variant.study.design()) if len(study.family) > 1 else ""
    return f"{family}{variant.name}".removeprefix("-")


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
        return _read_frozen(path)
    if (path.parent / "runs").exists():
        raise Refused(
            f"{path}: is missing although its checking runs have begun; what is forecast now "
            f"would not be a forecast. Remove {path.parent} to start that check over"
        )
    _require_finished(folder, study, variant)
    law = fit(load_observations(str(folder), where))
    answer = forecast(law, flops)
    # A new seed: neither a continuation of a fitted trunk nor its twin.
    seed = max(study.every_seed()) + 1
    shapes = _shapes(variant.study, known(answer.params).value)
    runs = [make_run(variant, shape, seed, [flops]) for shape in shapes]
    plan_runs(study, runs)  # limits hold for checking runs too
    losses = [law.loss_at(r.counts().params, r.flops(r.steps))[0] for r in runs]
    content = {
        "frozen": datetime.now(UTC).isoformat(timespec="seconds"),
        "ditlaw": __version__,
        "data_digest": law.observations.digest(),
        "study_digest": study_digest(folder),
        "forecast": answer.model_dump(mode="json"),
        "runs": [run.model_dump(mode="json") for run in runs],
        "losses": [loss.model_dump(mode="json") for loss in losses],
    }
    write_json(path, content | {"digest": digest(content)}, overwrite=False)
    return _read_frozen(path)


def checked_variant(study: Study, folder: Path, where: Sequence[str]) -> Variant:
    """The plain study that a check is of: the study's only one, or the one that is named.

    Raises:
        BadInput: a filter of a column that tells no variants apart, or no such value.
        Refused: there are several, and none is named.
    """
    found = variants(study)
    for condition in where:
        column, _, value = (part.strip() for part in condition.partition("="))
        if column not in found[0].columns:
            known = ", ".join(found[0].columns)
            raise BadInput(
                f"--where: '{condition}' leaves out runs of a check; it takes {known}, as "
                f"dataset={found[0].columns['dataset']}"
            )
        able = [variant for variant in found if variant.matches([(column, value)])]
        if not able:
            raise unknown(f"--where: {column}", value, sorted({v.columns[column] for v in found}))
        found = able
    if len(found) == 1:
        return found[0]
    for column in found[0].columns:
        values = list(dict.fromkeys(variant.columns[column] for variant in found))
        if len(values) > 1:
            raise Refused(
                f"{folder}: the study has {len(values)} {NOUNS.get(column, column)} "
                f"({', '.join(values)}); a law holds one of them; choose one with "
                f"--where {column}={values[0]}"
            )
    raise Refused(
        f"{folder}: the study tries several learning rates, so no one recipe can be checked; write "
        "a study with the rate that 'ditlaw rates' finds best"
    )


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


def _read_frozen(path: Path) -> Frozen:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        stated = content.pop("digest")
        if digest(content) != stated:
            raise BadInput(f"{path}: was changed after it was frozen; its digest does not match")
        return Frozen(
            path=path,
            forecast=Forecast.model_validate(content["forecast"]),
            runs=[RunSpec.model_validate(r) for r in content["runs"]],
            losses=[Quantity.model_validate(q) for q in content["losses"]],
            digest=stated,
        )
    except (OSError, ValueError, KeyError, ValidationError):
        raise BadInput(f"{path}: damaged; a frozen forecast cannot be made again") from None


def verify(
    folder: Path,
    flops: float,
    *,
    where: Sequence[str] = (),
    executor: Executor | None = None,
    watch: Watch | None = None,
) -> Verification:
    """Freeze the forecast, train the checking runs, compare each with the forecast for its shape.

    ``where`` is as for ``freeze_forecast``.

    A miss is a result, not a failure.

    Raises:
        BadInput, Refused: as ``freeze_forecast``; Refused too if another process works here.
        RunsFailed: a checking run failed.
    """
    checked_variant(
        open_study(folder), folder, where
    )  # before the lock, which would make the folder
    with locked(folder / ".lock", str(folder)):
        frozen = freeze_forecast(folder, flops, where)
        runs = frozen.path.parent / "runs"
        require_done(run_all(frozen.runs, runs, executor=executor, watch=watch))
    return compare(frozen)


def compare(frozen: Frozen) -> Verification:
    """Set finished checking runs beside their frozen forecast.

    Raises:
        BadInput: a checking run has not finished.
    """
    runs = []
    for spec, loss in zip(frozen.runs, frozen.losses, strict=True):
        rows = RunFolder(frozen.path.parent / "runs" / spec.id).observations()
        if not rows:
            raise BadInput(f"{frozen.path.parent}: {spec.id} has not finished; verify again")
        row = rows[-1]
        assert loss.low is not None
        assert loss.high is not None
        runs.append(
            VerifiedRun(
                id=spec.id,
                seed=spec.seed,
                forecast_loss=loss,
                measured=Measured(
                    params=row["params"],
                    tokens=row["tokens"],
                    flops=row["flops"],
                    loss=row["loss"],
                ),
                error=row["loss"] / loss.value - 1,
                inside=loss.low <= row["loss"] <= loss.high,
            )
        )
    first = runs[0]
    return Verification(
        forecast=frozen.forecast,
        measured=first.measured,
        error=first.error,
        inside=first.inside,
        runs=runs,
        frozen=str(frozen.path),
        digest=frozen.digest,
    )


def verifications(folder: Path, conditions: Sequence[tuple[str, str]] = ()) -> list[Verification]:
    """Every finished check of a study folder, smallest budget first.

    ``conditions`` are columns and values that the rows have which the checks are of.
    """
    chosen = {
        verify_folder(folder, 1.0, variant_name(study, variant)).name.partition("-")[2]
        for study in [open_study(folder)]
        for variant in variants(study)
        if variant.matches(conditions)
    }
    found = []
    for path in folder.glob(f"verify/*/{FORECAST_FILE}"):
        frozen = _read_frozen(path)
        if path.parent.name.partition("-")[2] not in chosen:
            continue
        runs = path.parent / "runs"
        if all(RunFolder(runs / spec.id).observations() for spec in frozen.runs):
            found.append(compare(frozen))
    return sorted(found, key=lambda v: v.forecast.flops)
