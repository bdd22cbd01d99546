"""What only a GPU can show: a captured step is the launched one, in parts or whole."""

import pytest
import torch
from conftest import tiny_text

from ditlaw.study import parse_study, study_runs
from ditlaw.training.trunk import Trunk

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
RECIPE = {"batch": 8, "learning_rate": {"value": 1e-3}, "warmup_steps": 2}


def trained(precision, *, captured=True, micro=None, steps=12):
    text = tiny_text(budgets=[1e9], recipe=RECIPE | {"precision": precision})
    trunk = Trunk(study_runs(parse_study(text, "s"))[0], torch.device("cuda"), micro=micro)
    trunk.on_device.captured = captured
    for _ in trunk.run(steps):
        pass
    found = torch.cat([p.detach().flatten().double() for p in trunk.parameters])
    averaged = torch.cat([p.flatten().double() for p in trunk.ema.tensors])
    assert bool(trunk.on_device.graphs) == captured
    assert trunk.bad() is None
    trunk.close()
    return found, averaged, trunk.train_loss


def apart(a, b):
    return float((a - b).norm() / a.norm())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_captured_step_is_the_launched_one(precision):
    launched, captured = trained(precision, captured=False), trained(precision)
    for a, b in zip(launched[:2], captured[:2], strict=True):
        assert apart(a, b) < 1e-6
    assert captured[2] == pytest.approx(launched[2], rel=1e-6)


def test_a_captured_batch_in_parts_is_the_whole_one():
    whole, parts = trained("float32"), trained("float32", micro=3)
    assert apart(whole[0], parts[0]) < 1e-5
    assert parts[2] == pytest.approx(whole[2], rel=1e-6)
