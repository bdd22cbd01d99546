"""GPU time and FLOPs: FLOPs = GPUs × hours × 3600 × peak × MFU."""

import re

from ditlaw.compute.accelerators import Accelerator, get_accelerator
from ditlaw.errors import BadInput
from ditlaw.results import BudgetResult

DEFAULT_MFU = 0.4
MOST_GPUS, MOST_DAYS, MOST_FLOPS = 10**9, 10**6, 1e40  # beyond these it is a typing error


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
    turned = re.fullmatch(r"\s*([A-Za-z][\w .-]*?)\s*[x×*]\s*(\d+)\s*", text)
    if turned:  # no accelerator is named so
        raise BadInput(f"gpus: '{text}' is not COUNTxNAME; write it as {turned[2]}x{turned[1]}")
    if not match:
        raise BadInput(f"gpus: '{text}' is not COUNTxNAME; write it as 64xh100")
    number = float(match[1]) if match[1] else 1
    if not 1 <= number <= MOST_GPUS:
        raise BadInput(f"gpus: {match[1]} is not a number of GPUs; use 1 or more")
    number = int(number)
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
        if not 0 < days <= MOST_DAYS:
            raise BadInput(f"days: {days:g} is not a time; use a positive number")
        flops = rate * days * 86400
    elif not 0 < flops <= MOST_FLOPS:
        raise BadInput(f"flops: {flops:g} is not a budget; use a positive number, as 1e21")
    return BudgetResult(
        flops=flops,
        gpu_hours=gpu_hours(flops, gpu.name, mfu),
        days=flops / rate / 86400,
        gpus=number,
        gpu=gpu.name,
        mfu=mfu,
        peak_tflops=gpu.peak_tflops,
        memory_gb=gpu.memory_gb,
        source=gpu.source,
    )
