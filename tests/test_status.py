"""How far runs are: told by their files, on this machine or another, few or many."""

import io
import json
import os
import time

import pytest
from conftest import ditlaw, tiny_text
from rich.console import Console

from ditlaw.cli.live import _Lines, _Terminal
from ditlaw.cli.run_lines import most_telling, plan_lines, status_table, time_left, totals
from ditlaw.compute.devices import SHARE_VARIABLE
from ditlaw.locks import SILENT, is_locked, machine_id
from ditlaw.study import Hours, parse_study, plan_study, study_runs
from ditlaw.study.schema import Hardware
from ditlaw.training.folder import RunFolder
from ditlaw.training.status import Statuses
from ditlaw.training.throughput import FIRST_STEPS, Throughput

HOURS = Hours(Hardware(), "assumed")


@pytest.fixture
def runs(tmp_path):
    """The runs of the tiny study in folders, none of them begun."""
    found = []
    for spec in study_runs(parse_study(tiny_text(), "tiny")):
        folder = RunFolder(tmp_path / "runs" / spec.id)
        folder.create(spec)
        found.append((folder, spec))
    return found


def begin(folder, step=100, **fields):
    folder.log("start", step=0, seconds=0.0)
    folder.log("progress", **{"step": step, "train_loss": 0.5, "seconds": 50.0} | fields)


def held_elsewhere(folder, machine="another machine", ago=0.0):
    """A lock file as a process on another machine leaves it, where its lock cannot be seen."""
    lock = folder.path / ".lock"
    lock.write_text(json.dumps({"host": "node-7", "machine": machine, "pid": 1}))
    os.utime(lock, (time.time() - ago,) * 2)


def state(folder):
    return folder.status().state


def test_a_run_on_another_machine_runs_as_long_as_it_gives_signs_of_life(runs):
    (folder, _), *_ = runs
    begin(folder)
    assert state(folder) == "stopped"
    held_elsewhere(folder)
    assert state(folder) == "running"
    held_elsewhere(folder, ago=SILENT + 5)
    assert state(folder) == "stopped"
    held_elsewhere(folder, ago=-3600)  # before a clock went back an hour: the next beat mends it
    assert state(folder) == "stopped"
    held_elsewhere(folder, machine_id())  # killed here, where its lock would be seen
    assert state(folder) == "stopped"
    held_elsewhere(folder)
    folder.log("done", step=100)
    assert state(folder) != "running"


def test_whoever_holds_a_lock_says_who_it_is_and_takes_that_back(runs, monkeypatch):
    from ditlaw import locks

    monkeypatch.setattr(locks, "BEAT", 0.02)
    (folder, _), *_ = runs
    path = folder.path / ".lock"
    with folder.lock():
        assert json.loads(path.read_text())["pid"] == os.getpid()
        os.utime(path, (0, 0))
        for _ in range(500):
            if path.stat().st_mtime > 0:
                break
            time.sleep(0.02)
        assert abs(path.stat().st_mtime - time.time()) < SILENT  # it beats
        assert is_locked(path)
    assert path.read_text() == ""
    assert not is_locked(path)


def test_rates_hours_and_what_is_left_come_from_the_newest_lines(runs, monkeypatch):
    """By the clock that a run's log is written with: on a GPU of its own, then on half of one."""
    (folder, spec), *_ = runs
    held_elsewhere(folder)
    now, half = [0.0], spec.steps // 2

    def sitting(step, **before):
        speed = Throughput(spec, "NVIDIA H100 80GB HBM3", step, **before, clock=lambda: now[0])
        folder.log("start", step=step, **speed.times(), **speed.facts())
        return speed

    first = sitting(0, already=0.0)
    assert folder.status().gpu_hours_spent == 0
    for step in (FIRST_STEPS, half):
        now[0] += 50.0
        folder.log("progress", step=step, **first.progress(step))
    told, line = folder.status(), folder.last_event()
    left = spec.mix().tokens(spec.steps) - spec.mix().tokens(half)
    assert (told.tokens_per_second, told.mfu) == (line["tokens_per_second"], line["mfu"])
    assert told.eta_seconds == pytest.approx(left / told.tokens_per_second)
    assert told.gpu_hours_spent == pytest.approx(100 / 3600)
    assert told.gpu_hours_left == pytest.approx(told.eta_seconds / 3600)
    assert told.flops + told.flops_left == spec.flops(spec.steps)
    # Resumed a moment ago: the rates of the sitting before say nothing of this one.
    monkeypatch.setenv(SHARE_VARIABLE, "0.5")
    second = sitting(half, already=100.0, gpu_already=100.0)
    told = folder.status()
    assert (told.tokens_per_second, told.mfu, told.eta_seconds) == (None, None, None)
    assert told.progress == half / spec.steps
    assert told.gpu_hours_spent == pytest.approx(100 / 3600)
    for step in (half + FIRST_STEPS, half + 2 * FIRST_STEPS):
        now[0] += 10.0
        folder.log("progress", step=step, **second.progress(step))
    told = folder.status()
    assert told.gpu_hours_spent == pytest.approx(110 / 3600)
    assert told.gpu_hours_left == pytest.approx(told.eta_seconds / 2 / 3600)


def test_nothing_is_left_of_a_diverged_run(runs):
    (folder, spec), *_ = runs
    begin(folder, 100)
    folder.log("diverged", step=100, reason="loss is no number")
    told = folder.status()
    assert told.flops == spec.flops(100)
    assert told.flops_left == told.gpu_hours_left == 0


def test_hours_in_sum_are_measured_where_they_were_and_counted_elsewhere(runs):
    (folder, _), *_ = runs
    counted = folder.status().model_copy(update={"gpu_hours": 2.0, "gpu_hours_left": 3.0})
    measured = counted.model_copy(update={"gpu_hours_spent": 5.0})
    assert "GPU time ~7 h spent, ~6 h left" in totals([counted, measured])
    assert "GPU time 10 h spent, 6 h left" in totals([measured, measured])


def test_a_log_of_an_older_version_leaves_blanks(runs):
    (folder, _), *_ = runs
    begin(folder)
    held_elsewhere(folder)
    told = folder.status(Hardware(gpu="a100"))
    assert told.state == "running"
    assert told.gpu_hours_spent is told.tokens_per_second is told.mfu is told.eta_seconds is None
    assert told.gpu_hours_left > 0  # as the study's hardware has it


def many(runs, count=500):
    """Statuses of a large study: a few run or have failed, most are done."""
    (folder, _), *_ = runs
    one = folder.status()
    states = {0: "failed", 300: "running", 499: "diverged"}
    return [
        one.model_copy(
            update={"id": f"run-{i}", "state": states.get(i, "done" if i % 2 else "pending")}
        )
        for i in range(count)
    ]


def screen(**how) -> Console:
    """A terminal that keeps what is shown, for nobody to see."""
    return Console(width=80, height=40, record=True, file=io.StringIO(), **how)


def printed(table) -> list[str]:
    console = screen()
    console.print(table)
    return console.export_text().splitlines()


def test_a_table_fits_the_screen_and_counts_what_it_leaves_out(runs):
    statuses = many(runs)
    assert [s.id for s in most_telling(statuses, 3)] == ["run-300", "run-0", "run-499"]
    lines = printed(status_table(statuses, 10, cut=True))
    assert len(lines) <= 10 + 6
    assert "run-300" in lines[1]
    assert "and 490 more: 241 pending, 249 done" in [line.strip() for line in lines]
    few = printed(status_table(statuses[:5], 10))
    assert [line.split()[0] for line in few[1:6]] == [f"run-{i}" for i in range(5)]
    assert not any("more" in line for line in few)


def test_what_is_left_goes_by_the_runs_of_now(runs):
    (folder, _), *_ = runs
    one = folder.status().model_copy(update={"flops_left": 100.0})
    running = one.model_copy(update={"state": "running", "eta_seconds": 50.0})
    assert time_left([one]) is None
    assert time_left([one, running]) == 100.0  # 200 FLOPs at 2 a second
    assert "about 100 s to go" in totals([one, running])


def test_without_a_terminal_there_are_lines_of_progress(runs, capsys):
    (folder, _), *_ = runs
    console = Console(width=200, force_terminal=False, highlight=False)
    lines = _Lines(console, HOURS, every=0.0)
    lines.start(runs)
    begin(folder, tokens_per_second=100.0)
    held_elsewhere(folder)
    lines.due = 0.0
    lines.tick()
    said = capsys.readouterr().out
    assert "6 runs: 1 running, 5 pending" in said
    assert said.count("\n") == 1
    lines.due = time.monotonic() + 60
    lines.tick()
    assert capsys.readouterr().out == ""


def test_a_terminal_shows_the_runs_where_they_are(runs):
    console = screen(force_terminal=True)
    display = _Terminal(console, HOURS)
    display.start(runs)
    begin(runs[2][0], tokens_per_second=1234.0, mfu=0.31)
    held_elsewhere(runs[2][0])
    display.finish()
    said = console.export_text()
    assert "1.23k" in said
    assert "31%" in said
    assert "6 runs: 1 running, 5 pending" in said


def test_what_has_not_moved_is_not_read_again(runs, monkeypatch):
    from ditlaw.training import status

    statuses, read = Statuses(runs, HOURS), []
    real = status.run_status

    def counted(folder, spec, hardware):
        read.append(spec.id)
        return real(folder, spec, hardware)

    monkeypatch.setattr(status, "run_status", counted)
    statuses.read()
    assert len(read) == len(runs)
    begin(runs[1][0])
    read.clear()
    found = statuses.read()
    assert read == [runs[1][1].id]
    assert [s.state for s in found].count("stopped") == 1


def test_status_tells_of_a_run_that_another_machine_trains(tmp_path):
    (tmp_path / "tiny.yaml").write_text(
        tiny_text(budgets=[2.2e9], shapes=[{"depth": 1, "width": 12, "heads": 2}])
    )
    assert ditlaw("run", "tiny.yaml", cwd=tmp_path).code == 0
    (run,) = (RunFolder(path) for path in (tmp_path / "tiny" / "runs").iterdir())
    begin(run, 3, tokens_per_second=100.0)
    held_elsewhere(run)
    told = ditlaw("status", tmp_path / "tiny", "--json", cwd="/")
    assert [r["state"] for r in told.json["runs"]] == ["running"]
    said = ditlaw("status", tmp_path / "tiny", cwd="/").out
    assert "running" in said
    assert "1 run: 1 running" in said


def test_a_plan_of_many_runs_is_summed_by_size():
    text = tiny_text(seeds=list(range(20)))
    plan = plan_study(parse_study(text, "tiny"))
    lines = plan_lines(plan.runs)
    assert len(plan.runs) == 120
    assert len(lines) == 6
    assert all(line.name.endswith("×20") for line in lines)
    assert sum(line.flops for line in lines) == pytest.approx(plan.total.flops)
    few = plan_lines(plan.runs[:6])
    assert [line.name for line in few] == [run.id for run in plan.runs[:6]]
