"""The whole check: freeze, train, compare."""

from collections.abc import Sequence
from pathlib import Path

from ditlaw.executors import Executor
from ditlaw.locks import locked
from ditlaw.results import Verification
from ditlaw.study import open_study
from ditlaw.sweep import Watch, require_done, run_all
from ditlaw.verification.comparing import compare, with_update
from ditlaw.verification.freezing import freeze_forecast
from ditlaw.verification.listing import tally, verifications
from ditlaw.verification.places import checked_variant


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
    # Before the lock, which would make the folder.
    checked_variant(open_study(folder), folder, where)
    with locked(folder / ".lock", str(folder)):
        frozen = freeze_forecast(folder, flops, where)
        runs = frozen.path.parent / "runs"
        require_done(run_all(frozen.runs, runs, executor=executor, watch=watch))
    done = with_update(compare(frozen), frozen)
    return done.model_copy(update={"tally": tally(verifications(folder))})
