"""The rows of one fit as arrays: logarithms, isoFLOP groups and trunks, in one fixed order."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ditlaw.errors import BadInput, Refused
from ditlaw.observations import Observations
from ditlaw.observations.metric_names import KINDS, SIGNED, kind
from ditlaw.tablefile import numbers
from ditlaw.text import unknown

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
MAX_ROWS = 50_000  # hundreds of redraws of every row are held in memory
SMALLEST, LARGEST = 1e-100, 1e100  # of what a row may hold


@dataclass(frozen=True)
class Table:
    """n rows, natural logs. ``group`` indexes ``budgets`` (−1: no isoFLOP group)."""

    log_n: FloatArray
    log_d: FloatArray
    log_c: FloatArray
    log_loss: FloatArray
    group: IntArray
    trunk: IntArray
    budgets: FloatArray
    diffusion: bool = False  # whether the losses are known to be of diffusion models

    def __len__(self) -> int:
        return len(self.log_n)

    def where(self, mask: BoolArray) -> "Table":
        """The rows of a mask; budgets keep their indices."""
        return replace(
            self,
            log_n=self.log_n[mask],
            log_d=self.log_d[mask],
            log_c=self.log_c[mask],
            log_loss=self.log_loss[mask],
            group=self.group[mask],
            trunk=self.trunk[mask],
        )

    def cells(self) -> IntArray:
        """Which rows are of one size and budget (of one size and tokens, if without): (n,)."""
        grouped = self.group >= 0
        extent = np.where(grouped, self.group.astype(float), self.log_d)
        keys = np.stack([grouped.astype(float), extent, self.log_n], axis=1).round(9)
        return np.unique(keys, axis=0, return_inverse=True)[1].ravel()


def prepare(
    observations: Observations, metric: str, budgets: int = 2
) -> tuple[Observations, Table]:
    """Rows in an order that does not depend on the source's, and those rows as arrays.

    With ``budgets`` 1 they may all have one value of FLOPs.

    ``Observations`` are checked already, all but the metric. What is left to see is whether
    numbers are so small or large that arithmetic on them could not be trusted.

    Raises:
        BadInput: no such metric, or one that is not a number.
        Refused: no usable row, all of them have one value, or a metric that may be negative is.
    """
    frame = observations.frame
    if metric not in frame:
        if kind(metric) in KINDS:  # it is spelt right: another metric's name is no mend
            there = ", ".join(c for c in numeric_columns(frame) if kind(c) in KINDS)
            raise BadInput(f"metric: '{metric}' is not among the rows' metrics: {there}")
        raise unknown("metric", metric, numeric_columns(frame))
    values = numbers(frame[metric])
    if values.notna().sum() == 0:
        raise BadInput(f"metric: '{metric}' holds no numbers; choose a numeric column")
    below = int((values <= 0).sum())
    if below and kind(metric) in SIGNED:  # without these rows it would be the law of the luckier
        raise Refused(
            f"{observations.source}: {metric} is 0 or less in {below} of {values.notna().sum()} "
            f"rows, which no law in powers of compute can be; {SIGNED[kind(metric)]}"
        )
    for column in dict.fromkeys((metric, "params", "tokens", "flops")):
        cells = numbers(observations.frame[column])
        usable = (cells >= SMALLEST) & (cells <= LARGEST)
        reason = f"{column} is not a number from {SMALLEST:g} to {LARGEST:g}"
        observations = observations.keep(usable, reason)
    frame = observations.frame
    if len(frame) > MAX_ROWS:
        raise Refused(
            f"{observations.source}: {len(frame):,} rows are more than a fit takes "
            f"({MAX_ROWS:,}); keep one row a run and budget, as with --where COL=VALUE"
        )
    if frame.empty:
        raise Refused(
            f"{observations.source}: no usable row is left ({observations.dropped[-1].reason})"
        )
    if frame[metric].astype(float).nunique() == 1:
        raise Refused(
            f"{observations.source}: every row has the same {metric}; "
            "a law needs runs that differ in it"
        )
    if (
        budgets > 1
        and frame["flops"].astype(float).max() < 1.02 * frame["flops"].astype(float).min()
    ):
        raise Refused(
            f"{observations.source}: every row has the same flops; "
            "a law of compute needs runs of several budgets"
        )
    order = frame.assign(_run=frame["run"].astype(str)).sort_values(
        ["budget", "params", "tokens", "_run", metric], kind="stable"
    )
    observations = replace(observations, frame=order.drop(columns="_run"))
    table = as_table(observations.frame, metric)
    return observations, replace(table, diffusion=observations.of_diffusion())


def as_table(frame: pd.DataFrame, metric: str) -> Table:
    """Checked rows as arrays; ``metric`` takes the place of the loss."""
    budget = frame["budget"].to_numpy(dtype=float)
    budgets, group = np.unique(budget[np.isfinite(budget)], return_inverse=True)
    groups = np.full(len(frame), -1, dtype=np.int64)
    groups[np.isfinite(budget)] = group
    return Table(
        log_n=np.log(frame["params"].to_numpy(dtype=float)),
        log_d=np.log(frame["tokens"].to_numpy(dtype=float)),
        log_c=np.log(frame["flops"].to_numpy(dtype=float)),
        log_loss=np.log(frame[metric].to_numpy(dtype=float)),
        group=groups,
        trunk=np.unique(frame["trunk"].astype(str).to_numpy(dtype=str), return_inverse=True)[1],
        budgets=budgets,
    )


def numeric_columns(frame: pd.DataFrame) -> list[str]:
    """Columns of numbers: what can be a metric."""
    return [c for c in frame.columns if pd.api.types.is_numeric_dtype(frame[c])]
