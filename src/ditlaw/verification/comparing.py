"""Finished checking runs beside their frozen forecast."""

import numpy as np

from ditlaw.errors import BadInput
from ditlaw.laws.conditioning import loss_with
from ditlaw.results import Measured, Quantity, Verification, VerifiedRun
from ditlaw.training.folder import RunFolder
from ditlaw.verification.frozen import Frozen
from ditlaw.verification.meaning import meaning


def compared(frozen: Frozen) -> list[VerifiedRun]:
    """The checking runs that are done, each beside the forecast for its shape."""
    found = []
    for spec, loss in zip(frozen.runs, frozen.losses, strict=True):
        rows = RunFolder(frozen.path.parent / "runs" / spec.id).observations()
        if not rows:
            continue
        row = rows[-1]
        found.append(
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
                half_widths=half_widths(loss, row["loss"]),
                inside=_inside(loss, row["loss"]),
            )
        )
    return found


def compare(frozen: Frozen) -> Verification:
    """Set finished checking runs beside their frozen forecast.

    Raises:
        BadInput: a checking run has not finished.
    """
    runs = compared(frozen)
    for spec in frozen.runs:
        if spec.id not in {run.id for run in runs}:
            raise BadInput(f"{frozen.path.parent}: {spec.id} has not finished; verify again")
    first = runs[0]
    return Verification(
        forecast=frozen.forecast,
        measured=first.measured,
        error=first.error,
        inside=first.inside,
        runs=runs,
        frozen=str(frozen.path),
        frozen_at=frozen.date,
        digest=frozen.digest,
        meaning=meaning(frozen, runs),
    )


def with_update(check: Verification, frozen: Frozen) -> Verification:
    """The comparison, and after a miss what the law would say had it known the checking runs.

    It is of the law as it was frozen; the fit is not made again, and what was frozen stays.
    """
    law = frozen.law() if not all(run.inside for run in check.runs) else None
    if law is None:
        return check
    measured = [run.measured for run in check.runs]
    loss = loss_with(
        law,
        check.forecast.flops,
        params=np.array([m.params for m in measured]),
        flops=np.array([m.flops for m in measured]),
        loss=np.array([m.loss for m in measured]),
    )
    return check.model_copy(update={"loss_with_checks": loss})


def half_widths(forecast: Quantity, measured: float) -> float:
    """How far out, in ln: 0 at the forecast, 1 at the upper bound, −1 at the lower one.

    A bound at the forecast itself, of an interval without width, is infinitely near: ±1e9.
    """
    low, high = _bounds(forecast)
    away = np.log(measured / forecast.value)
    width = np.log(high / forecast.value) if away > 0 else np.log(forecast.value / low)
    return float(np.clip(away / width, -1e9, 1e9)) if width > 0 else float(np.sign(away) * 1e9)


def _inside(forecast: Quantity, measured: float) -> bool:
    low, high = _bounds(forecast)
    return low <= measured <= high


def _bounds(forecast: Quantity) -> tuple[float, float]:
    assert forecast.low is not None
    assert forecast.high is not None
    return forecast.low, forecast.high
