"""What GPU hours are counted on: as a study states it, as its runs measured it, or assumed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ditlaw.compute import get_accelerator, gpu_hours
from ditlaw.results import MfuSource
from ditlaw.study.schema import Hardware

if TYPE_CHECKING:
    from ditlaw.speed import Speed


@dataclass(frozen=True)
class Hours:
    """An accelerator, with one MFU for all sizes, or one a size where ``speed`` was measured."""

    hardware: Hardware
    source: MfuSource
    speed: "Speed | None" = None

    def at(self, params: float) -> Hardware:
        """The hardware with the MFU of a model of that size.

        Measured speed is interpolated in size, and held constant beyond the sizes measured.
        """
        if self.speed is None:
            return self.hardware
        import numpy as np

        log_speed = float(self.speed.draws(np.log([params]), 0, 0)[0, 0])
        peak = get_accelerator(self.hardware.gpu).peak_flops
        return Hardware(gpu=self.hardware.gpu, mfu=min(1.0, float(np.exp(log_speed)) / peak))

    def hours(self, params: float, flops: float) -> float:
        """Hours of one device that a model of that size takes for those FLOPs."""
        hardware = self.at(params)
        return gpu_hours(flops, hardware.gpu, hardware.mfu)

    def overall(self, flops: float, hours: float) -> Hardware:
        """The hardware with the MFU that those FLOPs in those hours come to."""
        if self.speed is None:
            return self.hardware
        peak = get_accelerator(self.hardware.gpu).peak_flops
        return Hardware(gpu=self.hardware.gpu, mfu=min(1.0, flops / (hours * 3600 * peak)))
