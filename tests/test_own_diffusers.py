"""A class of diffusers as a family: its config, its arguments, its counts."""

import pytest
import torch
from own_cases import FEATURES, WORDS, counted

from ditlaw.errors import BadInput
from ditlaw.families import Geometry, get_family
from ditlaw.models import Condition, build


def both(name: str, ours: str, geometry: Geometry, depth=2, width=48, heads=2, single=None):
    theirs = counted(get_family(f"diffusers:{name}"), geometry, depth, width, heads, single)
    return theirs, counted(get_family(ours), geometry, depth, width, heads, single)


def linear(inputs: int, outputs: int) -> int:
    return (inputs + 1) * outputs


@pytest.mark.parametrize("geometry", [FEATURES, WORDS], ids=["features", "words"])
@pytest.mark.parametrize(
    ("name", "ours", "single"),
    [
        ("FluxTransformer2DModel", "flux", 3),
        ("PixArtTransformer2DModel", "cross-attention", None),
    ],
)
def test_flux_and_pixart_are_counted_as_their_closed_forms(name, ours, single, geometry):
    theirs, form = both(name, ours, geometry, single=single)
    for field in ("params", "params_total", "flops_forward", "flops_train", "tokens_per_sample"):
        assert getattr(theirs, field) == getattr(form, field), field
    assert sum(theirs.flops_breakdown.values()) == theirs.flops_train
    assert sum(theirs.params_breakdown.values()) == theirs.params
    assert "transformer_blocks" in theirs.flops_breakdown


@pytest.mark.parametrize("geometry", [FEATURES, WORDS], ids=["features", "words"])
def test_sd3_has_text_queries_in_its_last_block_that_nothing_reads(geometry):
    theirs, form = both("SD3Transformer2DModel", "mmdit", geometry)
    text, tokens = geometry.text_tokens, geometry.tokens
    assert theirs.params == form.params + linear(48, 48)
    extra = 2 * 48 * 48 * text + 4 * 48 * text * tokens
    assert theirs.flops_forward == form.flops_forward + extra
    assert theirs.flops_train == form.flops_train + 3 * extra


def test_dit_embeds_time_and_class_in_every_block():
    geometry = Geometry(16, 16, 4, 2, 1, vocabulary=17)
    theirs, form = both("DiTTransformer2DModel", "adaln", geometry, depth=3)
    time, first = 2 * (256 * 48 + 48 * 48), 2 * 256 * 48
    embedder = linear(256, 48) + linear(48, 48)
    assert theirs.params == form.params + 2 * embedder
    # Its table has one more class, for dropped ones, and there is a table in every block.
    assert theirs.params_total == theirs.params + 3 * 18 * 48
    # Three blocks, and the first one's embedder again for the head; ours has one.
    assert theirs.flops_forward == form.flops_forward + 3 * time
    assert theirs.flops_train == form.flops_train + 3 * (3 * time - first)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("AuraFlowTransformer2DModel", {"pos_embed_max_size": 64}),
        ("SanaTransformer2DModel", {"mlp_ratio": 2.0, "qk_norm": "rms_norm_across_heads"}),
    ],
)
def test_classes_that_ditlaw_has_no_family_for(name, options):
    family = get_family(f"diffusers:{name}", options)
    shape = family.shape(2, 48, 2, 1 if name.startswith("Aura") else None)
    counts = family.counts(shape, WORDS)
    assert 2.9 <= counts.flops_train / counts.flops_forward <= 3
    assert sum(counts.flops_breakdown.values()) == counts.flops_train
    model = build(family, shape, WORDS, 0)
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert counts.params_total == trainable
    x = torch.randn(2, 3, 8, 8)
    words = Condition(torch.randint(17, (2, 4)))
    out = model(x, torch.rand(2), words)
    assert out.shape == x.shape
    assert out.isfinite().all()
    assert not torch.equal(out, model(x, torch.rand(2), words.silent()))


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("SD3Transformer2DModel", 1000.0),
        ("PixArtTransformer2DModel", 1000.0),
        ("FluxTransformer2DModel", 1.0),
        ("AuraFlowTransformer2DModel", 1.0),
    ],
)
def test_time_reaches_each_class_in_its_own_units(name, scale):
    """What the sinusoids are made of is 1000·t, whoever multiplies."""
    family = get_family(f"diffusers:{name}")
    model = build(family, family.shape(1, 16, 2), WORDS, 0).model
    assert model.time_scale == scale
    seen = []
    timesteps = next(m for m in model.modules() if type(m).__name__ == "Timesteps")
    timesteps.register_forward_hook(
        lambda module, inputs, output: seen.append(inputs[0] * getattr(module, "scale", 1))
    )
    t = torch.tensor([0.25, 1.0])
    model(torch.zeros(2, 3, 8, 8), t, Condition(torch.zeros(2, 4, dtype=torch.long)))
    torch.testing.assert_close(seen[0], 1000 * t)


def test_videos_are_read_by_classes_that_take_frames():
    geometry = Geometry(8, 8, 4, 2, 4, text_dim=32, frames=3)
    family = get_family("diffusers:WanTransformer3DModel")
    shape = family.shape(1, 24, 2)
    counts = family.counts(shape, geometry)
    both, width = geometry.image_tokens, 24
    assert counts.flops_breakdown["blocks"] >= 3 * 4 * width * both**2
    model = build(family, shape, geometry, 0)
    x = torch.randn(1, 4, 3, 8, 8)
    assert model(x, torch.rand(1), Condition(torch.randn(1, 4, 32))).shape == x.shape


@pytest.mark.parametrize(
    ("name", "options", "geometry", "said"),
    [
        ("SD3Transformer2DModle", {}, WORDS, "did you mean 'SD3Transformer2DModel'"),
        ("DDPMScheduler", {}, WORDS, "is no model; name one"),
        ("SD3Transformer2DModel", {"qk_nrom": "a"}, WORDS, "options: 'qk_nrom' .* 'qk_norm'"),
        ("SD3Transformer2DModel", {"qk_norm": "a"}, WORDS, r"cannot be made at d2w12h2 .Val"),
        ("SD3Transformer2DModel", {}, Geometry(8, 8, 3, 2, 0), r"text_tokens: .* use 1 or more"),
        ("DiTTransformer2DModel", {}, WORDS, r"reads one class a sample; use text_tokens: 1"),
        ("CogView3PlusTransformer2DModel", {}, WORDS, "cannot run without 'original_size'"),
        ("Lumina2Transformer2DModel", {}, WORDS, "does not run .* use another class, or a factory"),
        ("FluxTransformer2DModel", {"axes_dims_rope": [2, 2]}, WORDS, "does not run"),
    ],
)
def test_a_class_that_cannot_be_used_is_one_line(name, options, geometry, said):
    with pytest.raises(BadInput, match=said) as error:
        counted(get_family(f"diffusers:{name}", options), geometry)
    assert "\n" not in str(error.value)
