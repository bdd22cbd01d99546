"""One run on two ranks: the numbers of one process; kept together, and read by any number."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import checkpoints_of, ditlaw
from two_ranks import CPU, a_run, text

from ditlaw import machine
from ditlaw.errors import Refused
from ditlaw.executors.job import Job
from ditlaw.executors.places import Place, shifts
from ditlaw.training import step as step_module
from ditlaw.training.distributed import Replicas, Shards
from ditlaw.training.folder import RunFolder
from ditlaw.training.parallel import Alone
from ditlaw.training.run import train
from ditlaw.training.trunk import Trunk


def first_half(folder: RunFolder, at: Path) -> RunFolder:
    """A finished run as it was after its first budget."""
    shutil.copytree(folder.path, at)
    half = RunFolder(at)
    checkpoints_of(half).records()[0].unlink()
    half.rewind(half.spec(), half.spec().stops[0].step)
    assert len(half.observations()) == 1
    return half


def same_to_rounding(a: RunFolder, b: RunFolder) -> bool:
    pairs = list(zip(a.observations(), b.observations(), strict=True))
    return len(pairs) == 2 and all(
        x.keys() == y.keys() and x["loss"] == pytest.approx(y["loss"], rel=1e-6) for x, y in pairs
    )


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Path:
    """The same run by one process and by two ranks, copies and shards, and begun by the one."""
    folder, run = tmp_path_factory.mktemp("ranks"), a_run()
    for name in ("one", "ddp", "fsdp"):
        RunFolder(folder / name).create(run)
    torch.set_num_threads(1)
    assert train(RunFolder(folder / "one"), CPU) == "done"
    first_half(RunFolder(folder / "one"), folder / "half")
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    script = Path(__file__).with_name("two_ranks.py")
    done = subprocess.run(
        [sys.executable, "-W", "error", *torchrun, script, folder], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ddp", "fsdp", "half"])
def test_two_ranks_give_the_numbers_of_one_process(shared, name):
    """And a run that one process began goes on where it was."""
    assert same_to_rounding(RunFolder(shared / name), RunFolder(shared / "one"))
    starts = [event for event in RunFolder(shared / name).events() if event["event"] == "start"]
    assert starts[-1]["ranks"] == 2
    assert (starts[-1]["step"] > 0) == (name == "half")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ddp", "fsdp"])
def test_what_two_ranks_kept_one_process_goes_on_from(shared, tmp_path, name):
    half = first_half(RunFolder(shared / name), tmp_path / "half")
    assert train(half, CPU) == "done"
    assert same_to_rounding(half, RunFolder(shared / "one"))
    start = [event for event in half.events() if event["event"] == "start"][-1]
    assert start["step"] == half.spec().stops[0].step


@pytest.mark.slow
def test_each_rank_keeps_its_part_and_nothing_is_pickled(shared):
    whole = checkpoints_of(RunFolder(shared / "one")).load()
    for name in ("ddp", "fsdp"):
        states = [p for p in (shared / name / "checkpoints").iterdir() if p.is_dir()]
        assert len(states) == 2
        for state in states:
            parts = sorted(state.iterdir())
            assert [part.name[:11] for part in parts] == ["shard-00001", "shard-00002"]
            assert {part.suffix for part in parts} == {".safetensors"}
        joined = checkpoints_of(RunFolder(shared / name)).load()
        assert joined.keys() == whole.keys()
        assert all(joined[key].shape == whole[key].shape for key in whole)


@pytest.mark.slow
def test_a_damaged_shard_costs_its_state_alone(shared, tmp_path):
    shutil.copytree(shared / "fsdp", tmp_path / "cut")
    checkpoints = checkpoints_of(RunFolder(tmp_path / "cut"))
    newest, before = checkpoints.records()
    shard = next(newest.with_suffix("").glob("shard-00002-*"))
    shard.write_bytes(shard.read_bytes()[:-1])
    state = checkpoints.load()
    assert int(state["step"]) == int(before.stem[5:]) < int(newest.stem[5:])


def rank_pid(folder: Path, rank: int) -> int | None:
    """The process of a rank that trains in a folder."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            environment = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(folder).encode() in command and b"RANK=%d" % rank in environment:
            return int(process.name)
    return None


@pytest.mark.slow
def test_a_killed_rank_ends_the_run_with_its_reason_and_repeating_completes_it(shared, tmp_path):
    """To the bits of a run that nobody disturbed."""
    (tmp_path / "study.yaml").write_text(text())
    run = RunFolder(tmp_path / "out" / "runs" / a_run().id)
    command = ["run", tmp_path / "study.yaml", "--out", tmp_path / "out", "--ranks", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "ditlaw", *map(str, command)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not run.observations():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    killed = rank_pid(run.path, 1)
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 4
    assert "rank 1 ended by SIGKILL; run again to resume" in said
    assert run.status().state == "failed"
    assert run.status().reason == "rank 1 ended by SIGKILL; run again to resume"
    done = ditlaw(*command)
    assert done.code == 0, done.err
    undisturbed = (shared / "ddp" / "observations.jsonl").read_bytes()
    assert run.observations_path.read_bytes() == undisturbed


ASKED = """
import sys, threading, time
from pathlib import Path
from ditlaw.executors.job import Job, carry_out, prepare
from ditlaw.training import stopping
from ditlaw.training.folder import RunFolder

def ask():
    while not RunFolder(job.folder).observations():
        time.sleep(0.02)
    stopping.ask()

job = Job(Path(sys.argv[1]), ranks=2)
prepare(1, [])
threading.Thread(target=ask).start()
print(carry_out(job).state, flush=True)
assert not stopping.asked()
print(carry_out(job).state, flush=True)
"""


@pytest.mark.slow
def test_ranks_that_are_asked_to_stop_keep_one_state_and_their_starter_obeys_a_signal(tmp_path):
    """A wish, as a scheduler's warning, leaves their starter alive; SIGTERM ends it as well."""
    run, folder = a_run(budgets=[4e8, 4e12]), RunFolder(tmp_path)
    folder.create(run)
    command = [sys.executable, "-c", ASKED, tmp_path]
    starter = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert starter.stdout.readline() == "stopped\n", starter.communicate()
    first = [event for event in folder.events() if event["event"] == "stopped"]
    assert len(first) == 1
    assert int(checkpoints_of(folder).load()["step"]) == first[0]["step"] > 0
    while len([event for event in folder.events() if event["event"] == "start"]) < 2:
        assert starter.poll() is None, starter.communicate()
        time.sleep(0.02)
    starter.terminate()
    said, errors = starter.communicate(timeout=60)
    assert (starter.returncode, said) == (-signal.SIGTERM, ""), errors
    starts = [event["step"] for event in folder.events() if event["event"] == "start"]
    stops = [event["step"] for event in folder.events() if event["event"] == "stopped"]
    assert starts == [0, stops[0]]
    assert int(checkpoints_of(folder).load()["step"]) == stops[1] > stops[0]


def test_a_rank_ends_with_whoever_started_it():
    leashed = "import os, sys; from ditlaw.training.ranks import _leash; _leash(os.getppid())"
    starter = (
        "import subprocess, sys, time;"
        f"print(subprocess.Popen([sys.executable, '-c', {leashed!r}]).pid, flush=True);"
        "time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    time.sleep(2)
    assert Path(f"/proc/{child}").exists()
    parent.kill()
    parent.communicate()
    for _ in range(1000):
        if not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text():
            return
        time.sleep(0.02)
    raise AssertionError("the rank is still there")


@pytest.mark.parametrize(
    ("ranks", "batch", "said"),
    [(Replicas, 1, "too few for 2 ranks"), (Shards, 7, "do not divide into 2 ranks of FSDP")],
)
def test_a_batch_that_ranks_cannot_share_is_refused(monkeypatch, ranks, batch, said):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(Refused, match=f"^recipe.batch: {batch} samples .*{said}"):
        ranks(CPU, batch)


def test_a_rank_out_of_memory_ends_the_run_and_the_next_attempt_takes_less(tmp_path, monkeypatch):
    def full(*given):
        raise torch.OutOfMemoryError("out of memory")

    class Two(Alone):
        world = 2

    folder = RunFolder(tmp_path)
    folder.create(a_run())
    trunk = Trunk(a_run(), CPU, ranks=Two(), tell=folder.log)
    monkeypatch.setattr(step_module, "training_loss", full)
    with pytest.raises(Refused, match="run again to go on with 2 samples at a time on each"):
        next(trunk.run(1))
    assert Two().micro(folder) == 2
    assert Alone().micro(folder) is None


def test_a_run_of_several_ranks_has_all_gpus_of_the_machine_and_runs_take_turns(monkeypatch):
    monkeypatch.setattr(machine, "gpus", lambda: ["0", "1"])
    jobs = [Job(Path("a"), ranks=2), Job(Path("b"), ranks=2)]
    assert shifts(jobs, workers=2) == [([Place("0,1")], jobs)]
