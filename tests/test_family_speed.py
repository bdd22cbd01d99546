"""The benchmark of training steps runs, ours beside the twin, and says what it measured."""

import re

import pytest
import torch

import family_speed


@pytest.mark.filterwarnings("ignore:Mismatch dtype")  # the twin's norms under autocast
def test_each_size_is_timed_beside_the_twin(capsys):
    torch.set_num_threads(1)
    size = {"XS": (64, 1, 1)}  # the sizes proper are a GPU's
    family_speed.images_per_second(["flux", "masked"], 1, "cpu", sizes=size, batch=2)
    flux, masked = capsys.readouterr().out.splitlines()
    assert re.match(r"flux +XS \(d6s6w64h1\) bfloat16: [\d.]+ images/s, share .*, diffusers", flux)
    assert re.match(r"masked +XS \(d12w64h1\) bfloat16: [\d.]+ images/s, share [\d.]+$", masked)


def test_ours_and_the_twin_are_counted_alike():
    """A ratio of shares is one of speeds only if both rates are of nearly the same work."""
    for name, setting in family_speed.SETTINGS.items():
        if setting.twin:
            shape = family_speed.get_family(name).shape(2, 128, 2, setting.single and 2)
            ours, theirs = family_speed.pair(name, shape, "float32", 2, "cpu")
            # The twins of mmdit and adaln do more: text queries that nothing reads, embedders.
            assert 0.85 < ours.flops / theirs.flops <= 1
