"""``ditlaw watch``: the log read, set beside the law's trajectory, and what that means."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ditlaw.errors import BadInput
from ditlaw.forecasting import law_of
from ditlaw.laws import Law
from ditlaw.results import Left, Look, WatchResult
from ditlaw.tablefile import numbers
from ditlaw.watching.log import SPENT, Log, points, read_log, require_column
from ditlaw.watching.notes import notes
from ditlaw.watching.trajectory import Trajectory, trajectory
from ditlaw.watching.words import meaning

ENDED = 0.999  # of the last FLOPs: a run ends with its last whole step
TRAIN = "train_loss"


@dataclass(frozen=True)
class Watching:
    """A log and the trajectory that it is held against; ``look`` reads what there is by now.

    ``metric`` is the log's column. ``per_token`` is training FLOPs of a token.
    """

    path: Path
    metric: str
    way: Trajectory
    per_token: float

    def look(self) -> WatchResult:
        """The run as it is now.

        Raises:
            BadInput: the log cannot be read, or says no longer what was spent.
        """
        log, way = read_log(self.path), self.way
        found = points(log, self.metric, _flops(log, self.way.law, self.per_token))
        cells = way.cells(found.flops, found.loss)
        out = way.outside(cells)
        looks = []
        which = way.which(found.flops)
        for cell, miss, side in zip(*cells, out, strict=True):
            inside = which == cell
            at = float(found.flops[inside][-1])
            band = way.band(at, int(cell))
            looks.append(
                Look(
                    flops=at,
                    points=int(inside.sum()),
                    loss=band.value * float(np.exp(miss)),
                    forecast=band,
                    inside=side == 0,
                )
            )
        sides = ["above" if side > 0 else "below" if side < 0 else "on course" for side in out]
        first = next((k for k, side in enumerate(out) if side), None)
        seen = float(found.flops[-1]) if len(found.flops) else None
        result = WatchResult(
            source=way.law.observations.source,
            log=str(self.path),
            metric=self.metric,
            params=way.params,
            flops=way.end,
            from_flops=way.start,
            seen=seen,
            verdict=sides[-1] if sides else "too early",
            left=None if first is None else Left(flops=looks[first].flops, side=sides[first]),
            looks=looks,
            forecast=way.law.loss_at(way.params, way.end)[0],
            projected=way.projected(cells) if looks else None,
            false_alarm=round(1 - way.law.level, 12),
            meaning=[],
            over=bool(log.ended) or (seen is not None and seen >= ENDED * way.end),
            warnings=notes(log, way, self.metric, found),
        )
        return result.model_copy(update={"meaning": meaning(result, log.ended)})


def watch(
    source: str,
    log: Path,
    *,
    flops: float | None = None,
    params: float | None = None,
    flops_per_token: float | None = None,
    metric: str | None = None,
    where: Sequence[str] = (),
    level: float | None = None,
) -> Watching:
    """Set a running training beside the law of a SOURCE with rows; ``look`` says how it stands.

    Args:
        source: study folder, table or saved law.
        log: a ditlaw run's folder or its ``log.jsonl``, or a table with a loss and what was spent.
        flops: where the run ends; by default as its spec says, or the study's target.
        params: of the model; by default as its spec or the column ``params`` says.
        flops_per_token: training FLOPs of one token, where the log has none; by default the law's.
        metric: column of the log; by default the law's, else ``train_loss``.
        where: ``COL=VALUE`` filters of the law's rows.
        level: of every interval; by default the law's.

    Raises:
        BadInput: the log, a column or a number is missing or wrong.
        Refused: the rows allow no fit, or the law says nothing of such a run.
    """
    there = read_log(log)
    law = law_of(source, list(where), level=level)
    column = _column(there, law, metric)
    if column != law.metric and column in law.observations.frame:
        law = law_of(source, list(where), level=level, metric=column)
    elif column != law.metric and column != TRAIN:
        raise BadInput(f"--metric: the law's rows have no column '{column}'; it is of {law.metric}")
    size = params or _params(there)
    end = flops or _end(there, law)
    if flops_per_token is not None and not 0 < flops_per_token < float("inf"):
        raise BadInput(f"--flops-per-token: {flops_per_token:g} is not a positive number")
    way = trajectory(law, size, end)
    each = flops_per_token or size * float(np.exp(law.kappa.log(np.log(size))))
    return Watching(log, column, way, each)


def _column(log: Log, law: Law, metric: str | None) -> str:
    """The column that is watched: the law's own, or the training loss where that says more.

    A ditlaw run says its training loss all the time and is evaluated at its budgets only.
    """
    if metric is not None:
        return metric if log.spec is not None else require_column(log, [metric], "such metric")
    if log.spec is not None:
        often = not log.spec.recipe.cooldown and TRAIN in law.observations.frame
        return TRAIN if often and law.metric == "loss" else law.metric
    there = [name for name in (law.metric, TRAIN) if log.has(name)]
    return there[0] if there else require_column(log, [law.metric, TRAIN], "loss")


def _params(log: Log) -> float:
    if log.spec is not None:
        return float(log.spec.counts().params)
    said = log.one("params")
    if said is None:
        raise BadInput(f"{log.path}: does not say how many params the model has; give --params")
    return float(numbers(pd.Series([said]))[0])


def _end(log: Log, law: Law) -> float:
    if log.spec is not None:
        return float(log.spec.flops(log.spec.steps))
    study = law.observations.study
    if study is not None and study.forecast is not None:
        return study.forecast.flops
    raise BadInput(f"{log.path}: does not say where the run ends; give its last FLOPs as --flops")


def _flops(log: Log, law: Law, per_token: float) -> "pd.Series[float]":
    """What each row had spent, from the first of ``SPENT`` that the log has."""
    if log.frame.empty:
        return pd.Series(dtype=float)
    column = require_column(log, SPENT, "column of what was spent")
    spent = numbers(log.frame[column])
    if column == "flops":
        return spent
    if column == "step":
        if "batch" not in log.frame:
            raise BadInput(
                f"{log.path}: 'step' alone does not say what was spent; add a column batch, "
                "tokens, images or flops"
            )
        spent = spent * numbers(log.frame["batch"])
    if column in ("step", "images"):
        each = law.observations.tokens_per_image()
        if each is None:
            raise BadInput(
                f"{log.path}: how many tokens an image has is not known from the law's rows; add a "
                "column tokens or flops"
            )
        spent = spent * each
    return spent * per_token
