"""Faults injected into runs: whatever happens, repeating the command gives the same observations.

Others are in test_executor.py (SIGKILL of the parent and of a worker), test_checkpoints.py (cut and
damaged states) and test_faults_disk.py (full disks).
"""

import json
import os
import random
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest
import torch
import yaml
from conftest import checkpoints_of, ditlaw, tiny_text
from test_executor import gone, launch, workers_at

import ditlaw.training.session as run_module
import ditlaw.training.step as step_module
from ditlaw.errors import Refused
from ditlaw.executors import local
from ditlaw.executors.job import Job
from ditlaw.flow import training_loss
from ditlaw.locks import is_locked
from ditlaw.study import parse_study, study_runs
from ditlaw.training import stopping
from ditlaw.training.evaluate import Grid
from ditlaw.training.folder import RunFolder
from ditlaw.training.run import train
from ditlaw.training.trunk import Trunk

CPU = torch.device("cpu")
STUDY = tiny_text(
    budgets=[1e8, 2e8],
    shapes=[{"depth": 1, "width": 12, "heads": 2}],
    evaluation={"samples": 16, "pictures": 0},
)


SWEEP = tiny_text(
    budgets=[4e8, 1e9, 2.5e9],
    shapes=[{"depth": 1, "width": width, "heads": 2} for width in (12, 16)],
    evaluation={"samples": 16, "pictures": 0},
)


def begun(folder):
    spec = study_runs(parse_study(STUDY, "s"))[0]
    made = RunFolder(folder / spec.id)
    made.create(spec)
    return made


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The observations of an undisturbed run."""
    torch.set_num_threads(1)
    folder = begun(tmp_path_factory.mktemp("whole"))
    assert train(folder, CPU) == "done"
    return folder.observations_path.read_bytes()


def at_step(monkeypatch, step, do):
    """Do something as that step has been made."""
    advance = Trunk._advance

    def advanced(trunk):
        made = advance(trunk)
        if trunk.step == step:
            do()
        return made

    monkeypatch.setattr(Trunk, "_advance", advanced)


# --- asked to stop ----------------------------------------------------------------------------


def stopped_at(folder, step):
    """Whether the run ended there by a wish, with its state kept."""
    *_, last = folder.events()
    assert (last["event"], last["step"]) == ("stopped", step)
    assert "run again to resume" in last["reason"]
    status = folder.status()
    assert (status.state, status.reason) == ("stopped", last["reason"])
    return int(checkpoints_of(folder).load()["step"]) == step


@pytest.mark.parametrize("step", [1, 25, 26, 27, 53])  # budgets are passed at 26 and 53
def test_a_run_that_is_asked_to_stop_keeps_its_state_and_goes_on(
    tmp_path, monkeypatch, expected, step
):
    folder = begun(tmp_path)
    assert [stop.step for stop in folder.spec().stops] == [26, 53]
    at_step(monkeypatch, step, stopping.ask)
    assert train(folder, CPU) == "stopped"
    assert stopped_at(folder, step)
    monkeypatch.undo()
    assert train(folder, CPU) == "done"
    starts = [event["step"] for event in folder.events() if event["event"] == "start"]
    assert starts == [0, step]
    assert folder.observations_path.read_bytes() == expected


def test_a_signal_is_a_wish_while_a_run_trains_and_takes_its_course_after(tmp_path, monkeypatch):
    folder, heard = begun(tmp_path), []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append(folder.status().state))
    try:
        at_step(monkeypatch, 5, lambda: signal.raise_signal(signal.SIGTERM))
        assert train(folder, CPU) == "stopped"
        assert heard == ["stopped"]  # once all is written and the run let go of
        assert stopped_at(folder, 5)
        assert not stopping.asked()
        signal.raise_signal(signal.SIGTERM)
        assert len(heard) == 2
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_run_in_another_thread_can_be_asked(tmp_path, monkeypatch):
    """As an executor's own handler does: signals come to a main thread alone."""
    folder, ended = begun(tmp_path), []
    at_step(monkeypatch, 5, stopping.ask)
    thread = threading.Thread(target=lambda: ended.append(train(folder, CPU)))
    thread.start()
    thread.join()
    assert ended == ["stopped"]
    assert stopped_at(folder, 5)


def events(folder):
    """What the runs of a study have logged, by run."""
    logs = folder.glob("tiny/runs/*/log.jsonl")
    return {
        path.parent.name: [json.loads(line) for line in path.read_text().splitlines()]
        for path in logs
    }


def begins_again(folder, process, begun):
    """Wait until a sweep's runs have begun so often, earlier sittings included."""
    for _ in range(3000):
        assert process.poll() is None, process.communicate()
        logs = events(folder).values()
        if sum(event["event"] == "start" for log in logs for event in log) >= begun:
            return
        time.sleep(0.02)
    raise AssertionError("no run began")


def last_of(folder, run):
    return events(folder)[run][-1]


@pytest.mark.slow
def test_a_sweep_goes_through_preemption_and_interrupts_to_the_same_observations(tmp_path):
    process = launch(tmp_path, SWEEP)
    victim = workers_at(tmp_path, 1, process)[0]
    (run,) = [name for name, log in events(tmp_path).items() if log[0]["pid"] == victim]
    os.kill(victim, signal.SIGTERM)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 4
    assert f"1 run failed: {run}: worker ended by SIGTERM; run again to resume" in said
    assert gone([victim])
    preempted = last_of(tmp_path, run)
    assert preempted["event"] == "stopped"

    # Only that run is left now.
    for number in (signal.SIGINT, signal.SIGTERM):
        before = [event for log in events(tmp_path).values() for event in log]
        begun = sum(event["event"] == "start" for event in before)
        process = launch(tmp_path, SWEEP)
        begins_again(tmp_path, process, begun + 1)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 130
        assert said.strip().splitlines()[-1].endswith("interrupted; repeat the command to resume")
        assert "Traceback" not in said
        assert last_of(tmp_path, run)["event"] == "stopped"
        assert last_of(tmp_path, run)["step"] > preempted["step"]
        assert (tmp_path / "tiny" / "observations.csv").exists()

    again = ditlaw("run", "study.yaml", "--out", "tiny", cwd=tmp_path)
    assert again.code == 0, again.err
    torch.set_num_threads(1)
    for spec in study_runs(parse_study(SWEEP, "s")):
        alone = RunFolder(tmp_path / "alone" / spec.id)
        alone.create(spec)
        assert train(alone, CPU) == "done"
        swept = RunFolder(tmp_path / "tiny" / "runs" / spec.id)
        assert swept.observations_path.read_bytes() == alone.observations_path.read_bytes()


def test_a_worker_that_does_not_stop_in_time_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "GRACE_SECONDS", 0.1)

    def children() -> set[int]:
        listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
        return {int(child) for child in listed.split()}

    others, pids = children(), []  # what an earlier test left to itself is not its worker

    def freeze_and_interrupt():
        pids.extend(children() - others)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        local.LocalExecutor(1).run([Job(begun(tmp_path).path)], on_tick=freeze_and_interrupt)
    assert pids
    assert gone(pids)


# --- two at once ------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_second_launcher_is_refused_and_the_first_goes_on(tmp_path):
    first = launch(tmp_path, STUDY)
    while not is_locked(tmp_path / "tiny" / ".lock"):
        assert first.poll() is None, first.communicate()
        time.sleep(0.02)
    os.kill(first.pid, signal.SIGSTOP)  # so that it is still there, however slow the second is
    second = ditlaw("run", "study.yaml", "--out", "tiny", cwd=tmp_path)
    os.kill(first.pid, signal.SIGCONT)
    assert second.code == 3
    assert "another ditlaw process is working on it" in second.err.strip().splitlines()[-1]
    _, said = first.communicate(timeout=120)
    assert first.returncode == 0, said
    (log,) = (tmp_path / "tiny" / "runs").glob("*/log.jsonl")
    assert log.read_text().count('"start"') == 1


def test_a_run_that_is_being_trained_is_not_trained_a_second_time(tmp_path, monkeypatch, expected):
    folder, said = begun(tmp_path), []

    def second():
        with pytest.raises(Refused) as error:
            train(RunFolder(folder.path), CPU)
        said.append(str(error.value))

    at_step(monkeypatch, 30, second)
    assert train(folder, CPU) == "done"
    assert "another ditlaw process" in said[0]
    assert folder.observations_path.read_bytes() == expected


# --- a clock that jumps -----------------------------------------------------------------------


def test_a_wall_clock_that_jumps_by_days_changes_nothing(tmp_path, monkeypatch, expected):
    drawn = random.Random(0)
    monkeypatch.setattr(time, "time", lambda: 1.7e9 + drawn.uniform(-30, 30) * 86400)
    monkeypatch.setattr(run_module, "LOG_SECONDS", 0.0)
    folder = begun(tmp_path)
    for made in (10, 30, 40):
        with monkeypatch.context() as patch:
            at_step(patch, made, stopping.ask)
            assert train(folder, CPU) == "stopped"
        assert folder.status().state == "stopped"
    assert train(folder, CPU) == "done"
    assert folder.observations_path.read_bytes() == expected
    logged = list(folder.events())
    times = [event["time"] for event in logged]
    assert times != sorted(times)
    assert max(times) - min(times) > 86400
    seconds = [event["seconds"] for event in logged]
    assert seconds == sorted(seconds)
    assert seconds[-1] < 3600
    assert folder.status().state == "done"


# --- divergence -------------------------------------------------------------------------------


def diverged(folder):
    """The last event of a run that is to have diverged."""
    assert train(folder, CPU) == "diverged"
    *_, last = folder.events()
    status = folder.status()
    assert (last["event"], status.state, status.reason) == ("diverged", "diverged", last["reason"])
    return last


def test_an_exploding_run_ends_with_its_reason_and_its_last_good_point(tmp_path):
    """The rate warms up to one that no model can bear: well past the first budget, not the last."""
    recipe = {"batch": 2, "learning_rate": {"value": 100.0}, "warmup_steps": 1000}
    changes = {"budgets": [4e7, 2e9], "recipe": recipe}
    spec = study_runs(parse_study(tiny_text(**yaml.safe_load(STUDY) | changes), "s"))[0]
    folder = RunFolder(tmp_path / spec.id)
    folder.create(spec)
    last = diverged(folder)
    (row,) = folder.observations()
    assert row["steps"] == spec.stops[0].step < last["step"] < spec.steps
    assert last["last_good"] == {"step": last["step"] - 1, "budget": 4e7, "loss": row["loss"]}
    assert "learning rate too high?" in last["reason"]
    assert f"well until step {last['step'] - 1}, last observed at 4e+07 FLOPs" in last["reason"]
    assert int(checkpoints_of(folder).load()["step"]) < last["step"]


def test_a_loss_that_is_no_number_ends_the_run_at_its_step(tmp_path, monkeypatch):
    folder, advance = begun(tmp_path), Trunk._advance

    def poisoned(trunk):
        if trunk.step == 9:
            with torch.no_grad():
                trunk.parameters[0].fill_(float("nan"))
        advance(trunk)

    monkeypatch.setattr(Trunk, "_advance", poisoned)
    last = diverged(folder)
    assert (last["step"], last["last_good"]) == (10, {"step": 9})
    assert last["reason"].startswith("loss nan at step 10 ")
    assert last["reason"].endswith("well until step 9")


def test_a_validation_loss_that_is_no_number_ends_the_run(tmp_path, monkeypatch):
    measured = Grid.measured
    monkeypatch.setattr(
        Grid, "measured", lambda grid, model: measured(grid, model) | {"loss_t3": float("inf")}
    )
    folder = begun(tmp_path)
    last = diverged(folder)
    assert last["reason"] == "validation loss is not finite; well until step 26"
    assert last["seconds"] > 0
    assert not folder.observations()


def test_data_of_another_scale_are_no_explosion(tmp_path, monkeypatch):
    """Losses a thousand times the usual, of a thousand times the usual."""
    monkeypatch.setattr(Grid, "zero_loss", 1e4)
    monkeypatch.setattr(step_module, "training_loss", lambda *given: 5e3 * training_loss(*given))
    assert train(begun(tmp_path), CPU) == "done"


def test_laws_drop_a_run_that_diverged_with_its_good_rows_and_say_so(tmp_path, trained):
    shutil.copytree(trained, tmp_path / "tiny")
    run = RunFolder(tmp_path / "tiny" / "runs" / "in-context-d1w16h2-s0")
    rows = run.observations_path.read_text().splitlines(keepends=True)
    run.observations_path.write_text("".join(rows[:-1]))
    run.log("diverged", step=rows.index(rows[-1]), reason="loss nan at step 5")
    done = ditlaw("fit", tmp_path / "tiny", "--json")
    assert done.code == 0, done.err
    dropped = [row for row in done.json["rows"]["dropped"] if row["reason"] == "run diverged"]
    assert len(dropped) == len(rows)
    told = {note["code"]: note["text"] for note in done.json["warnings"]}
    assert f"{len(rows)} × run diverged" in told["rows-dropped"]
