"""Runs as lines of a table: all of few; of many, one line a size, or those that matter most."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group
from rich.markup import escape
from rich.text import Text

from ditlaw import text
from ditlaw.cli.table_parts import make_table
from ditlaw.results import PlannedRun, RunStatus
from ditlaw.training.folder import ENDED

MANY = 60  # runs that a printed table lists one by one
# What one wants to see first where not all can be shown.
FIRST = ("running", "failed", "diverged", "stopped", "pending", "done")
COLOURS = {"done": "green", "failed": "red", "diverged": "red", "running": "bold"}


@dataclass(frozen=True)
class PlanLine:
    """A planned run, or the sums over all runs of one size; ``steps`` are of the longest."""

    name: str
    params: int
    steps: int
    images: float
    tokens: float
    flops: float
    flops_6nd: float
    gpu_hours: float


def plan_lines(runs: Sequence[PlannedRun]) -> list[PlanLine]:
    """One line a run; where they are many, one a family and size."""
    groups: dict[object, list[PlannedRun]] = {}
    for run in runs:
        size = (run.family, run.depth, run.single_depth, run.width, run.heads, run.params)
        groups.setdefault(size if len(runs) > MANY else run.id, []).append(run)
    return [_line(group) for group in groups.values()]


def _line(runs: list[PlannedRun]) -> PlanLine:
    first = runs[0]
    single = f"s{first.single_depth}" if first.single_depth else ""
    size = f"{first.family} d{first.depth}{single}w{first.width}h{first.heads}"
    return PlanLine(
        name=first.id if len(runs) == 1 else f"{size} ×{len(runs)}",
        params=first.params,
        steps=max(run.steps for run in runs),
        images=sum(run.images for run in runs),
        tokens=sum(run.tokens for run in runs),
        flops=sum(run.flops for run in runs),
        flops_6nd=sum(run.flops_6nd for run in runs),
        gpu_hours=sum(run.gpu_hours for run in runs),
    )


def status_table(runs: Sequence[RunStatus], room: int, *, cut: bool = False) -> Group:
    """How far runs are, in ``room`` lines; below them, what they come to together.

    Where there are more runs, those that run or have failed come first and the rest are counted.
    ``cut`` shortens a name rather than breaking its line, for a table that is redrawn in place.
    """
    table = make_table("run", "state", "done", "loss", "tok/s", "MFU", "left", "GPU", "GPU left")
    if cut:
        table.columns[0].no_wrap, table.columns[0].overflow = True, "ellipsis"
    shown = most_telling(runs, room)
    for run in shown:
        colour, loss = COLOURS.get(run.state), run.train_loss if run.loss is None else run.loss
        known = run.gpu_hours_spent is not None
        table.add_row(
            escape(run.id),
            f"[{colour}]{run.state}[/]" if colour else run.state,
            f"{run.progress:.0%}",
            "-" if loss is None else text.loss(loss),
            "-" if run.tokens_per_second is None else text.count(run.tokens_per_second),
            "-" if run.mfu is None else f"{run.mfu:.0%}",
            "-" if run.eta_seconds is None else text.hours(run.eta_seconds / 3600),
            ("" if known else "~") + text.hours(_spent(run)),
            ("" if known else "~") + text.hours(run.gpu_hours_left),
        )
    rest = len(runs) - len(shown)
    more = f"and {rest:,} more: {_counted(_without(runs, shown))}\n" if rest else ""
    return Group(table, Text(more + totals(runs)))


def most_telling(runs: Sequence[RunStatus], room: int) -> list[RunStatus]:
    """All runs where there is room, else the first ``room`` of them by ``FIRST``."""
    if len(runs) <= room:
        return list(runs)
    return sorted(runs, key=lambda run: FIRST.index(run.state))[: max(room, 0)]


def totals(runs: Sequence[RunStatus]) -> str:
    """What runs come to together, in a line or two."""
    flops, left = sum(run.flops for run in runs), sum(run.flops_left for run in runs)
    images, tokens = sum(run.images for run in runs), sum(run.tokens for run in runs)
    spent, rest = sum(map(_spent, runs)), sum(run.gpu_hours_left for run in runs)
    measured = all(run.gpu_hours_spent is not None for run in runs)
    mark, noun = "" if measured else "~", "run" if len(runs) == 1 else "runs"
    said = (
        f"{len(runs):,} {noun}: {_counted(runs)}\n"
        f"{text.flops(flops)} of {text.flops(flops + left)} FLOPs, "
        f"{text.count(images)} images, {text.count(tokens)} tokens; GPU time "
        f"{mark}{text.hours(spent)} spent, {mark}{text.hours(rest)} left"
    )
    seconds = time_left(runs)
    return said if seconds is None else f"{said}; about {text.hours(seconds / 3600)} to go"


def _spent(run: RunStatus) -> float:
    """GPU hours of a run so far, counted where they were not measured."""
    return run.gpu_hours if run.gpu_hours_spent is None else run.gpu_hours_spent


def time_left(runs: Sequence[RunStatus]) -> float | None:
    """Seconds until all are done if the runs of now go on at their rate; None where none runs."""
    rate = sum(run.flops_left / run.eta_seconds for run in runs if run.eta_seconds)
    return sum(run.flops_left for run in runs if run.state not in ENDED) / rate if rate else None


def _counted(runs: Sequence[RunStatus]) -> str:
    counts = Counter(run.state for run in runs)
    return ", ".join(f"{counts[state]:,} {state}" for state in FIRST if counts[state])


def _without(runs: Sequence[RunStatus], shown: Sequence[RunStatus]) -> list[RunStatus]:
    seen = {run.id for run in shown}
    return [run for run in runs if run.id not in seen]
