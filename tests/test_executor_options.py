"""What each run asks a cluster for: read, checked, refused in one line."""

import pytest
from conftest import TINY, ditlaw

from ditlaw.cli.executor import executor_of
from ditlaw.compute.devices import SHARE_VARIABLE, device_share
from ditlaw.errors import BadInput
from ditlaw.executors import Ended, Job
from ditlaw.executors import ray as on_ray
from ditlaw.executors.ray import needs, parse_options, share_of
from ditlaw.executors.sbatch import Request


@pytest.mark.parametrize(
    ("written", "minutes"),
    [
        ("90", 90),
        ("90:00", 90),
        ("90:01", 91),
        ("8:00:00", 480),
        ("2-12", 3600),
        ("2-12:30", 3630),
        ("1-00:00:30", 1441),
    ],
)
def test_time_limits_are_written_as_for_sbatch(written, minutes):
    assert Request.parse([f"time={written}"]).minutes == minutes


def test_other_options_go_to_sbatch_as_they_are():
    request = Request.parse(["gres=gpu:a100:1", "cpus_per_task=8", "--exclusive", "comment=a=b"])
    assert request.cpus == 8
    assert request.options == {"gres": "gpu:a100:1", "exclusive": True, "comment": "a=b"}


def test_rays_own_options_are_told_from_a_clusters_resources():
    asked = ["num_gpus=0.5", "memory=2e9", "max_retries=-1", "accelerator_type=H100", "big=1"]
    assert parse_options(asked) == {
        "num_gpus": 0.5,
        "memory": 2_000_000_000,
        "max_retries": -1,
        "accelerator_type": "H100",
        "resources": {"big": 1.0},
    }


def test_ranks_ask_for_a_core_each_and_for_a_gpu_where_there_are_any(tmp_path):
    alone, shared = Job(tmp_path), Job(tmp_path, ranks=8)
    assert needs(alone, {}, gpus=True) == {"num_cpus": 1}
    assert needs(shared, {}, gpus=False) == {"num_cpus": 8}
    assert needs(shared, {}, gpus=True) == {"num_cpus": 8, "num_gpus": 8}
    assert needs(shared, {"num_cpus": 32.0}, gpus=True) == {"num_cpus": 32.0, "num_gpus": 8}
    assert Request.parse([], cpus=8).cpus == 8
    assert Request.parse(["cpus-per-task=32"], cpus=8).cpus == 32


@pytest.mark.parametrize(("gpus", "share"), [(None, 1.0), (0, 1.0), (0.25, 0.25), (8, 1.0)])
def test_a_run_on_ray_is_told_its_share_of_a_gpu(gpus, share, tmp_path, monkeypatch):
    told = []
    monkeypatch.setenv(SHARE_VARIABLE, "1")  # put back afterwards

    def carry_out(job, patience):
        told.append(device_share())
        return Ended(job.folder, "done")

    monkeypatch.setattr(on_ray, "prepare", lambda *given: told.append(given[2]))
    monkeypatch.setattr(on_ray, "carry_out", carry_out)
    asked = {} if gpus is None else {"num_gpus": gpus}
    assert on_ray._do(Job(tmp_path).to_json(), 1, [], share_of(asked)) == ("done", None)
    assert told == [share, share]


@pytest.mark.parametrize("word", ["time=soon", "time=0:30", "time=1:2:3:4", "cpus-per-task=0"])
def test_a_wrong_amount_is_refused(word):
    with pytest.raises(BadInput, match=r"^--job: .*; try "):
        Request.parse([word])


@pytest.mark.parametrize("word", ["array=0-9", "nodes=2", "signal=USR1@60", "output=log"])
def test_what_is_not_the_users_to_set_is_refused(word):
    with pytest.raises(BadInput, match="not yours to set"):
        Request.parse([word])


@pytest.mark.parametrize("word", ["", "=3", "partition=", "a b=1"])
def test_what_is_no_option_is_refused(word):
    with pytest.raises(BadInput, match="no option"):
        Request.parse([word])


@pytest.mark.parametrize("word", ["num_gpus", "num_gpus=all", "num_cpus=-1", "max_retries=-2"])
def test_what_ray_cannot_be_asked_is_refused(word):
    with pytest.raises(BadInput, match=r"^--job: "):
        parse_options([word])


@pytest.mark.parametrize(("executor", "extra"), [("slurm", "submitit"), ("ray", "ray")])
def test_a_missing_library_is_named_with_its_extra(executor, extra, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        BadInput, match=rf"{extra} is missing\); pip install 'ditlaw\[{executor}\]'"
    ):
        executor_of(executor, None, None)


def test_without_slurms_commands_the_line_says_where_to_start(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "study.yaml").write_text(TINY)
    done = ditlaw("run", "study.yaml", "--executor", "slurm", cwd=tmp_path)
    assert done.code == 2
    assert "no 'sbatch' on the path" in done.err
    assert not (tmp_path / "tiny").exists()


def test_this_machine_takes_no_requests():
    with pytest.raises(BadInput, match="--executor slurm"):
        executor_of("local", None, ["time=5"])


def test_a_job_crosses_a_pipe_unchanged(tmp_path):
    job = Job(tmp_path, settings={"metrics": ["vlb"], "guidance": [1.5]})
    assert Job.from_json(job.to_json()) == job
    assert "\n" not in job.to_json()
