"""What a run's time was spent on: wall time, training speed, and the share of the peak in use.

Two clocks. ``seconds`` is wall time of all sessions, everything included: what a device is paid
for, GPU hours = seconds × devices × share ÷ 3600. The rates are of this session's training alone:
of the steps after the first few, which compile and allocate, and without evaluations.

MFU = exact training FLOPs ÷ (training seconds × peak × devices × share). The peak is dense bf16,
whatever the run computes in. A device that is not in the table has no MFU.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ditlaw.compute.devices import device_accelerator, device_share
from ditlaw.study import RunSpec

FIRST_STEPS = 10  # of a session, that no rate is taken of


class Throughput:
    """The clocks of one session of a run on a device that calls itself ``device``.

    Args:
        spec: the run.
        device: the name of the device, or of each of several alike.
        step: where the session starts.
        already: seconds of earlier sessions.
        devices: how many train the run together.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        spec: RunSpec,
        device: str,
        step: int,
        already: float,
        *,
        devices: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.mix = spec.mix()
        self.device, self.devices, self.share = device, devices, device_share()
        self.accelerator = device_accelerator(device)
        peak = self.accelerator.peak_flops if self.accelerator else 0.0
        self.available = peak * self.devices * self.share  # FLOP/s; 0 where no peak is known
        self.began_at, self.already, self.clock = step, already, clock
        self.began = clock()
        self.paused = 0.0  # seconds, in pauses that are over
        self.pause: float | None = None  # when one began that is not
        self.first: tuple[int, float] | None = None  # step and training seconds, once past warm-up

    def facts(self) -> dict[str, Any]:
        """What a session's first line says of its device."""
        known = self.accelerator
        return {
            "device": self.device,
            "devices": self.devices,
            "device_share": self.share,
            "accelerator": known.name if known else None,
            "peak_flops": known.peak_flops if known else None,
            "peak_source": known.source if known else None,
        }

    def seconds(self) -> float:
        """Wall time of the run, earlier sessions included."""
        return round(self.already + self.clock() - self.began, 3)

    @contextmanager
    def not_training(self) -> Iterator[None]:
        """Time that counts for ``seconds`` alone, as that of an evaluation."""
        self.pause = began = self.clock()
        try:
            yield
        finally:
            self.paused, self.pause = self.paused + self.clock() - began, None

    def progress(self, step: int) -> dict[str, Any]:
        """What a line of the log says at a step that the device has done."""
        now = self.clock() if self.pause is None else self.pause
        trained = now - self.began - self.paused
        tokens = mfu = None
        if self.first is not None and step > self.first[0] and trained > self.first[1]:
            spent = trained - self.first[1]
            tokens = (self.mix.tokens(step) - self.mix.tokens(self.first[0])) / spent
            if self.available:
                flops = self.mix.flops(step) - self.mix.flops(self.first[0])
                mfu = flops / (spent * self.available)
        elif self.first is None and step >= self.began_at + FIRST_STEPS:
            self.first = step, trained
        return {
            "seconds": self.seconds(),
            "flops": self.mix.flops(step),
            "tokens_per_second": _short(tokens),
            "mfu": _short(mfu),
            "accelerator": self.accelerator.name if self.accelerator else None,
            "gpu_seconds": round(self.seconds() * self.devices * self.share, 3)
            if self.accelerator
            else None,
        }


def _short(value: float | None) -> float | None:
    """Four digits: no clock here knows more."""
    return None if value is None else float(f"{value:.4g}")
