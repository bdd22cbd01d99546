"""The in-context DiT: patches, positions, and what it does at the start."""

import pytest
import torch

from ditlaw.families import Geometry, get_family
from ditlaw.models import Condition, build
from ditlaw.models.tokens import patchify, sincos_2d, unpatchify

FAMILY = get_family("in-context")
SCENES = Geometry(16, 16, 3, 2, 16, vocabulary=17)


def make(seed=0):
    return build(FAMILY, FAMILY.shape(2, 24, 4), SCENES, seed)


def batch(n=3):
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(n, 3, 16, 16, generator=generator)
    return x, torch.rand(n, generator=generator), Condition(torch.arange(n * 16).view(n, 16) % 17)


@pytest.mark.parametrize("size", [(8, 12, 3, 2), (16, 16, 4, 4), (4, 4, 1, 1)])
def test_unpatchify_undoes_patchify(size):
    height, width, channels, patch = size
    geometry = Geometry(height, width, channels, patch, 0)
    x = torch.randn(2, channels, height, width)
    assert torch.equal(unpatchify(patchify(x, patch), geometry), x)


def test_the_first_velocity_is_zero_and_weights_come_from_the_seed():
    x, t, words = batch()
    assert torch.equal(make()(x, t, words), torch.zeros_like(x))
    for a, b in zip(make(1).parameters(), make(1).parameters(), strict=True):
        assert torch.equal(a, b)


def test_every_input_matters_after_a_step():
    model = make()
    torch.nn.init.normal_(model.head.weight, generator=torch.Generator().manual_seed(1))
    x, t, words = batch()
    base = model(x, t, words)
    changed = Condition((words.text + 1) % 17)
    for other in (model(x + 1, t, words), model(x, 1 - t, words), model(x, t, changed)):
        assert not torch.allclose(base, other)


def test_samples_of_a_batch_do_not_mix():
    model = make()
    torch.nn.init.normal_(model.head.weight, generator=torch.Generator().manual_seed(1))
    x, t, words = batch()
    together = model(x, t, words)
    for i in range(len(x)):
        alone = model(x[i : i + 1], t[i : i + 1], words.rows(slice(i, i + 1)))
        torch.testing.assert_close(alone[0], together[i], atol=1e-5, rtol=1e-5)


def test_a_text_slot_starts_where_its_cell_is():
    """The code of a cell's centre is nearest to the patches of that cell."""
    fine, coarse = sincos_2d(24, 8, 8), sincos_2d(24, 4, 4, span=(8, 8))
    distance = torch.cdist(coarse, fine).view(4, 4, 8, 8)
    for row in range(4):
        for column in range(4):
            nearest = distance[row, column].flatten().topk(4, largest=False).indices
            cells = {(int(i) // 8 // 2, int(i) % 8 // 2) for i in nearest}
            assert cells == {(row, column)}
