"""A disk that is full, at every kind of write: one clear line, nothing half-written, nothing lost.

The disk is a small file system in memory, really mounted and really filled.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest
import safetensors.torch
import torch
from conftest import checkpoints_of, ditlaw, tiny_text
from PIL import Image

import ditlaw.training.session as run_module
from ditlaw.executors.job import Job, carry_out
from ditlaw.study import parse_study, study_runs
from ditlaw.training.checkpoint import Checkpoints
from ditlaw.training.folder import RunFolder

STUDY = tiny_text(
    budgets=[1e8, 2e8],
    shapes=[{"depth": 1, "width": 12, "heads": 2}],
    evaluation={"samples": 16, "pictures": 2, "sampler_steps": 2, "keep_weights": True},
)
NO_ROOM = "cannot be written (No space left on device)"


def spec():
    return study_runs(parse_study(STUDY, "s"))[0]


def begun(folder: Path) -> RunFolder:
    made = RunFolder(folder / spec().id)
    made.create(spec())
    return made


@pytest.fixture
def disk(tmp_path):
    """A file system of 4 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode:
        reason = f"no small file system can be mounted here: {mounted.stderr.strip()}"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The observations of an undisturbed run."""
    torch.set_num_threads(1)
    folder = begun(tmp_path_factory.mktemp("whole"))
    assert carry_out(Job(folder.path)).state == "done"
    return folder.observations_path.read_bytes()


def fill(disk: Path) -> None:
    """Take all the room that is left."""
    with (disk / "filler").open("ab", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


# The write that meets the full disk, by whom it is called in.
WRITES = {
    "checkpoint": (Checkpoints, "save"),
    "observations": (RunFolder, "observe"),
    "weights": (run_module, "save_weights"),
    "pictures": (run_module, "save_pictures"),
    "log": (RunFolder, "log"),
}


def require_whole(folder: RunFolder) -> None:
    """Every file that is there can be read to its end, and none is a leftover."""
    files = [path for path in folder.path.rglob("*") if path.is_file()]
    assert not [path for path in files if path.suffix == ".tmp"]
    for path in files:
        if path.suffix == ".jsonl":
            text = path.read_text()
            assert text.endswith("\n") or not text
            assert all(json.loads(line) for line in text.splitlines())
        elif path.suffix == ".safetensors" and path.parent.name == "weights":
            assert safetensors.torch.load_file(path)
        elif path.suffix == ".png":
            Image.open(path).load()
    records = list(folder.checkpoints.glob("*.json"))
    assert bool(records) == (checkpoints_of(folder).load() is not None)


@pytest.mark.parametrize("what", WRITES)
def test_a_full_disk_ends_the_run_in_one_line_and_room_lets_it_go_on(
    disk, expected, monkeypatch, what
):
    folder = begun(disk)
    owner, name = WRITES[what]
    real = getattr(owner, name)

    def onto_a_full_disk(*arguments, **fields):
        if what == "log" and arguments[1] == "start":
            return real(*arguments, **fields)
        fill(disk)
        while True:
            real(*arguments, **fields)
            assert what == "log", "a full disk took it"  # a line may still fit in its last block

    monkeypatch.setattr(owner, name, onto_a_full_disk)
    monkeypatch.setattr(run_module, "LOG_SECONDS", 0.0)
    ended = carry_out(Job(folder.path))
    assert ended.state == "failed"
    assert ended.reason.endswith(NO_ROOM)
    assert str(folder.path) in ended.reason
    assert folder.status().state in ("failed", "stopped")  # the latter if its log has no room
    require_whole(folder)

    monkeypatch.undo()
    (disk / "filler").unlink()
    assert carry_out(Job(folder.path)).state == "done"
    assert folder.observations_path.read_bytes() == expected
    require_whole(folder)


@pytest.mark.slow
def test_a_sweep_on_a_full_disk_says_so_and_is_completed_by_repeating_it(disk, expected):
    def room(size):
        subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)

    (disk / "study.yaml").write_text(STUDY)
    room("120k")
    full = ditlaw("run", "study.yaml", "--out", "out", cwd=disk)
    assert full.code == 4, full.err
    last = full.err.strip().splitlines()[-1]
    assert last.startswith(f"ditlaw: 1 run failed: {spec().id}: ")
    assert last.endswith(NO_ROOM)
    assert "Traceback" not in full.err
    run = RunFolder(disk / "out" / "runs" / spec().id)
    assert run.status().state in ("failed", "stopped")

    room("4m")
    assert ditlaw("run", "study.yaml", "--out", "out", cwd=disk).code == 0
    assert run.observations_path.read_bytes() == expected
    require_whole(run)


@pytest.mark.slow
def test_a_disk_without_room_for_the_study_is_one_line(disk):
    (disk / "study.yaml").write_text(STUDY)
    fill(disk)
    done = ditlaw("run", "study.yaml", "--out", "out", cwd=disk)
    assert done.code == 2
    assert done.err.strip().splitlines()[-1].endswith(NO_ROOM)
    assert "Traceback" not in done.err
