"""GPU time and FLOPs: FLOPs = GPUs × hours × 3600 × peak × MFU."""

import re

from ditlaw.compute.accelerators import Accelerator, get_accelerator
from ditlaw.errors import BadInput
from ditlaw.results import BudgetResult

DEFAULT_MFU = 0.4


def check_mfu(mfu: float) -> float:
    """The MFU, if it is a fraction of the peak.

    Raises:
        BadInput: not in (0, 1].
    """
    if not 0 < mfu <= 1:
        raise BadInput(f"mfu: {mfu:g} is not a fraction of the peak; use a value in (0, 1], as 0.4")
    return mfu


def parse_gpus(text: str) -> tuple[int, Accelerator]:
    """Read ``64xh100`` or ``h100`` (one).

    Raises:
        BadInput: not of that form, no GPUs, or an unknown accelerator.
    """
    match = re.fullmatch(r"\s*(?:(-?\d+)\s*[x×*]\s*)?([A-Za-z][\w .-]*)", text)
    if not match:
        raise BadInput(f"gpus: '{text}' is not COUNTxNAME; write it as 64xh100")
    number = int(match[1]) if match[1] else 1
    if number < 1:
        raise BadInput(f"gpus: {number} GPUs train nothing; use 1 or more")
    return number, get_accelerator(match[2])


def gpu_hours(flops: float, gpu: str, mfu: float) -> float:
    """Hours of one device that those FLOPs take."""
    return flops / (get_accelerator(gpu).peak_flops * check_mfu(mfu) * 3600)


def budget(
    gpus: str, days: float | None = None, flops: float | None = None, mfu: float = DEFAULT_MFU
) -> BudgetResult:
    """Turn GPUs and days into FLOPs, or FLOPs into GPU hours and days.

    Raises:
        BadInput: both or neither of days and FLOPs, or a value that is not positive.
    """
    number, gpu = parse_gpus(gpus)
    check_mfu(mfu)
    if (days is None) == (flops is None):
        raise BadInput("budget: give --gpus with either --days or --flops")
    rate = number * gpu.peak_flops * mfu
    if flops is None:
        assert days is not None
        if not 0 < days < float("inf"):
            raise BadInput(f"days: {days:g} is not a time; use a positive number")
        flops = rate * days * 86400
    elif not 0 < flops < float("inf"):
        raise BadInput(f"flops: {flops:g} is not a budget; use a positive number, as 1e21")
    return BudgetResult(
        flops=flops,
        gpu_hours=flops / (gpu.peak_flops * mfu * 3600),
        days=flops / rate / 86400,
        gpus=number,
        gpu=gpu.name,
        mfu=mfu,
        peak_tflops=gpu.peak_tflops,
        memory_gb=gpu.memory_gb,
        source=gpu.source,
    )
