"""Closed-form counts equal the module's parameters and counted FLOPs, at every shape."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from ditlaw.errors import BadInput
from ditlaw.families import Geometry, get_family
from ditlaw.flow import loss
from ditlaw.models import build

shapes = st.tuples(st.integers(1, 4), st.sampled_from([8, 24, 40, 64]), st.sampled_from([1, 2, 4]))
geometries = st.builds(
    lambda rows, columns, patch, channels, text, words: Geometry(
        rows * patch,
        columns * patch,
        channels,
        patch,
        text,
        vocabulary=17 if text and words else 0,
        text_dim=0 if words or not text else 48,
    ),
    st.integers(1, 4),
    st.integers(1, 4),
    st.sampled_from([1, 2, 4]),
    st.integers(1, 4),
    st.sampled_from([0, 5, 16]),
    st.booleans(),
)


def on_meta(family, shape, geometry, batch=3):
    """A model and one batch, without any memory behind them."""
    with torch.device("meta"):
        model = build(family, shape, geometry)
        x = torch.empty(batch, geometry.channels, geometry.height, geometry.width)
        t = torch.empty(batch)
        if geometry.vocabulary:
            text = torch.zeros(batch, geometry.text_tokens, dtype=torch.long)
        elif geometry.text_dim:
            text = torch.empty(batch, geometry.text_tokens, geometry.text_dim)
        else:
            text = None
    return model, x, t, text


@settings(max_examples=25, deadline=None)
@given(shapes, geometries)
def test_counts_equal_the_module_and_counted_flops(size, geometry):
    family = get_family("in-context")
    shape = family.shape(*size)
    counts = family.counts(shape, geometry)
    model, x, t, text = on_meta("in-context", shape, geometry)

    total = sum(p.numel() for p in model.parameters())
    table = model.text.weight.numel() if geometry.vocabulary else 0
    assert counts.params_total == total
    assert counts.params == total - table == sum(counts.params_breakdown.values())

    with FlopCounterMode(display=False) as forward:
        model(x, t, text)
    assert forward.get_total_flops() == 3 * counts.flops_forward
    with FlopCounterMode(display=False) as training:
        loss(model, x, x, t, text).mean().backward()
    assert training.get_total_flops() == 3 * counts.flops_train
    assert 2 * counts.flops_forward < counts.flops_train <= 3 * counts.flops_forward


def test_the_dial_sets_width_and_heads():
    family = get_family("in-context")
    shape = family.shape(15)
    assert (shape.width, shape.heads) == (960, 15)
    assert family.shape(2, heads=4) == family.shape(2, 128, 4)


def test_the_papers_largest_sizes():
    """12·L·(64 L)² weights of the blocks make 166M params at depth 15 (the paper's range)."""
    geometry = Geometry(32, 32, 4, 2, 120, text_dim=4096)
    counts = get_family("in-context").counts(get_family("in-context").shape(15), geometry)
    assert counts.params_breakdown["blocks"] == pytest.approx(12 * 15 * 960**2, rel=0.01)


@pytest.mark.parametrize(
    ("arguments", "field", "mend"),
    [((0,), "depth", "use 1 to"), ((2, 30), "width", "32"), ((2, 24, 5), "heads", "use 4")],
)
def test_impossible_shapes_name_a_value_that_works(arguments, field, mend):
    with pytest.raises(BadInput, match=field) as error:
        get_family("in-context").shape(*arguments)
    assert mend in str(error.value)


def test_unknown_family_names_the_nearest():
    with pytest.raises(BadInput, match="did you mean 'in-context'"):
        get_family("in-contxt")


def test_a_patch_must_divide_the_sample():
    with pytest.raises(BadInput, match=r"geometry\.patch"):
        Geometry(16, 16, 3, 3, 0)
