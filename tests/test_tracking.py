"""Mirrors of runs: what real TensorBoard and W&B read back, and trackers that fail."""

import json
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from conftest import ditlaw, tiny_text

from ditlaw.study import parse_study, study_runs
from ditlaw.tracking import choose_trackers, chosen_trackers, mirror, mirrored
from ditlaw.training.folder import RunFolder


@pytest.fixture
def spec():
    return study_runs(parse_study(tiny_text(), "tiny"))[0]


@pytest.fixture
def folder(tmp_path, spec):
    run = RunFolder(tmp_path / "study" / "runs" / spec.id)
    run.create(spec)
    return run


def sitting(folder, spec, first: int, last: int, *, done: bool) -> None:
    """One sitting at a run, as training logs it."""
    with mirrored(folder, spec):
        folder.log("start", step=first, seconds=0.0, device="cpu")
        for step in range(first + 1, last + 1):
            folder.log("progress", step=step, train_loss=10.0 * first + step, mfu=None)
        if done:
            folder.log("done", step=last, train_loss=0.5)


def test_tensorboard_reads_one_line_of_a_run_that_was_killed_and_resumed(folder, spec):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    root = folder.path.parent.parent
    choose_trackers(root, ["tensorboard"])
    sitting(folder, spec, 0, 6, done=False)  # steps 5 and 6 are past the checkpoint, and lost
    sitting(folder, spec, 4, 8, done=True)
    read = EventAccumulator(str(root / "tensorboard" / spec.id))
    read.Reload()
    points = [(point.step, point.value) for point in read.Scalars("train_loss")]
    assert points == [(1, 1), (2, 2), (3, 3), (4, 4), (5, 45), (6, 46), (7, 47), (8, 48), (8, 0.5)]
    assert set(read.Tags()["scalars"]) == {"train_loss", "seconds"}


def wandb_losses(path, last: int) -> list[tuple[int, float]]:
    """Steps and training losses that W&B kept; its own process may still be writing them."""
    for _ in range(200):
        rows = wandb_rows(path)
        if rows and rows[-1]["_step"] == last:
            break
        time.sleep(0.1)
    return [(row["_step"], row["train_loss"]) for row in rows if "train_loss" in row]


def wandb_rows(path) -> list[dict]:
    """The history of a run that W&B kept here: protobuf records in LevelDB's log format."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, place, parts, rows = path.read_bytes(), 7, b"", []
    while place + 7 <= len(content):
        if place % 32768 > 32768 - 7:  # no heading fits into what is left of a block
            place += -place % 32768
        size = int.from_bytes(content[place + 4 : place + 6], "little")
        kind, part = content[place + 6], content[place + 7 : place + 7 + size]
        place, parts = place + 7 + size, part if kind in (1, 2) else parts + part
        if kind in (1, 4):
            items = Record.FromString(parts).history.item
            rows.append({i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in items})
    return [row for row in rows if row]


def test_wandb_keeps_a_run_offline(folder, spec, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    root = folder.path.parent.parent
    choose_trackers(root, ["wandb"])
    sitting(folder, spec, 0, 3, done=False)
    sitting(folder, spec, 2, 5, done=True)
    assert not [event for event in folder.events() if event["event"] == "tracker"]
    assert folder.last_event()["event"] == "done"
    kept = sorted(root.glob("wandb/offline-run-*/*.wandb"))
    assert len({path.name for path in kept}) == 1 < len(kept)  # one run in two sittings
    assert spec.id in kept[0].name
    assert wandb_losses(kept[0], 3) == [(1, 1.0), (2, 2.0), (3, 3.0)]
    assert wandb_losses(kept[-1], 5) == [(3, 23.0), (4, 24.0), (5, 0.5)]


class Broken:
    """A tracker that fails in one of its methods, by ``how``."""

    def __init__(self, where, how):
        self.where, self.how, self.calls = where, how, 0

    def _call(self, where):
        self.calls += 1
        if where == self.where:
            self.how()

    def start(self, spec, step):
        self._call("start")

    def log(self, step, values):
        self._call("log")

    def end(self, state):
        self._call("end")


def raising():
    raise RuntimeError("no such server\nand more")


def leaving():
    sys.exit("a library's idea of an error")


@pytest.mark.parametrize("where", ["make", "start", "log", "end"])
@pytest.mark.parametrize(("how", "said"), [(raising, "RuntimeError"), (leaving, "SystemExit")])
def test_a_failing_tracker_is_named_once_and_left_out(folder, spec, monkeypatch, where, how, said):
    def make(root, spec):
        if where == "make":
            how()
        return Broken(where, how)

    monkeypatch.setitem(sys.modules, "ditlaw.tracking.broken", SimpleNamespace(make=make))
    choose_trackers(folder.path.parent.parent, ["broken", "missing"])
    sitting(folder, spec, 0, 5, done=True)
    told = [event for event in folder.events() if event["event"] == "tracker"]
    assert {event["name"]: event["reason"].partition(":")[0] for event in told} == {
        "broken": said,
        "missing": "ModuleNotFoundError",
    }
    assert len(told) == 2
    assert folder.last_event()["event"] == "done"  # however late the tracker's own line came


def test_a_tracker_that_hangs_costs_a_run_no_more_than_its_patience(folder, spec, monkeypatch):
    hangs = threading.Event()
    module = SimpleNamespace(make=lambda root, spec: Broken("log", hangs.wait))
    monkeypatch.setitem(sys.modules, "ditlaw.tracking.hanging", module)
    monkeypatch.setattr(mirror, "PATIENCE", 0.2)
    monkeypatch.setattr(mirror, "WAITING", 3)
    choose_trackers(folder.path.parent.parent, ["hanging"])
    try:
        sitting(folder, spec, 0, 20, done=True)
    finally:
        hangs.set()
    (told,) = [event for event in folder.events() if event["event"] == "tracker"]
    assert told["reason"] == "did not answer within 0.2 s"
    assert sum(event["event"] == "progress" for event in folder.events()) == 20


def test_a_slow_tracker_hears_the_end_however_far_behind_it_is(folder, spec, monkeypatch):
    slow, ends = threading.Event(), []
    tracker = Broken("log", slow.wait)
    tracker.end = ends.append
    module = SimpleNamespace(make=lambda root, spec: tracker)
    monkeypatch.setitem(sys.modules, "ditlaw.tracking.slow", module)
    monkeypatch.setattr(mirror, "WAITING", 3)
    close = mirror._Mirror.close

    def at_the_end(self, deadline):
        slow.set()
        close(self, deadline)

    monkeypatch.setattr(mirror._Mirror, "close", at_the_end)
    choose_trackers(folder.path.parent.parent, ["slow"])
    sitting(folder, spec, 0, 20, done=True)
    assert ends == ["done"]
    assert tracker.calls < 20  # points it was too far behind for
    assert not [event for event in folder.events() if event["event"] == "tracker"]


def test_a_damaged_note_of_trackers_stops_no_run(folder, spec):
    (folder.path.parent.parent / "trackers.json").write_text("{")
    sitting(folder, spec, 0, 2, done=True)
    assert "trackers.json: damaged" in next(iter(folder.events()))["reason"]


def test_run_mirrors_its_runs_until_told_otherwise(tmp_path):
    (tmp_path / "tiny.yaml").write_text(
        tiny_text(budgets=[2.2e9], shapes=[{"depth": 1, "width": 12, "heads": 2}])
    )
    done = ditlaw("run", "tiny.yaml", "--track", "tensorboard", cwd=tmp_path)
    assert done.code == 0, done.err
    (run,) = (tmp_path / "tiny" / "runs").iterdir()
    assert list((tmp_path / "tiny" / "tensorboard" / run.name).glob("events.*"))
    assert not [e for e in RunFolder(run).events() if e["event"] == "tracker"]
    assert chosen_trackers(run) == (tmp_path / "tiny", ["tensorboard"])
    assert ditlaw("run", "tiny.yaml", cwd=tmp_path).code == 0
    assert chosen_trackers(run)[1] == ["tensorboard"]
    assert ditlaw("run", "tiny.yaml", "--track", "none", cwd=tmp_path).code == 0
    assert chosen_trackers(run)[1] == []
    wrong = ditlaw("run", "tiny.yaml", "--track", "tensorbord", cwd=tmp_path)
    assert wrong.code == 2
    assert "did you mean 'tensorboard'?" in wrong.err
