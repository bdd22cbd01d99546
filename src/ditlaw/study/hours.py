"""What GPU hours are counted on: as a study states it, as its runs measured it, or assumed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ditlaw.compute import get_accelerator, gpu_hours
from ditlaw.results import MfuSource, Quantity
from ditlaw.study.schema import Hardware

if TYPE_CHECKING:
    from ditlaw.speed import Speed

SPEED_DRAWS = 400


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

    def band(self, params: Quantity, flops: float) -> Quantity:
        """Those hours of a size that is known to an interval.

        Where the MFU was measured by size, its own error and that of the size are in the interval;
        where it is stated or assumed the hours are arithmetic, and both bounds are null.
        """
        value = self.hours(params.value, flops)
        low = high = None
        if self.speed is not None:
            import numpy as np

            sizes = [n for n in (params.low, params.value, params.high) if n is not None]
            drawn = self.speed.draws(np.log(sizes), SPEED_DRAWS, 0)[1:]
            share = (1 - params.level) / 2
            slow, fast = np.exp(np.quantile(drawn, [share, 1 - share], axis=0))
            low, high = (flops / float(v) / 3600 for v in (fast.max(), slow.min()))
            low, high = min(low, value), max(high, value)
        return Quantity(value=value, low=low, high=high, level=params.level)

    def overall(self, flops: float, hours: float) -> Hardware:
        """The hardware with the MFU that those FLOPs in those hours come to."""
        if self.speed is None:
            return self.hardware
        peak = get_accelerator(self.hardware.gpu).peak_flops
        return Hardware(gpu=self.hardware.gpu, mfu=min(1.0, flops / (hours * 3600 * peak)))
