"""Metrics added to the finished runs of a study folder: what ``ditlaw evaluate`` does."""

import math
from collections.abc import Callable
from pathlib import Path

from ditlaw.errors import BadInput
from ditlaw.executors import Ended, Executor, Job, LocalExecutor
from ditlaw.locks import locked
from ditlaw.metrics.base import METRICS, Settings
from ditlaw.metrics.rows import of_observation, read_rows
from ditlaw.results import EvaluatedObservation, EvaluateResult, Note
from ditlaw.study import Study, open_study
from ditlaw.sweep import checking_runs, own_runs, write_table
from ditlaw.text import unknown
from ditlaw.training.folder import RunFolder

DEFAULT_METRICS = ("vlb", "nll")
LARGEST_GUIDANCE = 1e3


def settings_of(
    study: Study,
    metrics: list[str] | None = None,
    guidance: list[str] | None = None,
    steps: list[str] | None = None,
    sampler: str | None = None,
    samples: int | None = None,
    extractor: str | None = None,
    unconditional: bool = False,
) -> Settings:
    """What a command line asks for; guidance and steps are the study's own unless given.

    Lists come as words, each of which may hold several with commas between.

    Raises:
        BadInput: an unknown metric or sampler, or a number that none can be drawn with.
    """
    names = _several("--metrics", metrics) or list(DEFAULT_METRICS)
    for name in names:
        if name not in METRICS:
            raise unknown("--metrics", name, METRICS)
    own = study.evaluation
    if sampler not in (None, "euler", "heun"):
        raise unknown("--sampler", sampler, ("euler", "heun"))
    return Settings(
        metrics=tuple(names),
        guidance=tuple(map(_guidance, _several("--guidance", guidance))) or (own.guidance,),
        steps=tuple(map(_steps, _several("--steps", steps))) or (own.sampler_steps,),
        sampler="heun" if sampler == "heun" else "euler",
        samples=samples,
        extractor=extractor,
        unconditional=unconditional,
    )


def evaluate_study(
    folder: Path,
    settings: Settings,
    *,
    executor: Executor | None = None,
    start: Callable[[int], None] = lambda runs: None,
    on_end: Callable[[Ended], None] = lambda ended: None,
) -> EvaluateResult:
    """Measure what is missing of every observed run, those that check forecasts included.

    Safe to repeat: a value that is there for the same observation and settings is not computed
    again.

    Raises:
        BadInput: not a study folder, nothing observed yet, or a metric that its runs cannot have.
        Refused: another process works on the folder.
    """
    from ditlaw.metrics.measuring import check

    study = open_study(folder)
    with locked(folder / ".lock", str(folder)):
        runs = [run for run in _runs(folder, study) if run.observations()]
        if not runs:
            raise BadInput(f"{folder}: no observations yet; 'ditlaw run' makes them")
        for run in runs:
            check(run.spec(), settings)
        _open_once(folder, study, settings)
        start(len(runs))
        try:
            how = settings.model_dump(mode="json")
            ended = (executor or LocalExecutor()).run(
                [Job(run.path, settings=how) for run in runs], on_end=on_end
            )
        finally:
            write_table(folder, study)
    names = {run.path: name for run, name in zip(runs, _names(folder, runs), strict=True)}
    failures = {names[end.folder]: end.reason or end.state for end in ended if end.state != "done"}
    return EvaluateResult(
        study=str(folder),
        observations=[row for run in runs for row in _observations(run)],
        failures=failures,
        warnings=_without_weights(folder, runs),
    )


def _open_once(folder: Path, study: Study, settings: Settings) -> None:
    """Open what every run will read: what is wrong with it is told once, before any work.

    Raises:
        BadInput: data that were lost or changed, or an extractor that cannot be read.
    """
    from ditlaw.data.cache import Cache
    from ditlaw.data.places import prepared_folder

    for data in study.data:
        if data.prepared:
            Cache(prepared_folder(folder, data.label))
    if settings.extractor is not None:
        from ditlaw.metrics.extractors import open_extractor

        open_extractor(settings.extractor)


def _runs(folder: Path, study: Study) -> list[RunFolder]:
    planned = [run for run, _ in own_runs(folder, study)]
    return [*(run for run in planned if (run.path / "spec.json").exists()), *checking_runs(folder)]


def _names(folder: Path, runs: list[RunFolder]) -> list[str]:
    """Names that tell a study's own runs from those that check its forecasts."""
    return [str(run.path.relative_to(folder)).removeprefix("runs/") for run in runs]


def _observations(run: RunFolder) -> list[EvaluatedObservation]:
    rows = read_rows(run)
    return [
        EvaluatedObservation(
            run=seen["run"],
            budget=seen["budget"],
            params=seen["params"],
            flops=seen["flops"],
            loss=seen["loss"],
            metrics=[row.measured for row in of_observation(rows, seen).values()],
        )
        for seen in run.observations()
    ]


def _without_weights(folder: Path, runs: list[RunFolder]) -> list[Note]:
    lost = [
        f"{name} at {seen['budget']:g}"
        for run, name in zip(runs, _names(folder, runs), strict=True)
        for seen in run.observations()
        if not run.weights(seen["budget"]).exists()
    ]
    if not lost:
        return []
    more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
    return [
        Note(
            code="no-weights",
            text=f"the weights of {len(lost)} observations were not kept, so nothing new can be "
            f"measured of them: {', '.join(lost[:3])}{more}",
        )
    ]


def _several(option: str, words: list[str] | None) -> list[str]:
    """``["1,2", "3"]`` as ``["1", "2", "3"]``, each once."""
    split = [part.strip() for word in words or [] for part in word.split(",")]
    found = list(dict.fromkeys(part for part in split if part))
    if words and not found:
        raise BadInput(f"{option}: holds nothing; name one or more, as 1,2, or leave it out")
    return found


def _guidance(word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not 0 <= value <= LARGEST_GUIDANCE:
        raise BadInput(f"--guidance: '{word}' is no scale from 0 to {LARGEST_GUIDANCE:g}; try 2")
    return value


def _steps(word: str) -> int:
    if not (word.isdecimal() and 0 < int(word) <= 10**6):
        raise BadInput(f"--steps: '{word}' is no number of steps; try 24")
    return int(word)
