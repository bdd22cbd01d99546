"""The whole line in one command: study → plan → runs → laws → frozen forecast → check → report."""

from pathlib import Path

from rich.markup import escape

from ditlaw.cli.live import live_watch, local_executor, measuring_lines
from ditlaw.cli.screen import Screen
from ditlaw.errors import BadInput
from ditlaw.evaluate import evaluate_study, settings_of
from ditlaw.executors import Executor
from ditlaw.files import write_text
from ditlaw.measured import hours_of
from ditlaw.report import write_report
from ditlaw.results import DemoResult
from ditlaw.study import STUDY_FILE, Study, load_study, preset_text
from ditlaw.sweep import require_done, run_study
from ditlaw.verification import verify

DRAWN = 128  # pictures of each observation, for the distances


def run_demo(folder: Path, workers: int | None) -> DemoResult:
    """Carry the quickstart study, or the one in the folder, to its report; safe to repeat.

    Raises:
        DitlawError: as the stages do; the folder keeps what was done.
    """
    console = Screen(stderr=True)
    file = folder / STUDY_FILE
    if not file.exists():
        write_text(file, preset_text("quickstart"), overwrite=False)
    study = load_study(file)
    if study.forecast is None:
        raise BadInput(f"{file}: forecast is missing; add 'forecast: {{flops: ...}}'")
    executor = local_executor(workers)

    console.print(f"[bold]1/4[/] training the study in {escape(str(folder))}", soft_wrap=True)
    watch = live_watch(hours_of(study, folder))
    require_done(run_study(file, folder, executor=executor, watch=watch).failures)
    if {data.source for data in study.data} == {"scenes"}:
        console.print("[bold]2/4[/] drawing pictures and measuring them")
        _measure(folder, study, executor)
    console.print("[bold]3/4[/] freezing the forecast, then training the runs that check it")
    watch = live_watch(hours_of(study, folder))  # of what the runs have measured, too
    check = verify(folder, study.forecast.flops, executor=executor, watch=watch)
    console.print("[bold]4/4[/] writing the report\n")
    page = write_report(str(folder))
    return DemoResult(
        study=str(folder), forecast=check.forecast, verification=check, report=page.report
    )


def _measure(folder: Path, study: Study, executor: Executor) -> None:
    """What the pictures of each observation are like, by the extractor that knows scenes."""
    settings = settings_of(study, ["frechet", "attributes"], samples=DRAWN, extractor="scenes")
    start, on_end = measuring_lines()
    done = evaluate_study(folder, settings, executor=executor, start=start, on_end=on_end)
    require_done(done.failures)
