"""What a run's time was spent on: wall time, training speed, and the share of the peak in use.

Two clocks. ``seconds`` is wall time of all sessions, everything included: what a device is paid
for. ``gpu_seconds`` adds up each session's seconds × its own devices × share. The rates are of this
session's training alone: of the steps after the first few, which compile and allocate, and without
evaluations.

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
        step: where the session starts; here steps are those trained in all, branches included.
        already: seconds of earlier sessions.
        gpu_already: their GPU seconds; None where none was on a GPU of the table.
        devices: how many train the run together.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        spec: RunSpec,
        device: str,
        step: int,
        already: float,
        gpu_already: float | None = None,
        *,
        devices: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.spec, self.mix = spec, spec.mix()
        self.device, self.devices, self.share = device, devices, device_share()
        self.accelerator = device_accelerator(device)
        peak = self.accelerator.peak_flops if self.accelerator else 0.0
        self.gpus = self.devices * self.share  # that this session has at work
        self.available = peak * self.gpus  # FLOP/s; 0 where no peak is known
        self.began_at, self.already, self.clock = step, already, clock
        self.gpu_already = gpu_already
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

    def times(self) -> dict[str, Any]:
        """What every line of the log says of the time that the run has taken."""
        seconds, gpu_seconds = self.seconds(), self.gpu_already
        if self.accelerator:
            spent = (seconds - self.already) * self.gpus
            gpu_seconds = round((self.gpu_already or 0.0) + spent, 3)
        return {
            "seconds": seconds,
            "gpu_seconds": gpu_seconds,
            "gpus": self.gpus if self.accelerator else None,
        }

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
            tokens = self._between(self.mix.tokens, self.first[0], step) / spent
            if self.available:
                flops = self._between(self.mix.flops, self.first[0], step)
                mfu = flops / (spent * self.available)
        elif self.first is None and step >= self.began_at + FIRST_STEPS:
            self.first = step, trained
        return {
            **self.times(),
            "flops": self.spec.spent(self.mix.flops, step),
            "tokens_per_second": _short(tokens),
            "mfu": _short(mfu),
            "accelerator": self.accelerator.name if self.accelerator else None,
        }

    def _between(self, of: Callable[[int], int], first: int, last: int) -> int:
        return self.spec.spent(of, last) - self.spec.spent(of, first)


def _short(value: float | None) -> float | None:
    """Four digits: no clock here knows more."""
    return None if value is None else float(f"{value:.4g}")
