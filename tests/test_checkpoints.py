"""A state is loaded to the bit, or not at all: cut, damaged, or not ours."""

import hashlib
import itertools
import json
import pickle
import random
import time

import pytest
import safetensors.torch
import torch
from conftest import checkpoints_of, tiny_text
from safetensors.torch import save

from ditlaw.errors import BadInput
from ditlaw.study import parse_study, study_runs
from ditlaw.training.checkpoint import FORMAT, Checkpoints
from ditlaw.training.folder import RunFolder
from ditlaw.training.run import train
from ditlaw.training.trunk import Trunk

CPU = torch.device("cpu")


def spec(budgets=(1e8, 2e8), **changes):
    changes.setdefault("shapes", [{"depth": 1, "width": 12, "heads": 2}])
    return study_runs(parse_study(tiny_text(budgets=list(budgets), **changes), "s"))[0]


def trained(run, *steps):
    """The states of a run at some steps."""
    trunk, states = Trunk(run, CPU), []
    for step in steps:
        for _ in trunk.run(step):
            pass
        states.append({name: value.clone() for name, value in trunk.state().items()})
    return states


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


@pytest.fixture(scope="module")
def states():
    return trained(spec(), 1, 2)


@pytest.fixture
def two(tmp_path, states):
    """Checkpoints of steps 1 and 2 of a real run: the checkpoints, and the newest one's files."""
    checkpoints = Checkpoints(tmp_path, spec().trains_as())
    for step, state in enumerate(states, 1):
        checkpoints.save(step, state)
    newest = tmp_path / "step-0000000002.safetensors"
    return checkpoints, newest, newest.with_suffix(".json")


def boundaries(content):
    """Where a safetensors file's parts begin and end: length, header, its records, each tensor."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    tensors = [value["data_offsets"] for name, value in header.items() if name != "__metadata__"]
    records = [i for i in range(8, start) if content[i : i + 1] in b"{}"]
    ends = {start + offset for offsets in tensors for offset in offsets}
    return sorted({0, 8, start, *(r + n for r in records for n in (0, 1)), *ends} - {len(content)})


def test_a_state_cut_anywhere_gives_the_one_before(two, states):
    checkpoints, newest, _ = two
    content = newest.read_bytes()
    assert same(checkpoints.load(), states[1])
    at = boundaries(content)
    assert len(at) > 300
    for cut in [*at, *random.Random(0).sample(range(len(content)), 200)]:
        newest.write_bytes(content[:cut])
        assert same(checkpoints.load(), states[0]), cut


def test_a_hash_cut_anywhere_gives_the_state_before(two, states):
    checkpoints, _, record = two
    content = record.read_bytes()
    whole = len(content.rstrip())  # its last line break is nothing that can be missed
    for cut in range(whole):
        record.write_bytes(content[:cut])
        assert same(checkpoints.load(), states[0]), cut
    record.write_bytes(content[:whole])
    assert same(checkpoints.load(), states[1])


def test_flipped_bytes_never_give_another_state(two, states):
    checkpoints, newest, record = two
    drawn = random.Random(1)
    for path in (newest, record):
        content = path.read_bytes()
        for at in drawn.sample(range(len(content)), min(150, len(content))):
            damaged = bytearray(content)
            damaged[at] ^= 1 << drawn.randrange(8)
            path.write_bytes(damaged)
            loaded = checkpoints.load()
            # Of the record, only its hash counts.
            assert same(loaded, states[0]) or (path == record and same(loaded, states[1])), at
        path.write_bytes(content)
    for path in newest.parent.iterdir():
        path.write_bytes(b"\x00" * 100)
    assert checkpoints.load() is None


def put(checkpoints, content):
    """Lay a file down as the newest state, with its right hash."""
    path = checkpoints.folder / "step-0000000009.safetensors"
    path.write_bytes(content)
    said = {"step": 9, "sha256": hashlib.sha256(content).hexdigest()}
    path.with_suffix(".json").write_text(json.dumps(said))
    return path


class Exploit:
    def __reduce__(self):
        return (exec, ("raise SystemExit('a pickle was opened')",))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (pickle.dumps(Exploit()), "not a safetensors file"),
        (save({"step": torch.tensor(9)}), "not a state that ditlaw wrote"),
        (save({"step": torch.tensor(9)}, {"format": "pt"}), "not a state that ditlaw wrote"),
        (
            save({"step": torch.tensor(9)}, {"format": FORMAT, "training": "f" * 64}),
            "the state of another run",
        ),
    ],
)
def test_a_whole_file_that_is_not_ours_is_refused_in_one_line(two, content, said):
    path = put(two[0], content)
    with pytest.raises(BadInput, match=said) as error:
        two[0].load()
    assert str(path) in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_run_does_not_go_on_from_the_state_of_another(tmp_path):
    """As where a folder was copied: the other's state has the same names and shapes."""
    mine, other = spec(), spec(recipe={"batch": 2, "learning_rate": {"value": 1e-3}})
    assert mine.trains_as() != other.trains_as()
    folder = RunFolder(tmp_path / mine.id)
    folder.create(mine)
    Checkpoints(folder.checkpoints, other.trains_as()).save(2, *trained(other, 2))
    with pytest.raises(BadInput, match="the state of another run; remove it"):
        train(folder, CPU)
    assert len(list(folder.checkpoints.iterdir())) == 2


def altered(state, how):
    first = next(name for name in state if name.startswith("model."))
    return {
        "missing": {name: value for name, value in state.items() if name != first},
        "one too many": state | {"model.more": torch.zeros(3)},
        "of another shape": state | {first: torch.zeros(3, 3, 3)},
        "of another type": state | {first: state[first].half()},
        "without its optimiser": {
            name: value for name, value in state.items() if not name.startswith("exp_avg_sq.")
        },
    }[how]


@pytest.mark.parametrize(
    "how",
    ["missing", "one too many", "of another shape", "of another type", "without its optimiser"],
)
def test_a_state_whose_tensors_do_not_fit_is_refused(tmp_path, states, how):
    folder = RunFolder(tmp_path / spec().id)
    folder.create(spec())
    checkpoints_of(folder).save(2, altered(states[1], how))
    with pytest.raises(BadInput, match="of another model"):
        train(folder, CPU)


def test_budgets_and_evaluation_do_not_make_another_training():
    one = spec()
    assert spec((1e8, 4e8), evaluation={"samples": 16}).trains_as() == one.trains_as()
    assert spec(seeds=[1]).trains_as() != one.trains_as()


def test_a_state_of_before_they_named_their_training_is_loaded(two, states):
    content = safetensors.torch.save(states[1], {"format": FORMAT})
    put(two[0], content)
    assert same(two[0].load(), states[1])


def test_saving_leaves_what_is_not_a_checkpoint_alone(two, states):
    checkpoints, newest, _ = two
    (newest.parent / "notes.txt").write_text("mine")
    (newest.parent / "step-0000000007.safetensors").write_bytes(b"cut short, without a hash")
    checkpoints.save(3, states[1])
    names = {path.name for path in newest.parent.iterdir()}
    pairs = itertools.product(("2", "3"), ("json", "safetensors"))
    assert names == {"notes.txt", *(f"step-000000000{step}.{end}" for step, end in pairs)}


def test_two_whole_states_stay_after_a_damaged_one_was_passed_over(two, states):
    checkpoints, newest, _ = two
    checkpoints.save(9, states[1])
    (newest.parent / "step-0000000009.safetensors").write_bytes(b"damaged")
    assert same(checkpoints.load(), states[1])
    checkpoints.save(3, states[0])
    assert {path.stem[-1] for path in newest.parent.iterdir()} == {"2", "3"}


def test_slow_writes_are_spread_so_that_they_cost_a_twentieth(tmp_path, states, monkeypatch):
    now = 1e6
    monkeypatch.setattr(time, "monotonic", lambda: now)
    checkpoints = Checkpoints(tmp_path, "training")

    def seconds_to_the_next(write):
        nonlocal now

        def slow(*arguments):
            nonlocal now
            now += write / 2

        monkeypatch.setattr("ditlaw.training.checkpoint.write_bytes", slow)
        monkeypatch.setattr("ditlaw.training.checkpoint.write_json", slow)
        checkpoints.save(1, states[0])
        ended = now
        while not checkpoints.due():
            now += 1
        return now - ended

    assert not checkpoints.due()
    assert [seconds_to_the_next(write) for write in (0, 0.5, 1, 4, 60)] == [20, 20, 20, 80, 1200]
