"""The whole line in one command: study → plan → runs → laws → frozen forecast → check → report."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape

from ditlaw.cli.live import live_watch, local_executor
from ditlaw.errors import BadInput
from ditlaw.files import write_text
from ditlaw.report import write_report
from ditlaw.results import DemoResult
from ditlaw.study import STUDY_FILE, load_study, preset_text
from ditlaw.sweep import require_done, run_study
from ditlaw.verify import verify


def run_demo(folder: Path, workers: int | None) -> DemoResult:
    """Carry the quickstart study, or the one in the folder, to its report; safe to repeat.

    Raises:
        DitlawError: as the stages do; the folder keeps what was done.
    """
    console = Console(stderr=True, highlight=False)
    file = folder / STUDY_FILE
    if not file.exists():
        write_text(file, preset_text("quickstart"), overwrite=False)
    study = load_study(file)
    if study.forecast is None:
        raise BadInput(f"{file}: forecast is missing; add 'forecast: {{flops: ...}}'")
    executor = local_executor(workers)

    console.print(f"[bold]1/3[/] training the study in {escape(str(folder))}", soft_wrap=True)
    require_done(run_study(file, folder, executor=executor, watch=live_watch()).failures)
    console.print("[bold]2/3[/] freezing the forecast, then training the runs that check it")
    check = verify(folder, study.forecast.flops, executor=executor, watch=live_watch())
    console.print("[bold]3/3[/] writing the report\n")
    page = write_report(str(folder))
    return DemoResult(
        study=str(folder), forecast=check.forecast, verification=check, report=page.report
    )
