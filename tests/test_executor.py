"""Real worker processes, really killed: nothing is lost, nothing is done twice."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import TINY, ditlaw, tiny_text

pytestmark = pytest.mark.slow


def launch(folder: Path, study: str = TINY) -> subprocess.Popen:
    (folder / "study.yaml").write_text(study)
    return subprocess.Popen(
        [sys.executable, "-m", "ditlaw", "run", "study.yaml", "--out", "tiny", "--workers", "2"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell makes what it puts into the background deaf to interrupts; children inherit it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def workers_at(folder: Path, observations: int, process: subprocess.Popen) -> list[int]:
    """Wait until some run is under way with that many observations; pids of the workers."""
    for _ in range(3000):
        assert process.poll() is None, process.communicate()
        rows = [p.read_text().count("\n") for p in folder.glob("tiny/runs/*/observations.jsonl")]
        if sum(rows) >= observations:
            logs = folder.glob("tiny/runs/*/log.jsonl")
            return [json.loads(p.read_text().splitlines()[0])["pid"] for p in logs]
        time.sleep(0.02)
    raise AssertionError("no run got under way")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0]


def gone(pids: list[int], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(alive(pid) for pid in pids)


def table(folder: Path) -> bytes:
    return (folder / "observations.csv").read_bytes()


@pytest.mark.parametrize("observations", [1, 7])
def test_a_killed_parent_takes_its_workers_along_and_the_repeat_completes(
    tmp_path, trained, observations
):
    process = launch(tmp_path)
    pids = workers_at(tmp_path, observations, process)
    process.kill()
    process.communicate()
    assert gone(pids)

    logs = {p: p.read_bytes() for p in tmp_path.glob("tiny/runs/*/log.jsonl")}
    finished = {p: text for p, text in logs.items() if b'"done"' in text}
    again = ditlaw("run", "study.yaml", "--out", "tiny", cwd=tmp_path)
    assert again.code == 0, again.err
    assert table(tmp_path / "tiny") == table(trained)
    for path, text in finished.items():
        assert path.read_bytes() == text, "a finished run was touched"


def test_a_killed_worker_is_reported_and_the_others_finish(tmp_path, trained):
    process = launch(tmp_path)
    victim = workers_at(tmp_path, 2, process)[0]
    os.kill(victim, signal.SIGKILL)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 4
    last = said.strip().splitlines()[-1]
    assert last.startswith("ditlaw: 1 run failed: in-context-d1w")
    assert "SIGKILL" in last

    again = ditlaw("run", "study.yaml", "--out", "tiny", "--json", cwd=tmp_path)
    assert again.code == 0, again.err
    assert again.json["runs"] == {"done": 6, "failed": 0, "pending": 0}
    assert table(tmp_path / "tiny") == table(trained)


def test_a_failing_run_does_not_stop_the_others(tmp_path, trained):
    """One run's folder holds a file where its checkpoints should go."""
    (tmp_path / "study.yaml").write_text(TINY)
    blocked = tmp_path / "tiny" / "runs" / "in-context-d1w24h2-s0"
    blocked.mkdir(parents=True)
    (blocked / "checkpoints").write_text("in the way")
    (tmp_path / "copy.py").write_text("raise RuntimeError('not a module of ours')")
    done = ditlaw("run", "study.yaml", "--out", "tiny", "--json", cwd=tmp_path)
    assert done.code == 4
    assert "in-context-d1w24h2-s0: " in done.err.strip().splitlines()[-1]
    assert done.json["runs"] == {"done": 5, "failed": 1, "pending": 0}
    assert list(done.json["failures"]) == ["in-context-d1w24h2-s0"]
    status = ditlaw("status", "tiny", "--json", cwd=tmp_path).json["runs"]
    states = {run["id"]: run["state"] for run in status}
    assert states.pop("in-context-d1w24h2-s0") == "failed"
    assert set(states.values()) == {"done"}

    (blocked / "checkpoints").unlink()
    assert ditlaw("run", "study.yaml", "--out", "tiny", cwd=tmp_path).code == 0
    assert table(tmp_path / "tiny") == table(trained)


def test_a_diverged_run_is_reported_every_time(tmp_path):
    text = tiny_text(
        shapes=[{"depth": 1, "width": 12, "heads": 2}],
        recipe={"batch": 2, "learning_rate": {"value": 1e12}, "warmup_steps": 0},
    )
    (tmp_path / "study.yaml").write_text(text)
    for _ in range(2):
        done = ditlaw("run", "study.yaml", "--out", "tiny [/odd]", cwd=tmp_path)
        assert done.code == 4
        assert "learning rate too high" in done.err
    status = ditlaw("status", "tiny [/odd]", "--json", cwd=tmp_path).json["runs"]
    assert [run["state"] for run in status] == ["diverged"]


def test_a_study_in_its_own_folder_is_not_trained_a_second_time(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "mine")
    done = ditlaw("run", "mine/study.yaml", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert done.json["study"] == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_lost_record_is_not_made_up(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "tiny")
    (tmp_path / "tiny" / "study.json").unlink()
    done = ditlaw("run", tmp_path / "tiny" / "study.yaml", "--out", tmp_path / "tiny")
    assert done.code == 2
    assert "no study.json" in done.err
    assert not (tmp_path / "tiny" / "study.json").exists()


def test_a_changed_study_over_old_runs_is_refused_with_the_difference(trained, tmp_path):
    (tmp_path / "study.yaml").write_text(tiny_text(seeds=[0, 1]))
    done = ditlaw("run", tmp_path / "study.yaml", "--out", trained)
    assert done.code == 2
    assert "seeds: [0] → [0, 1]" in done.err
    assert len(done.err.strip().splitlines()) == 1
