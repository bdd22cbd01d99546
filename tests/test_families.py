"""Closed-form counts equal the module's parameters and counted FLOPs, at every shape."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from ditlaw.errors import BadInput
from ditlaw.families import FAMILIES, Geometry, get_family
from ditlaw.families.flux import rotary_axes
from ditlaw.flow import training_loss
from ditlaw.models import Condition, build

MEMBERS = [get_family(name) for name in FAMILIES] + [get_family("masked", {"masking": "drop"})]
BATCH = 3


def members(*names):
    return pytest.mark.parametrize(
        "family", [f for f in MEMBERS if not names or f.name in names], ids=lambda f: f.label
    )


@st.composite
def geometries(draw, text_from=0):
    patch, text = draw(st.sampled_from([1, 2, 4])), draw(st.sampled_from([0, 1, 5, 16]))
    text = max(text, text_from)
    words = draw(st.booleans())
    return Geometry(
        height=patch * draw(st.integers(1, 4)),
        width=patch * draw(st.integers(1, 4)),
        channels=draw(st.integers(1, 4)),
        patch=patch,
        text_tokens=text,
        vocabulary=17 if text and words else 0,
        text_dim=0 if words or not text else 48,
        pooled_dim=0 if words else draw(st.sampled_from([0, 24])),
        frames=draw(st.sampled_from([1, 1, 3])),
    )


@st.composite
def shapes(draw, family):
    size, heads = draw(st.sampled_from([6, 8, 12, 16])), draw(st.sampled_from([2, 4]))
    single = draw(st.integers(1, 3)) if family.name == "flux" else None
    return family.shape(draw(st.integers(1, 4)), size * heads, heads, single)


def on_meta(family, shape, geometry):
    """A model and what it is trained on, without any memory behind them."""
    with torch.device("meta"):
        model = build(family, shape, geometry)
        frames = (geometry.frames,) if geometry.frames > 1 else ()
        x = torch.empty(BATCH, geometry.channels, *frames, geometry.height, geometry.width)
        text = pooled = None
        if geometry.vocabulary:
            text = torch.zeros(BATCH, geometry.text_tokens, dtype=torch.long)
        elif geometry.text_dim:
            text = torch.empty(BATCH, geometry.text_tokens, geometry.text_dim)
        if geometry.pooled_dim:
            pooled = torch.empty(BATCH, geometry.pooled_dim)
        t, order = torch.empty(BATCH), torch.empty(BATCH, geometry.image_tokens)
    return model, x, t, Condition(text, pooled), order


def tables(model):
    return sum(m.weight.numel() for m in model.modules() if isinstance(m, torch.nn.Embedding))


@members()
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_counts_equal_the_module_and_counted_flops(family, data):
    geometry = data.draw(geometries(text_from=int(family.needs_text)))
    shape = data.draw(shapes(family))
    counts = family.counts(shape, geometry)
    model, x, t, condition, order = on_meta(family, shape, geometry)

    total = sum(p.numel() for p in model.parameters())
    assert counts.params_total == total
    assert counts.params == total - tables(model) == sum(counts.params_breakdown.values())
    assert counts.tokens_per_sample == geometry.image_tokens + geometry.text_tokens

    with FlopCounterMode(display=False) as forward:
        model(x, t, condition)
    assert forward.get_total_flops() == BATCH * counts.flops_forward
    with FlopCounterMode(display=False) as training:
        training_loss(model, x, x, t, condition, order).mean().backward()
    assert training.get_total_flops() == BATCH * counts.flops_train
    assert counts.flops_train == sum(counts.flops_breakdown.values())
    if family.name != "masked":  # which trains on what it hides, or twice
        assert 2 * counts.flops_forward < counts.flops_train <= 3 * counts.flops_forward


@members()
def test_training_is_nearly_three_forwards(family):
    geometry = Geometry(32, 32, 4, 2, 77, text_dim=768, pooled_dim=768)
    counts = family.counts(family.shape(6, 384, single_depth=None), geometry)
    if family.name == "masked":
        expected = {"mdt-v1": 5.8, "drop": 2.0}[family.masking]
        assert counts.flops_train / counts.flops_forward == pytest.approx(expected, rel=0.1)
    else:
        assert 2.97 <= counts.flops_train / counts.flops_forward <= 3


# --- known answers and the dial --------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shape", "geometry", "params"),
    [
        # Counted on diffusers' own classes at the published configurations.
        ("flux", (19, 3072, 24, 38), {"text_dim": 4096, "pooled_dim": 768}, 11_891_178_560),
        # SD3-medium less what its last block's text queries would hold, which nothing reads.
        (
            "mmdit",
            (24, 1536, 24),
            {"text_dim": 4096, "pooled_dim": 2048},
            2_028_328_000 - 1536 * 1537,
        ),
        ("cross-attention", (28, 1152, 16), {"channels": 4, "text_dim": 4096}, 610_837_648),
    ],
)
def test_published_models_have_their_published_size(name, shape, geometry, params):
    sample = Geometry(
        **{"height": 64, "width": 64, "channels": 16, "patch": 2, "text_tokens": 77} | geometry
    )
    family = get_family(name)
    assert family.counts(family.shape(*shape), sample).params == params


def test_dit_small_costs_twice_its_published_multiply_adds():
    """DiT-S/2 at 256 px: 6.06 G multiply-adds in the paper's table, sigma channels included."""
    family, sample = get_family("adaln"), Geometry(32, 32, 4, 2, 1, vocabulary=1001)
    forward = family.counts(family.shape(12, 384, 6), sample).flops_forward
    assert forward == pytest.approx(2 * 6.06e9, rel=0.002)


def test_the_dial_sets_width_and_heads():
    family = get_family("in-context")
    shape = family.shape(15)
    assert (shape.width, shape.heads) == (960, 15)
    assert family.shape(2, heads=4) == family.shape(2, 128, 4)
    flux = get_family("flux").shape(3)
    assert (flux.single_depth, flux.width, flux.heads) == (6, 9 * 64, 9)
    assert get_family("flux").shape(3, single_depth=1).width == 4 * 64


def test_the_papers_largest_sizes():
    """12·L·(64 L)² weights of the blocks make 166M params at depth 15 (the paper's range)."""
    geometry, family = Geometry(32, 32, 4, 2, 120, text_dim=4096), get_family("in-context")
    parts = family.counts(family.shape(15), geometry).params_breakdown
    assert parts["attention"] + parts["mlp"] == pytest.approx(12 * 15 * 960**2, rel=0.01)


def test_rotary_positions_share_out_a_head_as_flux_does():
    assert rotary_axes(128) == (16, 56, 56)
    assert rotary_axes(64) == (8, 28, 28)
    assert rotary_axes(4) is None
    for size in range(6, 200, 2):
        axes = rotary_axes(size)
        assert sum(axes) == size
        assert all(axis % 2 == 0 and axis > 0 for axis in axes)


# --- what cannot be built --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "field", "mend"),
    [
        ("adaln", (0,), "depth", "use 1 to"),
        ("mmdit", (2, 30), "width", "use 32"),
        ("cross-attention", (2, 24, 5), "heads", "use 4"),
        ("masked", (2, 24, 0), "heads", "use 1"),
        ("flux", (2, 32, 8), "heads", "use 4"),
        ("flux", (2, 32, 5), "heads", "use 4"),
        ("flux", (2, 32, 4, 0), "single_depth", "use 4, or mmdit for none"),
        ("adaln", (2, 32, 4, 3), "single_depth", "use flux"),
    ],
)
def test_impossible_shapes_name_a_value_that_works(name, arguments, field, mend):
    with pytest.raises(BadInput, match=rf"^{field}:") as error:
        get_family(name).shape(*arguments)
    assert mend in str(error.value)


def test_unknown_families_and_options_name_the_nearest():
    with pytest.raises(BadInput, match="did you mean 'in-context'"):
        get_family("in-contxt")
    with pytest.raises(BadInput, match="did you mean 'masking'"):
        get_family("masked", {"maskin": "drop"})
    with pytest.raises(BadInput, match=r"options\.ratio: adaln has no options"):
        get_family("adaln", {"ratio": 0.5})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"masking": "mdt-v2"}, "options.masking: 'mdt-v2' is unknown; use mdt-v1 or drop"),
        ({"ratio": 1.0}, "options.ratio: 1.0 is not a share of tokens; use 0.3"),
        ({"ratio": "half"}, "options.ratio: 'half' is not a share of tokens; use 0.3"),
        ({"ratio": True}, "options.ratio: True is not a share of tokens; use 0.3"),
    ],
)
def test_wrong_options_say_what_works(options, said):
    with pytest.raises(BadInput) as error:
        get_family("masked", options)
    assert str(error.value) == said


def test_a_patch_must_divide_the_sample():
    with pytest.raises(BadInput, match=r"geometry\.patch: 3 does not .* 16; use 2"):
        Geometry(16, 16, 3, 3, 0)
    with pytest.raises(BadInput, match=r"patch: 4 does not divide the height 30; use 2, a div"):
        Geometry(30, 32, 3, 4, 0)  # 3 divides the height alone
    Geometry(30, 32, 3, 2, 0)


@members("cross-attention", "mmdit", "flux")
def test_families_that_read_text_refuse_to_go_without(family):
    with pytest.raises(BadInput, match=r"geometry\.text_tokens: .* use 1 or more"):
        family.counts(family.shape(2), Geometry(16, 16, 3, 2, 0))


def test_a_condition_that_a_model_reads_must_be_there():
    geometry = Geometry(8, 8, 3, 2, 4, text_dim=9, pooled_dim=5)
    for name in FAMILIES:
        family = get_family(name)
        model = build(family, family.shape(1, 32, 2), geometry, 0)
        with pytest.raises(BadInput, match=r"condition\.(text|pooled): is missing"):
            model(torch.zeros(1, 3, 8, 8), torch.zeros(1), Condition())


def test_text_longer_than_the_table_is_refused():
    geometry = Geometry(8, 8, 3, 2, 4, vocabulary=9)
    for name in FAMILIES:
        family = get_family(name)
        model = build(family, family.shape(1, 32, 2), geometry, 0)
        words = Condition(torch.zeros(1, 5, dtype=torch.long))
        with pytest.raises(BadInput, match=r"text: 5 tokens .* table of 4 .* cut the text to 4"):
            model(torch.zeros(1, 3, 8, 8), torch.zeros(1), words)
