"""Trunks: one run serves every budget that it passes, with a cooldown branch to each or without."""

import json
import math

import pytest
import torch
from conftest import tiny_text

from ditlaw.errors import BadInput, Refused
from ditlaw.observations import load_observations
from ditlaw.study import Branch, parse_study, plan_study, study_runs
from ditlaw.study.cooldown import branch_to
from ditlaw.training.checkpoint import Checkpoints
from ditlaw.training.folder import RunFolder
from ditlaw.training.run import train
from ditlaw.training.trunk import Trunk

CPU = torch.device("cpu")
RECIPE = {"batch": 2, "learning_rate": {"value": 8e-3}, "warmup_steps": 3}
GEOMETRY = {"height": 16, "width": 16, "channels": 3, "patch": 2, "text_tokens": 16}
BUCKETS = [{"height": 16, "width": 16}, {"height": 16, "width": 24, "weight": 2}]
KINDS = {
    "plain": {},
    "buckets": {"geometry": GEOMETRY | {"vocabulary": 17, "buckets": BUCKETS}},
    "mup": {"recipe": {"parametrization": {"kind": "mup", "base_width": 16, "base_heads": 2}}},
    "masked": {"family": "masked"},
}


def study(budgets, cooldown=0.0, **changes):
    recipe = RECIPE | {"cooldown": cooldown} | changes.pop("recipe", {})
    given = {
        "budgets": list(budgets),
        "shapes": [{"depth": 1, "width": 16, "heads": 2}],
        "evaluation": {"samples": 8, "pictures": 0},
        "recipe": recipe,
    }
    return parse_study(tiny_text(**given | changes), "s")


def spec(budgets, cooldown=0.0, **changes):
    return study_runs(study(budgets, cooldown, **changes))[0]


def made(path, run):
    folder = RunFolder(path / run.id)
    folder.create(run)
    return folder


def rows(path, run):
    """The lines that a run writes."""
    folder = made(path, run)
    assert train(folder, CPU) == "done"
    return folder.observations_path.read_bytes().splitlines()


def newest(folder, states):
    """The newest state in a folder of them."""
    return Checkpoints(states, folder.spec().trains_as()).load()


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


BUDGETS = (3e7, 4.2e7, 9e7)  # 5, 7 and 15 steps of the plain kind


@pytest.mark.parametrize("cooldown", [0.0, 0.4])
@pytest.mark.parametrize("kind", KINDS)
def test_a_budget_on_a_trunk_has_the_bytes_of_a_run_of_its_own(tmp_path, kind, cooldown):
    together = rows(tmp_path / "trunk", spec(BUDGETS, cooldown, **KINDS[kind]))
    apart = [rows(tmp_path / f"{b:g}", spec([b], cooldown, **KINDS[kind])) for b in BUDGETS]
    assert together == [line for lines in apart for line in lines]
    assert len({json.loads(line)["loss"] for line in together}) == len(BUDGETS)


def test_the_budgets_of_these_tests_have_branches_that_overlap():
    run = spec(BUDGETS, 0.4)
    first, second, last = map(run.branch, run.stops)
    assert (first, second, last) == (Branch(3, 5), Branch(4, 7), Branch(9, 15))


def test_a_branch_is_the_trunk_at_a_falling_rate(tmp_path):
    """Straight through, without a state that was kept or put back."""
    run = spec(BUDGETS, 0.4)
    folder = made(tmp_path, run)
    train(folder, CPU)
    for stop in run.stops:
        trunk = Trunk(run, CPU)
        list(trunk.run(run.branch(stop).start))
        trunk.branch = run.branch(stop)
        list(trunk.run(stop.step))
        row = next(row for row in folder.observations() if row["budget"] == stop.budget)
        assert row["train_loss"] == trunk.train_loss
    last = newest(folder, folder.checkpoints)  # what is exported
    assert int(last["step"]) == run.steps
    for name, value in zip(trunk.names, trunk.ema.tensors, strict=True):
        assert torch.equal(last[f"ema.{name}"], value)
    assert not folder.branches.exists()


def test_the_rate_falls_by_one_minus_the_square_root():
    trunk = Trunk(spec(BUDGETS, 0.4), CPU)
    assert trunk.learning_rate(60) == 8e-3
    trunk.branch = Branch(50, 60)
    assert trunk.learning_rate(51) == 8e-3
    shares = [trunk.learning_rate(step) / 8e-3 for step in range(51, 61)]
    assert shares == pytest.approx([1 - math.sqrt(n / 10) for n in range(10)])
    trunk.branch = Branch(0, 10)  # inside warm-up too
    assert trunk.learning_rate(2) == pytest.approx(8e-3 * 2 / 3 * (1 - math.sqrt(0.1)))


def test_a_branch_has_its_fraction_of_the_steps_and_one_at_least():
    assert branch_to(100, 0.07) == Branch(93, 100)
    assert branch_to(100, 0.071) == Branch(92, 100)
    assert branch_to(3, 0.1) == Branch(2, 3)
    assert branch_to(1, 0.9) == Branch(0, 1)
    assert branch_to(100, 0.0).steps == 0


def test_a_state_of_step_0_put_back_is_a_fresh_start():
    run = spec(BUDGETS)
    fresh, used = Trunk(run, CPU), Trunk(run, CPU)
    start = {name: value.clone() for name, value in used.state().items()}
    list(used.run(3))
    used.restore(start)
    list(used.run(3))
    list(fresh.run(3))
    after = used.state()
    assert all(torch.equal(value, after[name]) for name, value in fresh.state().items())


class Cut(BaseException):
    """The process ends here."""


@pytest.fixture
def cutting(monkeypatch):
    """Every step is kept and logged; ``cutting["left"]`` file operations are done, and no more."""
    import ditlaw.training.session as module

    monkeypatch.setattr(Checkpoints, "due", lambda self: True)
    monkeypatch.setattr(module, "LOG_SECONDS", 0.0)
    calls = {"left": 10**9, "made": []}

    def counted(function):
        def inner(*args, **kwargs):
            calls["left"] -= 1
            calls["made"].append(function.__name__)
            if calls["left"] == 0:
                raise Cut
            return function(*args, **kwargs)

        return inner

    for owner, name in (
        (Checkpoints, "save"),
        (Checkpoints, "clear"),
        (RunFolder, "observe"),
        (RunFolder, "log"),
        (module.shutil, "rmtree"),
    ):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    return calls


def test_a_run_with_branches_cut_at_any_event_resumes_to_the_same_bytes(tmp_path, cutting):
    run = spec(BUDGETS, 0.4)
    expected = rows(tmp_path / "whole", run)
    each = [
        n for n, made in enumerate(cutting["made"], 1) if made in ("observe", "clear", "rmtree")
    ]
    assert len(each) == 2 * len(BUDGETS) + 1
    for cut in (*each[:4], each[1] + 1, *each[-2:], 5, 14):
        folder = made(tmp_path / f"cut{cut}", run)
        cutting["left"] = cut
        with pytest.raises(Cut):
            train(folder, CPU)
        cutting["left"] = 10**9
        assert rows(tmp_path / f"cut{cut}", run) == expected, cut
        assert not folder.branches.exists()


def test_a_long_branch_goes_on_from_its_own_state(tmp_path, cutting):
    run = spec([9e7, 1e8], 0.6)
    expected = rows(tmp_path / "whole", run)
    folder = made(tmp_path / "cut", run)
    start, end = run.branch(run.stops[0])
    cutting["left"] = 2 * end
    with pytest.raises(Cut):
        train(folder, CPU)
    kept = newest(folder, folder.branch(9e7))
    assert start < int(kept["step"]) < end
    assert int(newest(folder, folder.checkpoints)["step"]) == start
    cutting["left"], before = 10**9, len(list(folder.events()))
    # The trunk's newest state is lost: it takes an older one to the branch, and then goes on there.
    file = max(folder.checkpoints.glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:-1])
    assert rows(tmp_path / "cut", run) == expected
    steps = [event["step"] for event in folder.events() if "step" in event][before:]
    assert steps[: steps.index(start) + 2][-2:] == [start, int(kept["step"]) + 1]


def test_a_sitting_that_goes_on_inside_a_branch_starts_there(tmp_path, cutting):
    """Else its log, and the curves that mirror it, would fall back to where the branch began."""
    run = spec([9e7, 1e8], 0.6)
    folder = made(tmp_path, run)
    cutting["left"] = 2 * run.branch(run.stops[0]).end
    with pytest.raises(Cut):
        train(folder, CPU)
    kept = int(newest(folder, folder.branch(9e7))["step"])
    cutting["left"], before = 10**9, len(list(folder.events()))
    assert train(folder, CPU) == "done"
    start = list(folder.events())[before]
    assert start["event"] == "start"
    assert start["step"] == start["trained"] == kept > run.branch(run.stops[0]).start


def test_a_lost_row_is_made_anew(tmp_path):
    run = spec(BUDGETS, 0.4)
    expected = rows(tmp_path, run)
    folder = made(tmp_path, run)
    for lost in range(len(expected)):
        kept = [line + b"\n" for i, line in enumerate(expected) if i != lost]
        folder.observations_path.write_bytes(b"".join(kept))
        assert folder.status().state == "stopped"
        assert rows(tmp_path, run) == expected


def test_progress_counts_branches_and_only_rises(tmp_path, cutting):
    run = spec(BUDGETS, 0.4)
    folder = made(tmp_path, run)
    train(folder, CPU)
    trained = [event["trained"] for event in folder.events() if "trained" in event]
    assert trained == sorted(trained)
    assert set(trained) == set(range(run.trained_steps + 1))
    status = folder.status()
    assert (status.progress, status.flops) == (1, run.trained_flops)


def test_a_plan_counts_all_that_is_trained():
    run = spec(BUDGETS, 0.4)
    flops, stops = run.mix().flops, run.stops
    branches = sum(flops(s.step) - flops(run.branch(s).start) for s in stops[:-1])
    planned = plan_study(study(BUDGETS, 0.4)).runs[0]
    assert planned.flops == run.trained_flops == flops(run.steps) + branches
    assert planned.steps == planned.images / 2 == run.trained_steps > run.steps
    plain = spec(BUDGETS)
    assert plain.trained_flops == plain.flops(plain.steps)
    assert [run.spent(lambda step: step, n) for n in range(run.trained_steps + 1)] == list(
        range(run.trained_steps + 1)
    )


def test_a_row_has_the_flops_of_its_own_path_and_says_its_cooldown(tmp_path):
    run = spec(BUDGETS, 0.4)
    for line, stop in zip(rows(tmp_path, run), run.stops, strict=True):
        row = json.loads(line)
        assert (row["steps"], row["flops"]) == (stop.step, run.flops(stop.step))
        assert row["cooldown"] == 0.4


def test_a_branch_from_inside_warm_up_is_marked(tmp_path):
    run = spec(BUDGETS, 0.5, recipe={"warmup_steps": 5})
    notes = [json.loads(line)["note"] for line in rows(tmp_path, run)]
    assert [run.branch(stop).start <= 5 for stop in run.stops] == [True, True, False]
    assert notes == ["inside warm-up", "inside warm-up", "under 100 steps"]


def test_rows_with_and_without_a_cooldown_are_not_mixed(tmp_path):
    lines = ["run,params,tokens,loss,cooldown"]
    lines += [f"r{i},{1000 + i},{9000 + i},0.{9 - i},{0.2 * (i % 2)}" for i in range(6)]
    (tmp_path / "runs.csv").write_text("\n".join(lines))
    with pytest.raises(Refused, match=r"column 'cooldown' holds 0\.0, 0\.2"):
        load_observations(str(tmp_path / "runs.csv"))
    assert len(load_observations(str(tmp_path / "runs.csv"), ["cooldown=0.2"]).frame) == 3


@pytest.mark.parametrize("cooldown", [1.0, -0.1, True])
def test_a_cooldown_is_a_fraction(cooldown):
    with pytest.raises(BadInput, match=r"recipe\.cooldown"):
        study(BUDGETS, cooldown)
