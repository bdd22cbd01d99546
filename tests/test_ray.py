"""Runs on a real Ray cluster of two nodes, one of which is lost while it trains."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest
from conftest import ditlaw, tiny_text
from ray_cluster import ray_cluster
from slurm_cluster import unavailable, wait

RUNS = ("in-context-d1w12h2-s0", "in-context-d1w16h2-s0")


@pytest.fixture
def cluster():
    if importlib.util.find_spec("ray") is None:
        unavailable("ray is not installed")
    with ray_cluster() as nodes:
        yield nodes


@pytest.mark.slow
@pytest.mark.ray
def test_runs_of_a_lost_node_resume_on_another(cluster, trained, tmp_path):
    shapes = [{"depth": 1, "width": width, "heads": 2} for width in (12, 16)]
    (tmp_path / "study.yaml").write_text(tiny_text(shapes=shapes))
    command = ("run", "study.yaml", "--out", "tiny", "--executor", "ray", "--json")
    process = subprocess.Popen(
        [sys.executable, "-P", "-W", "error", "-m", "ditlaw", *command],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"RAY_ADDRESS": cluster.address},
    )
    rows = [tmp_path / "tiny" / "runs" / run / "observations.jsonl" for run in RUNS]
    wait(lambda: all(path.exists() for path in rows), "both nodes train", 180)
    cluster.lose_one()
    said, errors = process.communicate(timeout=180)
    assert process.returncode == 0, errors
    assert json.loads(said)["runs"] == {"done": 2, "failed": 0, "pending": 0}
    began = [begun(path.with_name("log.jsonl").read_text()) for path in rows]
    assert sorted(map(len, began)) == [1, 2], "one run resumed, the other was left alone"
    assert max(began, key=len)[1] > 0
    for path, run in zip(rows, RUNS, strict=True):
        assert path.read_bytes() == (trained / "runs" / run / "observations.jsonl").read_bytes()


def begun(log: str) -> list[int]:
    """The steps at which a run was begun or taken up."""
    return [e["step"] for e in map(json.loads, log.splitlines()) if e["event"] == "start"]


@pytest.mark.ray
def test_a_cluster_that_does_not_answer_is_one_line(tmp_path, monkeypatch):
    if importlib.util.find_spec("ray") is None:
        unavailable("ray is not installed")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    (tmp_path / "study.yaml").write_text(tiny_text())
    done = ditlaw("run", "study.yaml", "--executor", "ray", cwd=tmp_path)
    assert done.code == 2
    assert "RAY_ADDRESS" in done.err
    assert len(done.err.splitlines()) == 1
