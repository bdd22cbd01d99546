"""Where runs are trained on a machine with GPUs: packed, or alone where they are large."""

import pytest
from conftest import tiny_text

from ditlaw import machine
from ditlaw.executors import Job, LocalExecutor
from ditlaw.executors import local as local_module
from ditlaw.executors.places import PACKED, Place, default_workers, shifts
from ditlaw.study import parse_study, study_runs
from ditlaw.study.memory import memory_gb
from ditlaw.training.folder import RunFolder


@pytest.fixture
def gpus(monkeypatch):
    """A machine with two GPUs of 10 GB and eight cores."""
    monkeypatch.setattr(machine, "gpus", lambda: ["0", "3"])
    monkeypatch.setattr(machine, "gpu_memory_gb", lambda: 10.0)
    monkeypatch.setattr(machine, "cores", lambda: 8)


def jobs_of(folder, batches, budget=1e14):
    made = []
    for batch in batches:
        recipe = {"batch": batch, "learning_rate": 1e-3}
        run = study_runs(parse_study(tiny_text(recipe=recipe, budgets=[budget]), "s"))[0]
        RunFolder(folder / f"b{batch}").create(run)
        made.append(Job(folder / f"b{batch}"))
    return made


def test_runs_without_a_gpu_have_a_core_each(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "gpus", list)
    jobs = jobs_of(tmp_path, [2, 4, 6])
    assert shifts(jobs, 2) == [([Place(), Place()], jobs)]
    assert Place().environment() == {}


def test_small_runs_share_a_gpu_and_large_ones_have_it_first_and_alone(tmp_path, gpus):
    jobs = jobs_of(tmp_path, [2, 10**6, 3, 4, 5, 6])
    assert memory_gb(RunFolder(jobs[1].folder).spec()) > 10 / 3 > 1
    (alone, large), (packed, small) = shifts(jobs, default_workers())
    assert large == [jobs[1]]
    assert alone == [Place("0"), Place("3")]
    assert small == [jobs[0], *jobs[2:]]
    assert packed == [Place(gpu, 1 / 3) for _ in range(3) for gpu in ("0", "3")]
    assert packed[1].environment() == {
        "CUDA_VISIBLE_DEVICES": "3",
        "DITLAW_DEVICE_SHARE": repr(1 / 3),
    }


def test_long_runs_are_not_packed(tmp_path, gpus):
    jobs = [*jobs_of(tmp_path, [2], 1e16), *jobs_of(tmp_path, [3, 4, 5])]
    (alone, long), (_, short) = shifts(jobs, default_workers())
    assert alone == [Place("0"), Place("3")]
    assert (long, short) == (jobs[:1], jobs[1:])


def test_no_share_is_smaller_than_the_runs_ask_for(tmp_path, gpus):
    assert default_workers() == 2 * PACKED
    ((places, _),) = shifts(jobs_of(tmp_path, [2]), default_workers())
    assert places == [Place("0"), Place("3")]
    ((places, _),) = shifts(jobs_of(tmp_path, [2, 3]), 1)
    assert places == [Place("0")]


def test_steps_are_timed_on_a_whole_gpu(tmp_path, gpus):
    timing = [Job(tmp_path / name, rounds=3) for name in "abc"]
    assert shifts(timing, 8) == [([Place("0"), Place("3")], timing)]


def test_gpus_are_those_that_the_environment_allows(monkeypatch):
    for told, names in (("", []), ("-1", []), ("2, 5", ["2", "5"]), ("GPU-af3", ["GPU-af3"])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", told)
        assert machine.gpus() == names


def test_memory_that_cannot_be_told_is_not_guessed(monkeypatch):
    monkeypatch.setenv("PATH", "")
    machine.gpu_memory_gb.cache_clear()
    assert machine.gpu_memory_gb() is None
    machine.gpu_memory_gb.cache_clear()


def test_workers_are_told_their_place(tmp_path, gpus, monkeypatch):
    """A worker that says where it is, in place of one that trains."""
    script = tmp_path / "worker.py"
    script.write_text(
        "import json, os, sys\n"
        "for line in sys.stdin:\n"
        "    place = os.environ['CUDA_VISIBLE_DEVICES'], os.environ['DITLAW_DEVICE_SHARE']\n"
        "    print(json.dumps({'state': 'done', 'reason': ' '.join(place)}), flush=True)\n"
    )
    start = local_module.subprocess.Popen
    monkeypatch.setattr(
        local_module.subprocess,
        "Popen",
        lambda command, **kept: start([command[0], str(script)], **kept),
    )
    ended = LocalExecutor(4).run(jobs_of(tmp_path, [2, 3, 4, 5]))
    assert {end.reason.split()[1] for end in ended} == {"0.5"}
    assert {end.reason.split()[0] for end in ended} <= {"0", "3"}
    assert [end.state for end in ended] == ["done"] * 4
