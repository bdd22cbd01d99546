"""``ditlaw check``: whether a frozen forecast is what it claims to be, for whoever is handed it.

The file answers for itself: its digest, and the fit of its own rows. What lies beside it answers
for the study, the runs that were fitted and the ones that check. A digest alone would show only an
edit by someone who did not know how to make another.
"""

from pathlib import Path

from ditlaw.errors import Refused
from ditlaw.results import Check, FrozenCheck
from ditlaw.verification import file_checks, folder_checks
from ditlaw.verification.comparing import compared
from ditlaw.verification.frozen import FORECAST_FILE, read_frozen


def check_frozen(path: Path) -> FrozenCheck:
    """Check a frozen forecast, given its file or the folder that holds it.

    Raises:
        BadInput: there is none, it was edited, or it is damaged.
    """
    frozen = read_frozen(path / FORECAST_FILE if path.is_dir() else path)
    law = frozen.law()
    folder = folder_checks.study_folder(frozen)
    checks = [
        Check(item="unchanged since it was frozen", state="met", text="its digest matches"),
        file_checks.numbers(frozen, law),
        folder_checks.study(frozen, folder),
        folder_checks.rows(frozen, law, folder),
        file_checks.new(frozen, law),
        folder_checks.specs(frozen),
        folder_checks.started(frozen),
    ]
    return FrozenCheck(
        frozen=str(frozen.path),
        frozen_at=frozen.date,
        digest=frozen.digest,
        versions=frozen.versions,
        forecast=frozen.forecast,
        checks=checks,
        sound=not any(check.state == "not met" for check in checks),
        runs=compared(frozen),
    )


def require_sound(check: FrozenCheck) -> None:
    """Raise where something is not as it should be.

    Raises:
        Refused: names what.
    """
    wrong = [f"{c.item}: {c.text}" for c in check.checks if c.state == "not met"]
    if wrong:
        raise Refused(f"{check.frozen}: not a sound forecast ({'; '.join(wrong)})")
