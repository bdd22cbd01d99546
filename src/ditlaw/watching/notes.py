"""What to beware of in a log: another quantity, unusable rows, a model off the law's way."""

import numpy as np

from ditlaw import text
from ditlaw.comparison.quantities import differing
from ditlaw.laws import Law
from ditlaw.observations import QUANTITY
from ditlaw.results import Note
from ditlaw.watching.log import Log, Points
from ditlaw.watching.trajectory import LOOKS, Trajectory, best_size


def notes(log: Log, way: Trajectory, metric: str, found: Points) -> list[Note]:
    """Every warning about a log beside a trajectory."""
    made = [*_quantity(log, way.law, metric), *_dropped(found, len(log.frame))]
    past = int(np.sum(way.which(found.flops) == LOOKS))
    if past:
        made.append(
            Note(
                code="past-the-end",
                text=f"{past} points lie past {text.flops(way.end)} FLOPs, where the run was to "
                "end, and are not looked at; say with --flops where it ends.",
            )
        )
    frame = way.law.observations.frame
    if log.spec is not None and log.spec.id in set(frame["trunk"].astype(str)):
        made.append(
            Note(
                code="run-in-fit",
                text=f"{log.spec.id} is among the runs that the law was fitted to: it stays near "
                "its forecast for that alone.",
            )
        )
    cooled = "cooldown" in frame and bool((frame["cooldown"].astype(float) > 0).any())
    if cooled and log.spec is None:
        made.append(
            Note(
                code="before-cooldown",
                text="the law is of runs whose learning rate has cooled down: until this one's "
                "has, its loss lies above the band without that being news.",
            )
        )
    low = float(np.min(way.law.table.log_n - best_size(way.law, way.law.table.log_c)))
    away = float(np.log(way.params) - best_size(way.law, np.array([np.log(way.end)]))[0])
    if away < low - 1e-9:
        made.append(
            Note(
                code="small-for-its-budget",
                text=f"at {text.flops(way.end)} FLOPs the model is {np.exp(away):.2g} times the "
                f"best size, further below it than any fitted run ({np.exp(low):.2g} times).",
            )
        )
    return made


def _quantity(log: Log, law: Law, metric: str) -> list[Note]:
    if metric == "train_loss" and law.metric != metric:
        return [
            Note(
                code="training-loss",
                text=f"the log has a training loss and the law is of {law.metric}: under another "
                "weighting of timesteps, without averaged weights, it is another quantity. Log the "
                f"{law.metric}, or fit a table with a column train_loss.",
            )
        ]
    theirs = {k: v for k in (*QUANTITY, "train_timesteps") if (v := log.one(k)) is not None}
    own = law.observations.kinds()
    trained = law.observations.frame.get("train_timesteps")
    if metric == "train_loss":  # what it is evaluated by does not matter
        theirs.pop("timesteps", None)
        values = set() if trained is None else set(trained.dropna().map(str))
        own = own | ({"train_timesteps": values.pop()} if len(values) == 1 else {})
    else:
        theirs.pop("train_timesteps", None)
    stated = [{k: own[k] for k in theirs if k in own}, {k: theirs[k] for k in theirs if k in own}]
    return [
        Note(
            code="different-quantities",
            text=f"the law and the log differ in {kind} ({stated[0][kind]}; {stated[1][kind]}): "
            f"unless both were evaluated alike, their {metric} is not one quantity.",
        )
        for kind in differing(stated, metric)
    ]


def _dropped(found: Points, rows: int) -> list[Note]:
    if not found.dropped:
        return []
    row, why = found.dropped[-1]
    newest = " It is the newest: has the run diverged?" if row == rows else ""
    return [
        Note(
            code="unusable-points",
            text=f"{len(found.dropped)} rows of the log are left out, the last of them row {row} "
            f"({why}).{newest}",
        )
    ]
