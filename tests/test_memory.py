"""The estimate of a run's memory beside what autograd keeps, and how few GPUs hold a model."""

import pytest
import torch

from ditlaw.families import FAMILIES, Geometry, get_family
from ditlaw.models import build
from ditlaw.models.condition import Condition
from ditlaw.study.memory import USABLE, Taken, memory_of
from ditlaw.study.mix import Mix
from ditlaw.study.schema import LearningRate, Recipe

GEOMETRY = Geometry(16, 16, 4, 2, 32, text_dim=64, pooled_dim=64)


def kept(family, shape, precision, samples):
    """Bytes that the forward pass of a batch keeps for the backward, beside the weights."""
    model = build(family, shape, GEOMETRY, 0, precision=precision)
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    found = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            found[storage.data_ptr()] = (storage.nbytes(), tensor)  # held, so no address returns
        return tensor

    given = (torch.randn(samples, 4, 16, 16), torch.rand(samples))
    told = Condition(torch.randn(samples, 32, 64), torch.randn(samples, 64))
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(*given, told)
    return sum(size for size, _ in found.values())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "masked"])
def test_activations_are_about_what_autograd_keeps(name, precision):
    family = get_family(name)
    recipe = Recipe(learning_rate=LearningRate(value=1.0), precision=precision)
    measured, said = [], []
    for depth in (1, 3):  # the difference is of blocks alone
        shape = family.shape(depth, 128, 2)
        # What a sample more keeps leaves out the copies of weights in bfloat16.
        two, six = (kept(family, shape, precision, samples) for samples in (2, 6))
        measured.append((six - two) / 4)
        mix = Mix(1, (1,), (family.counts(shape, GEOMETRY),))
        said.append(memory_of(mix, shape, recipe).sample)
    ratio = (said[1] - said[0]) / (measured[1] - measured[0])
    assert 0.9 < ratio < 2


def test_the_fewest_gpus_are_the_fewest():
    taken = Taken(states=400e9, sample=10e9, gathered=5e9)
    least = taken.least_gpus(80)
    assert taken.each_gb(least) <= USABLE * 80 < taken.each_gb(least - 1)
    assert Taken(states=10e9, sample=1e9, gathered=50e9).least_gpus(80) == 1
    assert Taken(states=10e9, sample=80e9, gathered=1e9).least_gpus(80) is None
    assert taken.alone_gb(4) == pytest.approx(440)
