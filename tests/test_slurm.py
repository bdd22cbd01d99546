"""Runs on a real Slurm cluster of two nodes, preempted, killed and left alone.

Each test compares with what the local executor made of the same runs, byte by byte.
"""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import tiny_text
from slurm_cluster import ask, slurm_cluster, unavailable, wait

from ditlaw.errors import BadInput
from ditlaw.executors import Job
from ditlaw.executors.sbatch import Request, require_slurm
from ditlaw.executors.slurm import SlurmExecutor
from ditlaw.results import RunCounts
from ditlaw.sweep import Watch, run_study

FIRST, SECOND = "in-context-d1w12h2-s0", "in-context-d1w16h2-s0"
SHAPES = [{"depth": 1, "width": width, "heads": 2} for width in (12, 16)]


@pytest.fixture(scope="module")
def cluster():
    try:
        require_slurm()
    except BadInput as error:
        unavailable(str(error))
    with slurm_cluster():
        yield


@pytest.fixture
def study(tmp_path):
    (tmp_path / "study.yaml").write_text(tiny_text(shapes=SHAPES))
    return tmp_path / "study.yaml"


def launch(study: Path, *options: str) -> subprocess.Popen:
    command = ("run", "study.yaml", "--out", "tiny", "--executor", "slurm", "--json", *options)
    return subprocess.Popen(
        [sys.executable, "-P", "-W", "error", "-m", "ditlaw", *command],
        cwd=study.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def under_way(study: Path, *runs: str, file: str = "observations.jsonl") -> None:
    """Wait until each run has made a file."""
    for run in runs:
        wait((study.parent / "tiny" / "runs" / run / file).exists, f"{run}: {file}", 120)


def queued(run: str, study: Path) -> str:
    """The number of a run's job in the queue."""
    (array,) = (study.parent / "tiny" / ".slurm").glob("*/jobs.json")
    jobs = [Job.from_json(line).folder.name for line in json.loads(array.read_text())]
    number = ask("squeue", "-h", "-o", "%F", f"--name={array.parent.name}").split()[0]
    return f"{number}_{jobs.index(run)}"


def steps(study: Path, run: str, event: str) -> list[int]:
    """The steps at which a run was ``start``ed, that is begun or taken up, or ``stopped``."""
    lines = (study.parent / "tiny" / "runs" / run / "log.jsonl").read_text().splitlines()
    return [record["step"] for record in map(json.loads, lines) if record["event"] == event]


def same(study: Path, trained: Path) -> bool:
    """Whether both runs' observations are what the local executor made, to the byte."""
    rows = [f"runs/{run}/observations.jsonl" for run in (FIRST, SECOND)]
    return all((study.parent / "tiny" / r).read_bytes() == (trained / r).read_bytes() for r in rows)


@pytest.mark.slow
@pytest.mark.slurm
def test_an_array_trains_a_study_and_a_preempted_run_resumes(cluster, study, trained):
    process = launch(study, "--job", "time=5", "--job", "comment=mine")
    under_way(study, FIRST)
    job = queued(FIRST, study)
    assert "TimeLimit=00:05:00" in (told := ask("scontrol", "show", "job", job))
    assert "Comment=mine" in told
    ask("scancel", "--signal=USR2", job)  # what Slurm sends ahead of a time limit or a preemption
    said, errors = process.communicate(timeout=180)
    assert process.returncode == 0, errors
    assert json.loads(said)["runs"] == {"done": 2, "failed": 0, "pending": 0}
    assert "handed to Slurm as ditlaw-tiny-" in errors
    stopped = steps(study, FIRST, "stopped")
    assert steps(study, FIRST, "start") == [0, *stopped]
    assert len(stopped) == 1, "it was not told to stop, or more than once"
    assert steps(study, SECOND, "start") == [0]
    assert same(study, trained)


@pytest.mark.slow
@pytest.mark.slurm
def test_jobs_outlive_their_launcher_and_one_killed_without_a_word_is_reported(
    cluster, study, trained
):
    process = launch(study)
    under_way(study, FIRST, SECOND)
    process.kill()
    process.communicate()

    said, victims = [], [queued(SECOND, study)]

    def kill_one():
        while victims:
            ask("scancel", "--signal=KILL", victims.pop())

    executor, folder = SlurmExecutor(say=said.append, every=1.0), study.parent / "tiny"
    taken_over = run_study(study, folder, executor=executor, watch=Watch(tick=kill_one))
    assert said == ["in Slurm's queue already: 2"]
    assert taken_over.runs == RunCounts(done=1, failed=0, pending=1)
    assert steps(study, FIRST, "start") == [0], "a run that was in the queue was begun again"
    assert "its Slurm job is gone" in taken_over.failures[SECOND]

    again = run_study(study, folder, executor=executor)
    assert again.runs == RunCounts(done=2, failed=0, pending=0)
    assert same(study, trained)


@pytest.mark.slow
@pytest.mark.slurm
def test_an_interrupt_cancels_the_jobs(cluster, study):
    process = launch(study, "--workers", "1")
    under_way(study, FIRST, file="log.jsonl")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "cancelled in Slurm's queue: 2" in errors
    assert "repeat the command to resume" in errors.splitlines()[-1]
    assert not (study.parent / "tiny" / "runs" / SECOND / "log.jsonl").exists()
    wait(lambda: not ask("squeue", "-h"), "the queue is empty")


@pytest.mark.slurm
def test_what_sbatch_refuses_is_one_line(cluster, tmp_path):
    executor = SlurmExecutor(Request.parse(["partition=nowhere"]))
    with pytest.raises(BadInput, match=r"sbatch refused .*nowhere.*; mend --job"):
        executor.run([Job(tmp_path)])
    with pytest.raises(BadInput, match=r"sbatch refused .*--wombat.*; mend --job"):
        SlurmExecutor(Request.parse(["wombat=1"])).run([Job(tmp_path)])
    assert list((tmp_path / ".slurm").iterdir()) == []
