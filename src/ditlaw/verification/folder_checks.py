"""What lies beside a frozen forecast: the study and rows that made it, the runs that check it."""

from datetime import datetime
from pathlib import Path

from ditlaw.errors import BadInput, Refused
from ditlaw.laws import Law
from ditlaw.laws.settings import keep_best
from ditlaw.observations import Observations, load_observations
from ditlaw.results import Check, CheckState
from ditlaw.study import RECORD_FILE, study_digest
from ditlaw.training.folder import RunFolder
from ditlaw.verification.frozen import Frozen

ROWS = ["run", "params", "tokens", "flops", "loss"]
ALONE = "it does not lie in a study folder"


def study_folder(frozen: Frozen) -> Path | None:
    """The study folder that the file lies in, as DIR/verify/FLOPS/forecast.json; else None."""
    parents = frozen.path.absolute().parents
    there = len(parents) > 2 and parents[1].name == "verify"
    return parents[2] if there and (parents[2] / RECORD_FILE).exists() else None


def study(frozen: Frozen, folder: Path | None) -> Check:
    """Whether the study is the one that the forecast was made of."""
    item = "the study beside it made it"
    if folder is None:
        return _check(item, "unknown", ALONE)
    try:
        same = study_digest(folder) == frozen.study_digest
    except BadInput as error:
        return _check(item, "not met", str(error))
    if same:
        return _check(item, "met", f"{RECORD_FILE} has the digest that was frozen")
    return _check(item, "not met", f"{RECORD_FILE} has another digest than was frozen")


def rows(frozen: Frozen, law: Law | None, folder: Path | None) -> Check:
    """Whether what was fitted is still there as it was; rows that came since do no harm."""
    item = "the runs beside it gave its rows"
    if folder is None:
        return _check(item, "unknown", ALONE)
    try:
        there = load_observations(str(folder), frozen.where)
        same = keep_best(there).digest() == frozen.data_digest
    except (BadInput, Refused) as error:
        return _check(item, "unknown", str(error))
    if same:
        return _check(item, "met", "the same rows")
    if law is None:
        return _check(item, "unknown", "they differ, or were added to: it holds no rows itself")
    then = _as_rows(law.observations)
    now = _as_rows(there)
    lost = then - now
    if lost:
        named = ", ".join(sorted({str(row[0]) for row in lost})[:2])
        return _check(item, "not met", f"{len(lost)} of {len(then)} rows changed or gone ({named})")
    return _check(item, "met", f"all of its rows; {len(now - then)} came since")


def _as_rows(table: Observations) -> set[tuple[object, ...]]:
    return set(map(tuple, table.frame[ROWS].astype(object).to_numpy().tolist()))


def specs(frozen: Frozen) -> Check:
    """Whether the checking runs are those that were named."""
    item = "they are the runs it named"
    there = {run.path.name: run for run in _folders(frozen)}
    others = [p.name for p in frozen.path.parent.glob("runs/*") if p.is_dir()]
    strange = sorted(set(others) - {spec.id for spec in frozen.runs})
    if not there and not strange:
        return _check(item, "unknown", "none has begun")
    for spec in frozen.runs:
        try:
            if spec.id in there and there[spec.id].spec() != spec:
                strange.append(spec.id)
        except BadInput as error:
            return _check(item, "not met", str(error))
    if strange:
        return _check(item, "not met", f"{', '.join(strange)}: not as it was frozen")
    return _check(item, "met", f"{len(there)} of {len(frozen.runs)} have begun, as frozen")


def started(frozen: Frozen) -> Check:
    """By the clocks of the machines that froze and that trained."""
    item = "they began after it"
    try:
        frozen_at = datetime.fromisoformat(frozen.date).timestamp()
    except ValueError:
        return _check(item, "unknown", "it does not say when it was frozen")
    began = {}
    for run in _folders(frozen):
        times = [e["time"] for e in run.events() if isinstance(e.get("time"), int | float)]
        if times:
            began[run.path.name] = min(times)
    if not began:
        return _check(item, "unknown", "none has begun")
    early = [
        f"{name} {frozen_at - at:.0f} s before" for name, at in began.items() if at < frozen_at
    ]
    if early:
        return _check(item, "not met", f"by their logs {', '.join(early)}")
    first = min(began.values()) - frozen_at
    return _check(item, "met", f"by their logs, the first {first:.0f} s after")


def _folders(frozen: Frozen) -> list[RunFolder]:
    runs = [RunFolder(frozen.path.parent / "runs" / spec.id) for spec in frozen.runs]
    return [run for run in runs if run.path.exists()]


def _check(item: str, state: CheckState, said: str) -> Check:
    return Check(item=item, state=state, text=said)
