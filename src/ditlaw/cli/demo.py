"""The whole line in one command: study → plan → runs → laws → frozen forecast → check → report."""

from pathlib import Path

from rich.console import Console

from ditlaw.cli.live import live_watch, local_executor
from ditlaw.files import write_text
from ditlaw.observations import STUDY_FILE
from ditlaw.report import write_report
from ditlaw.results import DemoResult
from ditlaw.study import load_study, preset_text
from ditlaw.sweep import run_study
from ditlaw.verify import verify


def run_demo(folder: Path, workers: int | None) -> DemoResult:
    """Carry the quickstart study from nothing to its report; safe to repeat.

    Raises:
        DitlawError: as the stages do; the folder keeps what was done.
    """
    console = Console(stderr=True, highlight=False)
    file = folder / STUDY_FILE
    if not file.exists():
        write_text(file, preset_text("quickstart"), overwrite=False)
    study = load_study(file)
    assert study.forecast is not None
    executor = local_executor(workers)

    console.print(f"[bold]1/3[/] training the study in {folder}", soft_wrap=True)
    run_study(file, folder, executor=executor, watch=live_watch())
    console.print("[bold]2/3[/] freezing the forecast, then training the runs that check it")
    check = verify(folder, study.forecast.flops, executor=executor, watch=live_watch())
    console.print("[bold]3/3[/] writing the report\n")
    page = write_report(str(folder))
    return DemoResult(
        study=str(folder), forecast=check.forecast, verification=check, report=page.report
    )
