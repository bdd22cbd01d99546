"""The MFU that runs measured while they trained, from their logs, for the hours of what comes next.

A run's log says its MFU where its device is one of the table's (``training.throughput``). No torch.
"""

import contextlib
from pathlib import Path

from ditlaw.compute import get_accelerator
from ditlaw.errors import BadInput
from ditlaw.files import last_json_line
from ditlaw.study import RECORD_FILE, Hours, Study, hardware_of
from ditlaw.study.schema import Hardware
from ditlaw.training.folder import RunFolder


def hours_of(study: Study | None, folder: Path | None = None) -> Hours:
    """What a study's hours are counted on.

    As it states; else as runs in its folder measured it; else on the default, assumed.
    """
    if study is not None and study.hardware is not None:
        return Hours(study.hardware, "stated")
    found = measured_hours(folder) if folder and (folder / RECORD_FILE).exists() else None
    return found or Hours(hardware_of(study), "assumed")


def require_measured(folder: Path) -> Hours:
    """The MFU by size that the runs of a study folder measured.

    Raises:
        BadInput: not a study folder, or none of its runs measured one.
    """
    if not (folder / RECORD_FILE).exists():
        raise BadInput(f"{folder}: not a study folder (no {RECORD_FILE}); 'ditlaw run' makes one")
    found = measured_hours(folder)
    if found is None:
        raise BadInput(
            f"{folder}: no run measured an MFU: each was too short, or on a device whose peak is "
            "not known; state hardware in the study"
        )
    return found


def measured_hours(folder: Path) -> Hours | None:
    """The MFU by size on the accelerator that most runs of a folder trained on; None without one.

    Of a run the last session that said its MFU counts; checks of forecasts are runs too.
    """
    rows = []
    for pattern in ("runs/*/spec.json", "verify/*/runs/*/spec.json"):
        for path in sorted(folder.glob(pattern)):
            with contextlib.suppress(BadInput):  # a damaged one tells nothing
                rows += _measured(RunFolder(path.parent))
    if not rows:
        return None
    import pandas as pd

    from ditlaw.speed import speed_of

    frame = pd.DataFrame(rows)
    gpu = str(frame["device"].value_counts().idxmax())
    speed = speed_of(frame[frame["device"] == gpu])
    assert speed is not None
    return Hours(Hardware(gpu=gpu), "measured", speed)


def _measured(run: RunFolder) -> list[dict[str, object]]:
    """A run's FLOPs and the time that one whole device would take for them; empty if not known."""
    line = last_json_line(run.log_path, having="mfu")
    if line is None or not 0 < line["mfu"] <= 1:
        return []
    spec = run.spec()
    flops = float(spec.flops(spec.steps))
    device = get_accelerator(str(line.get("accelerator")))
    return [
        {
            "run": spec.id,
            "params": spec.counts().params,
            "flops": flops,
            "device_seconds": flops / (device.peak_flops * line["mfu"]),
            "device": device.name,
        }
    ]
