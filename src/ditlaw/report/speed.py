"""How fast the models trained on the device that they were timed on, where they were."""

import numpy as np

from ditlaw import text
from ditlaw.report.material import Material
from ditlaw.report.tables import Cell, Table


def speed_table(material: Material) -> Table | None:
    """Measured FLOP/s by size; None where no row has ``device_seconds``."""
    speed = material.law.observations.speed
    if speed is None:
        return None
    rows = [
        [
            Cell(text.count(float(np.exp(log_n)))),
            Cell(text.flops(float(np.exp(log_v))), f"±{error:.1%}" if error else ""),
            Cell("–" if np.isnan(step) else text.hours(step / 3600)),
        ]
        for log_n, log_v, error, step in zip(
            speed.log_n, speed.log_speed, speed.error, speed.steps, strict=True
        )
    ]
    where = f" on {', '.join(speed.devices)}" if speed.devices else ""
    caption = f"Measured speed{where}: training FLOPs a second by size, with its standard error"
    return Table(caption, ["params", "FLOP/s", "a step"], rows)
