"""How fast a table's models train on the device they were timed on: FLOP/s by size.

From rows with ``device_seconds``, the time in which a row's FLOPs were, or would be, spent. Ln
speed is interpolated in ln params, and held constant beyond the sizes that were timed.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ditlaw.tablefile import numbers

FloatArray = NDArray[np.float64]
SECONDS, STEP, ERROR = "device_seconds", "step_seconds", "step_seconds_standard_error"


@dataclass(frozen=True)
class Speed:
    """Ln FLOP/s at k sizes, rising, and its standard error; ``devices`` are those that are named.

    ``steps`` holds seconds a step, NaN where they are not known.
    """

    log_n: FloatArray
    log_speed: FloatArray
    error: FloatArray
    steps: FloatArray
    devices: tuple[str, ...]

    def draws(self, log_n: FloatArray, number: int, seed: int) -> FloatArray:
        """Ln FLOP/s at ln params (m,): the estimate, then equally likely curves (number + 1, m)."""
        scatter = np.random.default_rng(seed).standard_normal((number, len(self.log_n)))
        nodes = np.vstack([self.log_speed[None], self.log_speed + self.error * scatter])
        # Linear in the values at the nodes, so one row of weights a point serves all draws.
        each = np.eye(len(self.log_n))
        weights = np.stack([np.interp(log_n, self.log_n, one) for one in each])
        return np.asarray(nodes @ weights)

    def holds(self, log_n: float) -> bool:
        """Whether that size lies among those that were timed, to a tenth."""
        return bool(self.log_n[0] - 0.1 <= log_n <= self.log_n[-1] + 0.1)


def speed_of(frame: pd.DataFrame) -> Speed | None:
    """The speed of a table's models; None where no row says how long it took.

    A size's speed is the geometric mean over its rows. Its standard error is that of the timing
    where ``step_seconds_standard_error`` says it, else it comes from the scatter between runs of
    one size, pooled over sizes; without runs to tell it from, it is 0.
    """
    if SECONDS not in frame:
        return None
    seconds = numbers(frame[SECONDS])
    rows = pd.DataFrame(
        {
            "run": frame["run"].astype(str),
            "log_n": np.log(frame["params"].astype(float)),
            "speed": np.log(frame["flops"].astype(float) / seconds.where(seconds > 0)),
            "step": numbers(frame[STEP]) if STEP in frame else np.nan,
        }
    )
    error = numbers(frame[ERROR]) if ERROR in frame else np.nan
    rows["error"] = error / rows["step"]
    kept = rows[np.isfinite(rows["speed"])]
    if kept.empty:
        return None
    sizes = kept.groupby("log_n", sort=True)
    stated = sizes["error"].median()
    devices = frame.loc[kept.index, "device"].dropna() if "device" in frame else []
    return Speed(
        log_n=sizes["speed"].mean().index.to_numpy(dtype=float),
        log_speed=sizes["speed"].mean().to_numpy(dtype=float),
        error=stated.fillna(_between_runs(kept)).to_numpy(dtype=float),
        steps=sizes["step"].median().to_numpy(dtype=float),
        devices=tuple(sorted({str(device) for device in devices})),
    )


def _between_runs(rows: pd.DataFrame) -> "pd.Series[float]":
    """Standard error of each size's ln speed, from runs of one size: by ln params."""
    runs = rows.groupby(["log_n", "run"])["speed"].mean()
    each = runs.groupby("log_n")
    freedom = float((each.size() - 1).sum())
    squares = float(((runs - each.transform("mean")) ** 2).sum())
    sd = (squares / freedom) ** 0.5 if freedom else 0.0
    return sd / each.size() ** 0.5
