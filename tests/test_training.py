"""A run: deterministic, resumable to the bit, honest about points that are too early."""

import itertools
import json

import numpy as np
import pytest
import torch
from conftest import tiny_text

from ditlaw.errors import BadInput, Refused
from ditlaw.study import parse_study, study_runs
from ditlaw.training.checkpoint import Checkpoints
from ditlaw.training.ema import PowerEma, decay, exponent
from ditlaw.training.evaluate import Grid
from ditlaw.training.feeder import step_seed
from ditlaw.training.folder import RunFolder
from ditlaw.training.run import train
from ditlaw.training.trunk import Trunk

CPU = torch.device("cpu")


def same_state(a, b):
    """Whether two states agree to the bit."""
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def spec(budgets=(2e8, 4e8), seed=0, **changes):
    study = parse_study(tiny_text(budgets=list(budgets), seeds=[seed], **changes), "s")
    return study_runs(study)[0]


def carry(folder, run):
    made = RunFolder(folder / run.id)
    made.create(run)
    return made, train(made, CPU)


def to_step(run, step):
    trunk = Trunk(run, CPU)
    for _ in trunk.run(step):
        pass
    return trunk


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    first, _ = carry(tmp_path / "a", spec())
    second, _ = carry(tmp_path / "b", spec())
    assert first.observations_path.read_bytes() == second.observations_path.read_bytes()
    assert len(first.observations()) == 2


def test_a_seed_moves_weights_data_and_noise():
    a, b = Trunk(spec(seed=0), CPU), Trunk(spec(seed=1), CPU)
    assert not torch.equal(a.parameters[0], b.parameters[0])
    assert not np.array_equal(a.sources[0].read(0, 1).images, b.sources[0].read(0, 1).images)


def test_a_trunk_is_what_a_separate_shorter_run_would_be():
    long = to_step(spec((2e8, 4e8)), spec((2e8,)).steps)
    short = to_step(spec((2e8,)), spec((2e8,)).steps)
    assert same_state(long.state(), short.state())


def test_a_restored_trunk_goes_on_to_the_bit(tmp_path):
    run = spec()
    whole = to_step(run, 12)
    half = to_step(run, 5)
    checkpoints = Checkpoints(tmp_path, run.trains_as())
    checkpoints.save(5, half.state())
    resumed = Trunk(run, CPU)
    resumed.restore(checkpoints.load())
    for _ in resumed.run(12):
        pass
    assert same_state(whole.state(), resumed.state())


def test_checkpoints_are_two_deep_and_a_damaged_one_is_passed_over(tmp_path):
    checkpoints = Checkpoints(tmp_path, "this run")
    for step in (1, 2, 3):
        checkpoints.save(step, {"step": torch.tensor(step)})
    assert len(list(tmp_path.glob("*.safetensors"))) == 2
    (tmp_path / "step-0000000009.safetensors").write_bytes(b"cut short")
    (tmp_path / ".step-0000000009.json.17.tmp").write_bytes(b"")
    checkpoints.save(3, {"step": torch.tensor(3)})
    assert len(list(tmp_path.iterdir())) == 4
    newest = tmp_path / "step-0000000003.safetensors"
    content = newest.read_bytes()
    for cut in (0, 1, 8, len(content) // 2, len(content) - 1):
        newest.write_bytes(content[:cut])
        assert int(checkpoints.load()["step"]) == 2
    newest.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert int(checkpoints.load()["step"]) == 2
    (tmp_path / "step-0000000002.json").write_text("{")
    assert checkpoints.load() is None


def test_a_run_cut_at_any_event_resumes_to_the_same_observations(tmp_path, monkeypatch):
    """Raise at the k-th file operation of a run, for every k, and carry on."""
    import ditlaw.training.session as module

    class Cut(BaseException):
        pass

    reference, _ = carry(tmp_path / "whole", spec())
    expected = reference.observations_path.read_bytes()
    asked = itertools.count()
    monkeypatch.setattr(Checkpoints, "due", lambda self: next(asked) % 4 == 0)
    monkeypatch.setattr(module, "LOG_SECONDS", 0.0)
    calls = {"left": 0}

    def counted(function):
        def inner(*args, **kwargs):
            calls["left"] -= 1
            if calls["left"] == 0:
                raise Cut
            return function(*args, **kwargs)

        return inner

    monkeypatch.setattr(Checkpoints, "save", counted(Checkpoints.save))
    monkeypatch.setattr(RunFolder, "observe", counted(RunFolder.observe))
    monkeypatch.setattr(RunFolder, "log", counted(RunFolder.log))
    for cut in (1, 2, 3, 7, 20):
        folder = RunFolder(tmp_path / f"cut{cut}" / spec().id)
        folder.create(spec())
        calls["left"] = cut
        with pytest.raises(Cut):
            train(folder, CPU)
        with folder.observations_path.open("a") as file:
            file.write('{"torn": ')
        calls["left"] = 10**9
        assert train(folder, CPU) == "done"
        assert folder.observations_path.read_bytes() == expected, cut


@pytest.mark.parametrize("lost", ["all", "first", "garbage"])
def test_lost_rows_are_made_anew_by_training_to_them(tmp_path, lost):
    folder, _ = carry(tmp_path, spec())
    expected = folder.observations_path.read_bytes()
    lines = expected.splitlines(keepends=True)
    kept = {"all": [], "first": lines[1:], "garbage": [b'{"a": 1}\n', lines[0]]}[lost]
    folder.observations_path.write_bytes(b"".join(kept))
    assert folder.status().state == "stopped"
    (folder.checkpoints / "step-9999999999.json").write_text("{}")  # of a later state, damaged
    assert train(folder, CPU) == "done"
    # The last row alone is made from the state at hand; an earlier one takes the way again.
    again = [event["step"] for event in folder.events() if event["event"] == "start"][-1]
    assert again == (spec().steps if lost == "garbage" else 0)
    assert folder.observations_path.read_bytes() == expected
    assert not (folder.checkpoints / "step-9999999999.json").exists()


def test_points_too_early_are_marked(tmp_path):
    run = spec(
        (6e7, 1.5e8, 2.5e9),
        recipe={"batch": 2, "learning_rate": {"value": 8e-3}, "warmup_steps": 20},
    )
    made, state = carry(tmp_path, run)
    assert state == "done"
    notes = [(row["steps"], row["note"]) for row in made.observations()]
    assert [note for _, note in notes] == ["inside warm-up", "under 100 steps", ""]
    assert notes[0][0] <= 20 < notes[1][0] < 100 <= notes[2][0]


def test_a_row_says_what_it_is(tmp_path):
    run = spec()
    made, _ = carry(tmp_path, run)
    row = made.observations()[-1]
    counts = run.counts()
    assert row["flops"] == row["steps"] * 2 * counts.flops_train <= row["budget"]
    assert row["tokens"] == row["images"] * 80
    assert row["timesteps"] == "logit-normal(0.5,1)"
    assert row["trunk"] == run.id
    start = next(made.events())
    assert start["event"] == "start"
    assert {"torch", "ditlaw", "python"} <= start["versions"].keys()
    assert start["device"]
    assert list((made.path / "pictures").glob("*.png"))


def test_a_diverging_run_ends_with_its_reason(tmp_path):
    run = spec(recipe={"batch": 2, "learning_rate": {"value": 1e12}, "warmup_steps": 0})
    made, state = carry(tmp_path, run)
    assert state == "diverged"
    assert "learning rate too high" in made.status().reason
    assert made.status().state == "diverged"


def test_the_grid_is_the_same_for_every_run_and_seed():
    a, b = Grid(spec(seed=0), CPU).points, Grid(spec(seed=1), CPU).points
    assert torch.equal(a.images, b.images)
    assert torch.equal(a.noise, b.noise)
    assert torch.equal(a.t, b.t)
    sorted_t = a.t.sort().values
    assert not torch.equal(sorted_t, a.t)
    quantile = torch.special.ndtr(torch.logit(sorted_t.double()) - 0.5)
    torch.testing.assert_close(quantile, (torch.arange(64).double() + 0.5) / 64, atol=1e-5, rtol=0)


def test_a_point_of_the_grid_is_a_function_of_its_number():
    few = Grid(spec(evaluation={"samples": 16, "pictures": 0}), CPU).points
    many = Grid(spec(evaluation={"samples": 64, "pictures": 0}), CPU).points
    assert torch.equal(few.noise, many.noise[:16])
    assert not torch.equal(many.noise[0], many.noise[1])


def test_every_step_of_every_seed_has_noise_of_its_own():
    """torch's CPU generator reads the low 32 bits of a seed only."""
    drawn = {
        torch.randn(4, generator=torch.Generator().manual_seed(step_seed(seed, step)))
        .numpy()
        .tobytes()
        for seed in (0, 1, 2**29)
        for step in range(1, 200)
    }
    assert len(drawn) == 3 * 199


def test_evaluation_is_uniform_in_t_whatever_training_draws():
    plain = {"samples": 64, "pictures": 0}
    for objective in ({}, {"timesteps": {"mean": 1.5}}):
        t = Grid(spec(objective=objective, evaluation=plain), CPU).points.t.sort().values
        torch.testing.assert_close(t, (torch.arange(64) + 0.5) / 64)


def test_a_zero_model_has_the_loss_of_the_target_with_or_without_captions():
    trunk = Trunk(spec(), CPU)
    grid = Grid(spec(evaluation={"samples": 64, "pictures": 0}), CPU)
    points = grid.points
    expected = float((points.noise - points.images).square().mean())
    row = grid.measured(trunk.averaged_model())
    assert row["loss"] == pytest.approx(expected)
    assert row["loss_unconditional"] == pytest.approx(expected)
    # Eight equal parts of t with as many points in each: their mean is the loss.
    assert np.mean([row[f"loss_t{i}"] for i in range(1, 9)]) == pytest.approx(expected)
    assert "loss_out_of_domain" not in row
    each = points.losses(trunk.averaged_model())
    assert row["loss_standard_error"] == pytest.approx(each.std(ddof=1) / 8)


def test_a_second_set_is_evaluated_beside_the_first():
    grid = Grid(
        spec(
            evaluation={"samples": 32, "out_of_domain": {"source": "scenes", "captions": "sparse"}}
        ),
        CPU,
    )
    model = Trunk(spec(), CPU).averaged_model()
    row = grid.measured(model)
    assert row["loss_out_of_domain"] == pytest.approx(row["loss"])  # same pictures, silent model
    assert not torch.equal(grid.second[0].condition.text, grid.points.condition.text)


def test_the_ema_of_edm2():
    """5 % relative width is γ = 16.97 (Karras et al. 2312.02696)."""
    assert exponent(0.05) == pytest.approx(16.97, abs=0.01)
    gamma, tensors = exponent(0.1), [torch.zeros(1)]
    ema = PowerEma(tensors, 0.1)
    steps = torch.arange(1.0, 2001)
    for step in steps:
        ema.update([step.reshape(1)], ema.share(int(step)))
    # The profile is t^γ, so the mean of t itself is (γ+1)/(γ+2) of the run.
    assert float(ema.tensors[0]) == pytest.approx(2000 * (gamma + 1) / (gamma + 2), rel=1e-3)
    assert decay(gamma, 1) == 0


def test_the_rate_warms_up_and_then_stays():
    trunk = Trunk(
        spec(recipe={"batch": 2, "learning_rate": {"value": 1e-3}, "warmup_steps": 10}), CPU
    )
    assert trunk.learning_rate(1) == pytest.approx(1e-4)
    assert trunk.learning_rate(10) == trunk.learning_rate(1000) == pytest.approx(1e-3)


def test_captions_are_dropped_at_the_stated_rate(monkeypatch):
    recipe = {"batch": 64, "learning_rate": {"value": 1e-3}, "caption_dropout": 0.25}
    run = spec((4e9, 4e11), recipe=recipe)
    trunk = Trunk(run, CPU)
    seen = []
    forward = trunk.model.forward
    monkeypatch.setattr(
        trunk.model, "forward", lambda x, t, c: seen.append(c.text) or forward(x, t, c)
    )
    for _ in trunk.run(20):
        pass
    empty = (torch.cat(seen) == 0).all(dim=1).double().mean()
    assert float(empty) == pytest.approx(0.25, abs=0.04)


def test_a_folder_belongs_to_one_run_and_one_process(tmp_path):
    folder = RunFolder(tmp_path / "r")
    folder.create(spec())
    with pytest.raises(BadInput, match="another run"):
        folder.create(spec(seed=1))
    with folder.lock(), pytest.raises(Refused, match="another ditlaw process"):
        train(folder, CPU)
    (folder.path / "spec.json").write_text(json.dumps({"id": "x"}))
    with pytest.raises(BadInput, match="damaged"):
        folder.spec()
