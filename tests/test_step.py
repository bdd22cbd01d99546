"""A step in parts: the batch's own gradient, and what becomes of one that memory does not hold."""

import pytest
import torch
from conftest import tiny_text

from ditlaw.errors import Refused
from ditlaw.study import parse_study, study_runs
from ditlaw.training import step as step_module
from ditlaw.training.folder import RunFolder
from ditlaw.training.parallel import Alone
from ditlaw.training.run import train
from ditlaw.training.trunk import Trunk

CPU = torch.device("cpu")
RECIPE = {"batch": 7, "learning_rate": {"value": 1e-3}, "warmup_steps": 2}


def a_run(**changes):
    study = parse_study(tiny_text(**{"budgets": [1e9], "recipe": RECIPE, **changes}), "s")
    return study_runs(study)[0]


def trained(run, micro=None, steps=6):
    trunk = Trunk(run, CPU, micro=micro)
    for _ in trunk.run(steps):
        pass
    return trunk


@pytest.fixture
def small_memory(monkeypatch):
    """A device that holds two samples at a time."""
    ask = step_module.training_loss

    def limited(model, x0, *rest):
        if len(x0) > limited.holds:
            raise torch.OutOfMemoryError("out of memory")
        return ask(model, x0, *rest)

    limited.holds = 2
    monkeypatch.setattr(step_module, "training_loss", limited)
    return limited


@pytest.mark.parametrize("micro", [1, 2, 3, 4, 6])
def test_a_batch_in_parts_trains_as_a_whole_one(micro):
    """To 1e-6 in float32, also where the parts are not of one size."""
    whole, parts = trained(a_run()), trained(a_run(), micro)
    assert parts.train_loss == pytest.approx(whole.train_loss, rel=1e-6)
    for a, b in zip(whole.parameters, parts.parameters, strict=True):
        # AdamW divides by the gradient's size: of one that is nothing but rounding, by rounding.
        assert torch.allclose(a, b, rtol=1e-6, atol=1e-5)


def test_gradients_in_parts_are_the_batchs():
    trunk = Trunk(a_run(), CPU)
    inputs = trunk.feeder.get(1)
    trunk.stepper.gradient(inputs)
    whole = [p.grad.clone() for p in trunk.parameters if p.grad is not None]
    trunk.stepper.micro = 3
    trunk.stepper.gradient(inputs)
    parts = [p.grad for p in trunk.parameters if p.grad is not None]
    assert whole
    for a, b in zip(whole, parts, strict=True):
        assert float((a - b).norm()) <= 1e-6 * max(1.0, float(a.norm()))


def test_out_of_memory_halves_the_micro_batch_and_goes_on(tmp_path, small_memory):
    run = a_run()
    folder = RunFolder(tmp_path / run.id)
    folder.create(run)
    assert train(folder, CPU) == "done"
    told = [e["micro_batch"] for e in folder.events() if e["event"] == "out-of-memory"]
    assert told == [4, 2]
    assert Alone().micro(folder) == 2, "the next sitting begins with what fits"
    small_memory.holds = run.recipe.batch
    whole = RunFolder(tmp_path / "whole" / run.id)
    whole.create(run)
    assert train(whole, CPU) == "done"
    pairs = zip(folder.observations(), whole.observations(), strict=True)
    assert all(a["loss"] == pytest.approx(b["loss"], rel=1e-5) for a, b in pairs)


def test_one_sample_that_does_not_fit_is_refused_in_one_line(small_memory):
    small_memory.holds = 0
    with pytest.raises(Refused, match=r"^out of memory with one sample at a time; use a device"):
        trained(a_run())


@pytest.mark.parametrize("family", ["in-context", "masked"])
def test_order_is_drawn_for_families_that_read_it_and_moves_nothing_else(family):
    inputs = Trunk(a_run(family=family), CPU).feeder.get(3)
    other = Trunk(a_run(family="adaln"), CPU).feeder.get(3)
    assert (inputs.order is not None) == (family == "masked")
    for name in ("x0", "noise", "t", "text"):
        assert torch.equal(inputs.tensors()[name], other.tensors()[name])


def test_divergence_is_found_at_its_step_however_late_one_asks():
    from ditlaw.training.losses import Bad, DeviceLosses, HostLosses

    values = [1.0, 0.5, 2e3, float("nan"), 0.1]
    host, device = HostLosses(idle=1.0), DeviceLosses(CPU, idle=1.0)
    for step, value in enumerate(values, 1):
        host.add(torch.tensor(value), step, 0.5)
        device.add(torch.tensor(value), torch.tensor(float(step)), torch.tensor(0.5))
    assert host.read()[1] == device.read()[1] == Bad(3, 2e3)
    host.restore(0.25)
    device.restore(0.25)
    assert host.read() == device.read() == (0.25, None)


def test_a_step_that_cannot_be_captured_in_parts_of_a_size_warms_up_in_smaller_ones(monkeypatch):
    """Of a device without a GPU: what decides is the order of trying, not what computes."""
    from collections import Counter
    from types import SimpleNamespace

    from ditlaw.training.graphs import WARM_UP, DeviceSteps

    trunk = Trunk(a_run(), CPU)
    steps = DeviceSteps.__new__(DeviceSteps)
    steps.stepper, steps.captured, steps.graphs = trunk.stepper, True, {}
    steps.seen, tried, run = Counter({0: WARM_UP}), [], []

    def capture(inputs, micro):
        if steps.stepper.micro != micro:
            return
        tried.append(micro)
        if micro > 4:
            raise torch.OutOfMemoryError
        steps.graphs[0] = SimpleNamespace(replay=lambda: run.append("replay")), inputs

    monkeypatch.setattr(steps, "_capture", capture, raising=False)
    monkeypatch.setattr(steps, "_finish", lambda mean: run.append("launched"), raising=False)
    inputs = trunk.feeder.get(1)
    for _ in range(WARM_UP + 1):
        steps._first(inputs)
    assert tried == [7, 4]
    assert run == ["launched"] * WARM_UP + ["replay"]
