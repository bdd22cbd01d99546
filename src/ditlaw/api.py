"""The Python API: what the commands do, as functions. The commands call these. See docs/python.md.

Heavy imports happen inside each, as in the commands.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ditlaw.arguments import checked
from ditlaw.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from ditlaw.executors import Executor
    from ditlaw.forecasting import Source
    from ditlaw.laws import Law
    from ditlaw.laws.candidates import Method
    from ditlaw.observations import Observations
    from ditlaw.results import CompareResult, Forecast, PlanResult, RunSummary
    from ditlaw.sweep import Watch

    File = str | os.PathLike[str]
    Where = str | Sequence[str] | None
    Columns = str | Mapping[str, str] | None

TOLERANCE = 0.0025


@checked
def load(
    source: Source,
    *,
    where: Where = None,
    columns: Columns = None,
    flops_as: Literal["exact", "6nd"] = "exact",
) -> Observations:
    """The rows of a study folder, a table or a law that a fit can use, and why others cannot be.

    Rows may be of several families or data sets: ``fit`` asks for one of them, ``compare`` sets
    them side by side.

    Args:
        source: a study folder; a ``.csv``, ``.jsonl`` or ``.parquet`` table; a ``.law.json``; a
            DataFrame; or a law.
        where: ``"COL=VALUE"``, or several of them, which must all hold.
        columns: of a table with other names, what makes ours: ``{"params": "n_params"}``, or as
            ``ditlaw import --columns`` takes it.
        flops_as: ``exact`` reads the column flops, where it is there; ``6nd`` takes
            6·params·tokens.

    Returns:
        Observations; ``frame`` has a row a run and budget, numbered from 1 as in the source.
        FLOPs, params and tokens are plain counts.

    Raises:
        BadInput: missing or unreadable source, missing column, no usable row. Where columns look
            like ours under other names, the message says so.
    """
    from ditlaw.forecasting import LAW_SUFFIX
    from ditlaw.foreign import parse_columns
    from ditlaw.laws import Law, load_law
    from ditlaw.observations import SINGLE, load_observations

    if isinstance(source, str | os.PathLike) and os.fspath(source).endswith(LAW_SUFFIX):
        source = load_law(Path(source))
    return load_observations(
        source.observations if isinstance(source, Law) else source,
        _list(where),
        flops_as=flops_as,
        several=SINGLE,
        columns=parse_columns(columns),
    )


@checked
def fit(
    source: Source,
    *,
    where: Where = None,
    columns: Columns = None,
    method: Method | None = None,
    metric: str | None = None,
    flops_as: Literal["exact", "6nd"] | None = None,
    level: float | None = None,
) -> Law:
    """The laws of a table of runs, with intervals.

    Args:
        source: as ``load`` takes it, or what it returns. A law is fitted again, to its own rows,
            where something else is asked for.
        where: as ``load`` takes it.
        columns: as ``load`` takes it.
        method: by default ``auto``: isoFLOP curves and a surface, weighed by backtests.
        metric: the column that the law is of; by default ``loss``.
        flops_as: as ``load`` takes it; rows that were loaded keep theirs.
        level: of every interval; by default 0.9.

    Returns:
        The law. It prints as ``ditlaw fit`` does; ``result()`` has its numbers, ``to_frame()`` the
        best size of each budget, ``optimum(flops)`` and ``curve(flops)`` what it says elsewhere.

    Raises:
        BadInput: as ``load``; no such method or metric; a level that makes no sense.
        Refused: several families, data sets or roles among the rows, or too few for a law.
    """
    from ditlaw.forecasting import law_of
    from ditlaw.foreign import parse_columns

    return law_of(
        source,
        _list(where),
        method=method,
        metric=metric,
        level=level,
        flops_as=flops_as,
        columns=parse_columns(columns),
    )


@checked
def forecast(
    source: Source,
    *,
    flops: float | None = None,
    gpus: str | None = None,
    days: float | None = None,
    params: float | None = None,
    loss: float | None = None,
    images: float | None = None,
    mfu: float | None = None,
    price: float | None = None,
    sizes: Sequence[float] = (),
    tolerance: float = TOLERANCE,
    family: str | None = None,
    latent: str | None = None,
    patch: int | None = None,
    text_tokens: int | None = None,
    generated: float | None = None,
    sampler_steps: int | None = None,
    guided: bool = False,
    where: Where = None,
    level: float | None = None,
) -> Forecast:
    """What a budget buys as a recipe, or what a wish costs, with intervals.

    Args:
        source: a law, what a law is fitted to, or ``"published:NAME"``.
        flops: training FLOPs of the run that is forecast; by default the study's target.
        gpus: as ``"64xh100"``; with ``days`` a budget, else what time is counted on.
        days: that the GPUs are yours.
        params: instead of a budget, the size whose cost is wanted.
        loss: instead of a budget, the loss whose cost is wanted.
        images: instead of a budget, the images it is to make the best use of; beside one, all the
            images that there are.
        mfu: model FLOPs utilisation, 0 to 1.
        price: money for an hour of one GPU.
        sizes: params of models whose loss at that budget is wanted too.
        tolerance: loss that near-optimal sizes may give away; 0.0025 is 0.25 %.
        family: of a law without a study, the recipe's family of DiTs.
        latent: and the size of its samples, as ``"32x32x4"``.
        patch: and the patch side.
        text_tokens: and the text tokens of a sample.
        generated: images to be made, for the model that is cheapest over its lifetime too.
        sampler_steps: model evaluations an image; by default the study's, or 50.
        guided: two evaluations a step.
        where: as ``load`` takes it.
        level: of every interval; by default the law's, or 0.9.

    Raises:
        BadInput: as ``fit``; none or several of flops, days, params, loss and images; a value that
            makes no sense.
        Refused: as ``fit``; the budget is too far from what was fitted.
    """
    from ditlaw.forecasting import Asked, Stated, answer, answering_law

    asked = Asked(
        flops, gpus, days, params, loss, images, mfu, price, generated, sampler_steps, guided
    )
    asked.check()  # before a large table is read
    law = answering_law(source, _list(where), level=level)
    stated = Stated(family, latent, patch, text_tokens)
    return answer(law, asked, stated, sizes=sizes, tolerance=tolerance)


@checked
def compare(
    a: Source | Mapping[str, Source],
    b: Source | None = None,
    *,
    at: float | Sequence[float],
    by: str | None = None,
    where: Where = None,
    metric: str | None = None,
    level: float | None = None,
) -> CompareResult:
    """Which of two laws is better at a budget, by how much, and where they cross.

    Args:
        a: a law, what a law is fitted to, or ``"published:NAME"``; or several, by name, of which
            every pair is compared.
        b: the other, unless ``by`` splits ``a``.
        at: FLOPs to compare at.
        by: a column of ``a``; every pair of its values is compared.
        where: as ``load`` takes it.
        metric: the column to compare in; by default ``loss``.
        level: of every interval; by default 0.9.

    Raises:
        BadInput: as ``fit``; not two sources, or one with ``by``; no such column.
        Refused: as ``fit``; a budget is too far from what was fitted.
    """
    from collections.abc import Iterable, Mapping

    from ditlaw.comparison import compare_groups, compare_sources
    from ditlaw.forecasting import name_of
    from ditlaw.laws import Law

    budgets = list(at) if isinstance(at, Iterable) else [float(at)]
    several = isinstance(a, Mapping)
    if several + (b is not None) + (by is not None) != 1:
        raise BadInput("compare: give two sources, or one with --by COLUMN")
    if by is not None:
        assert not isinstance(a, Mapping)
        return compare_groups(
            a.observations if isinstance(a, Law) else a,
            by,
            budgets,
            where=_list(where),
            metric=metric,
            level=level,
        )
    if isinstance(a, Mapping):
        named = dict(a)
    else:
        assert b is not None
        pair = [a, b]
        names = [name_of(source) for source in pair]
        if names[0] == names[1]:
            names = [f"{name} ({which})" for name, which in zip(names, "ab", strict=True)]
        named = dict(zip(names, pair, strict=True))
    if len(named) < 2:
        raise BadInput("compare: give two sources, or one with --by COLUMN")
    return compare_sources(named, budgets, where=_list(where), metric=metric, level=level)


@checked
def plan(study: File, *, measured: File | None = None) -> PlanResult:
    """A study's runs and their cost; nothing runs.

    Args:
        study: the study file.
        measured: a study folder whose runs say how fast models of each size train; by default the
            study's own, where it does not state its hardware.

    Raises:
        BadInput: a field of the study is wrong, or the folder measured nothing.
        Refused: a stated limit is exceeded.
    """
    from ditlaw.design.expect import expected_of
    from ditlaw.measured import hours_of, require_measured
    from ditlaw.study import default_folder, load_study, plan_study

    file = Path(study)
    declared = load_study(file)
    own = default_folder(file, declared)
    hours = hours_of(declared, own) if measured is None else require_measured(Path(measured))
    planned = plan_study(declared, hours)
    return planned.model_copy(update={"expected": expected_of(declared, own)})


@checked
def run(
    study: File,
    *,
    out: File | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    track: Sequence[str] | None = None,
    until_interval: str | None = None,
    spend: str | None = None,
    target: float | None = None,
    watch: Watch | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> RunSummary:
    """Train what is missing of a study, and more if asked; safe to repeat.

    Args:
        study: the study file.
        out: the study folder; by default the study's own, or one of its name here.
        executor: where runs go (``ditlaw.executors``); by default this machine.
        workers: of this machine, runs at a time; by default one a core.
        track: mirrors from now on, ``tensorboard`` or ``wandb``; ``none`` ends it.
        until_interval: as ``"10%"``: then choose and train more runs until the forecast loss is
            known to that.
        spend: FLOPs, or a share of the target's as ``"5%"``: then train more until it is spent.
        target: FLOPs that are forecast then; by default the study's target.
        watch: a display, told while runs go on.
        tell: is called with warnings of the plan and with what is chosen next, a line each.

    Returns:
        How many runs are done; ``failures`` has the reason of each that failed. None is raised for.

    Raises:
        BadInput: a field of the study is wrong, the folder is another study's, or the extra that
            training needs is not installed.
        Refused: a stated limit is exceeded, or another process works on the folder.
    """
    from ditlaw.extras import need_trackers, need_training

    if workers is not None and workers < 1:
        raise BadInput(f"--workers: {workers} is not a positive number")
    need_training("run")
    trackers = need_trackers(None if track is None else list(track))
    from ditlaw.executors import LocalExecutor
    from ditlaw.executors.places import default_workers
    from ditlaw.planner.adaptive import run_adaptive
    from ditlaw.planner.goal import goal_of
    from ditlaw.study import default_folder, load_study, plan_study
    from ditlaw.sweep import run_study

    file = Path(study)
    declared = load_study(file)
    adaptive = until_interval is not None or spend is not None
    if target is not None and not adaptive:
        raise BadInput("--target: is for a study that adds runs; give --until-interval or --spend")
    goal = goal_of(declared, target, until_interval, spend) if adaptive else None
    for note in plan_study(declared).warnings:
        tell(f"{note.code}: {note.text}")
    folder = default_folder(file, declared) if out is None else Path(out)
    engine = executor or LocalExecutor(workers or default_workers())
    if goal is None:
        return run_study(file, folder, executor=engine, watch=watch, trackers=trackers)
    return run_adaptive(
        file, folder, goal, executor=engine, watch=watch, trackers=trackers, tell=tell
    )


@checked
def read_exports(
    *exports: File, columns: Columns = None, points: Literal["last", "all"] = "last"
) -> pd.DataFrame:
    """A table in ditlaw's columns, of what trackers and other people's scripts export.

    Reads CSV exports of Weights & Biases (the runs table, a chart) and TensorBoard (scalars),
    TensorBoard's event files, and any table with other column names. Several are joined by run.

    Args:
        exports: files, or a folder of event files.
        columns: what makes each column of ours: ``{"params": "n_params", "loss": "val/loss",
            "tokens": "Step*batch*256"}``; a column, or a product of columns and numbers.
        points: of curves over steps, the ``last`` one of each run, or ``all`` of them.

    Returns:
        A row a run, or a point of one; columns that were not named keep their names.

    Raises:
        BadInput: unreadable; no such column; columns of ours are missing (the message proposes
            which to take); event files without TensorBoard installed.
    """
    from ditlaw.foreign import parse_columns
    from ditlaw.foreign import read_exports as read

    return read([Path(path) for path in exports], parse_columns(columns), points)


def _list(where: Where) -> list[str]:
    if where is None:
        return []
    return [where] if isinstance(where, str) else list(where)
