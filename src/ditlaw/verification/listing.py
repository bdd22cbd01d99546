"""All finished checks of a study folder, and how often its forecasts held."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from ditlaw.results import Tally, Verification
from ditlaw.study import open_study, variants
from ditlaw.training.folder import RunFolder
from ditlaw.verification.comparing import compare
from ditlaw.verification.frozen import FORECAST_FILE, read_frozen
from ditlaw.verification.places import variant_name, verify_folder


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
        frozen = read_frozen(path)
        if path.parent.name.partition("-")[2] not in chosen:
            continue
        runs = path.parent / "runs"
        if all(RunFolder(runs / spec.id).observations() for spec in frozen.runs):
            found.append(compare(frozen))
    return sorted(found, key=lambda v: v.forecast.flops)


def tally(checks: Iterable[Verification]) -> Tally | None:
    """How many checking runs lay inside; None where there is none."""
    runs = [run for check in checks for run in check.runs]
    if not runs:
        return None
    return Tally(
        inside=sum(run.inside for run in runs),
        runs=len(runs),
        level=runs[0].forecast_loss.level,
    )
