"""Weights exchanged with diffusers' classes: the same outputs, the same gradients, both ways."""

import pytest
import theirs
import torch

from ditlaw.errors import BadInput
from ditlaw.exchange import CLASSES, NoClass, exchange_of, load
from ditlaw.families import FAMILIES, Geometry, Shape, get_family
from ditlaw.models import Condition, build

SQUARE = Geometry(8, 8, 3, 2, 5, text_dim=20, pooled_dim=12)
MEAN = Geometry(6, 6, 4, 1, 3, text_dim=24)
WIDE = Geometry(4, 12, 2, 2, 4, text_dim=8, pooled_dim=8)
TALL = Geometry(20, 8, 1, 4, 1, text_dim=16)
WORDS = Geometry(8, 8, 3, 2, 4, vocabulary=9)
LABEL = Geometry(8, 8, 3, 2, 1, vocabulary=11)

MEMBERS = [
    *(("cross-attention", shape, g) for g in (SQUARE, MEAN, WORDS) for shape in ((1, 24, 3),)),
    ("cross-attention", (3, 32, 2), SQUARE),
    ("adaln", (1, 24, 3), LABEL),
    ("adaln", (3, 32, 4), Geometry(4, 4, 2, 1, 1, vocabulary=4)),
    *(("mmdit", shape, g) for g in (WIDE, TALL) for shape in ((1, 24, 2), (3, 32, 4))),
    *(("mmdit", (2, 24, 3), g) for g in (SQUARE, MEAN, WORDS)),
    *(("flux", shape, g) for g in (WIDE, TALL) for shape in ((1, 24, 2, 0), (2, 32, 2, 3))),
    *(("flux", (1, 48, 3, 2), g) for g in (SQUARE, MEAN, WORDS)),
]
members = pytest.mark.parametrize(
    ("name", "shape", "geometry"),
    [(name, Shape(*shape), geometry) for name, shape, geometry in MEMBERS],
    ids=lambda v: str(v) if isinstance(v, Shape) else v if isinstance(v, str) else "",
)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def scatter(model, seed):
    """Weights that nothing cancels: all random, none zero, norms near one; outputs of order 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.named_parameters():
            drawn = torch.randn(value.shape, generator=generator)
            scale = value.shape[-1] ** -0.5 if value.ndim > 1 else 0.2
            norm = "qk_norm" in name or (value.ndim == 1 and name.endswith("weight"))
            value.copy_(1 + 0.2 * drawn if norm else scale * drawn)
    return model.eval()


def batch(geometry, seed=2, n=3, length=None):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, geometry.channels, geometry.height, geometry.width, generator=generator)
    t = torch.rand(n, generator=generator)
    length, pooled = length or geometry.text_tokens, None
    if geometry.vocabulary:
        text = torch.randint(geometry.vocabulary, (n, length), generator=generator)
    else:
        text = torch.randn(n, length, geometry.text_dim, generator=generator)
    if geometry.pooled_dim:
        pooled = torch.randn(n, geometry.pooled_dim, generator=generator)
    return x, t, Condition(text, pooled)


def pair(name, shape, geometry, seed=1):
    """A model of ours and their class with its weights."""
    family = get_family(name)
    exchange = exchange_of(family, shape, geometry)
    ours = scatter(build(family, shape, geometry, 0), seed)
    there = theirs.made(exchange)
    there.load_state_dict(exchange.to_theirs(ours.state_dict()))
    return exchange, ours, there


def words_of(exchange, ours):
    """The looked-up tables of a model of ours, as leaves."""
    return {name: ours.state_dict()[name] for name in exchange.words} or None


def answer(there, geometry, x, t, condition, words=None):
    given = theirs.arguments(geometry, there, condition, words)
    return theirs.velocity(there, geometry, x, t, **given)


def near(a, b):
    """Within 1e-5, of the largest entry where that is under 1."""
    scale = float(b.abs().max().clamp(1e-6, 1))
    torch.testing.assert_close(a / scale, b / scale, atol=1e-5, rtol=0)


@members
def test_ours_as_theirs_computes_the_same(name, shape, geometry):
    exchange, ours, there = pair(name, shape, geometry)
    lengths = {1, geometry.text_tokens} | ({7} if geometry.text_dim else set())
    for length in lengths:
        x, t, condition = batch(geometry, length=length)
        with torch.no_grad():
            made = ours(x, t, condition)
            assert 0.5 < float(made.std()) < 2
            near(answer(there, geometry, x, t, condition, words_of(exchange, ours)), made)


@members
def test_theirs_as_ours_computes_the_same(name, shape, geometry):
    family = get_family(name)
    exchange = exchange_of(family, shape, geometry)
    there = scatter(theirs.made(exchange), 3)
    tied = there.state_dict()
    tied |= {copy: tied[first] for copy, first in exchange.copies.items()}
    there.load_state_dict(tied)
    ours = scatter(build(family, shape, geometry, 0), 4)
    load(ours, exchange.from_theirs(there.state_dict()))
    x, t, condition = batch(geometry)
    with torch.no_grad():
        made = ours(x, t, condition)
        assert 0.5 < float(made.std()) < 2
        near(answer(there, geometry, x, t, condition, words_of(exchange, ours)), made)


def summed(exchange, gradients):
    """Copies of one tensor of ours: its gradient is the sum of theirs."""
    total = {first: gradients[first].clone() for first in exchange.copies.values()}
    for copy, first in exchange.copies.items():
        total[first] += gradients[copy]
    copies = {copy: total[first] for copy, first in exchange.copies.items()}
    return gradients | total | copies


@members
def test_gradients_are_the_same(name, shape, geometry):
    exchange, ours, there = pair(name, shape, geometry)
    x, t, condition = batch(geometry)
    target = torch.randn(x.shape, generator=torch.Generator().manual_seed(9))
    own, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    (ours(own, t, condition) - target).square().mean().backward()
    made = answer(there, geometry, other, t, condition, words_of(exchange, ours))
    (made - target).square().mean().backward()
    near(own.grad, other.grad)
    assert float(own.grad.abs().max()) > 1e-3

    gradients = {
        key: torch.zeros_like(value) if value.grad is None else value.grad
        for key, value in there.named_parameters()
    }
    for key in exchange.unread:
        assert not gradients[key].any()
    gradients |= dict(there.named_buffers()) if exchange.buffers else {}
    expected = exchange.from_theirs(summed(exchange, gradients))
    own = {k: v.grad for k, v in ours.named_parameters() if k not in exchange.words}
    assert own.keys() == expected.keys() - {*exchange.buffers}
    for key, gradient in own.items():
        near(gradient, expected[key])
        assert gradient.any() or key in ends(name, shape), key


def ends(name, shape):
    """What nothing reads: the last text of a flux without single blocks."""
    if name != "flux" or shape.single_depth:
        return set()
    stream = f"double_blocks.{shape.depth - 1}.text"
    layers = [f"{stream}.{layer}" for layer in ("out", "mlp.0", "mlp.2")]
    return {f"{layer}.{part}" for layer in layers for part in ("weight", "bias")}


@members
def test_there_and_back_is_the_identity(name, shape, geometry):
    exchange, ours, there = pair(name, shape, geometry)
    state = ours.state_dict()
    back = exchange.from_theirs(there.state_dict())
    assert back.keys() == {*state, *exchange.buffers} - {*exchange.words}
    for key, value in back.items():
        assert torch.equal(value, state[key] if key in state else ours.get_buffer(key))
    again = exchange.to_theirs(back)
    assert again.keys() == there.state_dict().keys()
    for key, value in there.state_dict().items():
        assert torch.equal(again[key], value)


@members
def test_only_tables_of_words_stay_behind(name, shape, geometry):
    exchange = exchange_of(get_family(name), shape, geometry)
    tables = {"text.words.table.weight", "text.words.positions"}
    if name != "cross-attention":
        tables |= {"vector.words.table.weight"}
    assert set(exchange.words) == (tables if geometry is WORDS else set())


def test_a_larger_table_of_places_is_cut_to_ours():
    """SD3's published table is larger than any latent, and finer than whole patches."""
    family, shape, geometry = get_family("mmdit"), Shape(2, 24, 3), WIDE
    exchange = exchange_of(family, shape, geometry)
    config = exchange.config | {"sample_size": 32, "pos_embed_max_size": 21}
    exchange.check(config)
    there = scatter(theirs.diffusers.SD3Transformer2DModel.from_config(config), 3)
    ours = build(family, shape, geometry, 0).eval()
    own = ours.positions.clone()
    load(ours, exchange.from_theirs(there.state_dict()))
    assert not torch.allclose(own, ours.positions, atol=0.1)
    x, t, condition = batch(geometry)
    with torch.no_grad():
        near(answer(there, geometry, x, t, condition), ours(x, t, condition))


def test_flux_at_its_published_size_is_the_class_as_it_comes():
    """FLUX.1's configuration is the class's own defaults; nothing here takes memory."""
    sample = Geometry(128, 128, 16, 2, 512, text_dim=4096, pooled_dim=768)
    exchange = exchange_of(get_family("flux"), Shape(19, 3072, 24, 38), sample)
    with torch.device("meta"):
        there = theirs.diffusers.FluxTransformer2DModel()
        ours = {name: torch.empty(shape) for name, shape in exchange.ours.items()}
    exchange.check(dict(there.config))
    made = {name: value.shape for name, value in exchange.to_theirs(ours).items()}
    assert made == {name: value.shape for name, value in there.state_dict().items()}


# --- what cannot be exchanged -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "geometry", "said"),
    [
        ("in-context", SQUARE, "no diffusers class computes in-context"),
        ("masked", LABEL, "no diffusers class computes masked"),
        ("adaln", SQUARE, "DiTTransformer2DModel takes a class label: a text of one word"),
        ("adaln", WORDS, "DiTTransformer2DModel takes a class label: a text of one word"),
        ("adaln", Geometry(8, 8, 3, 2, 0), "DiTTransformer2DModel takes a class label"),
        ("adaln", Geometry(8, 4, 3, 2, 1, vocabulary=3), "square samples, not 8 × 4"),
        ("cross-attention", WIDE, "square samples, not 4 × 12"),
        ("flux", Geometry(8, 8, 3, 2, 2, text_dim=8, frames=3), "no .* of flux reads video"),
    ],
)
def test_no_class_says_why(name, geometry, said):
    with pytest.raises(NoClass, match=said):
        exchange_of(get_family(name), Shape(1, 24, 2), geometry)


def test_untied_embedders_of_dit_are_refused():
    exchange = exchange_of(get_family("adaln"), Shape(2, 24, 3), LABEL)
    with pytest.raises(BadInput, match=r"transformer_blocks\.1\.norm1\.emb.* differs from"):
        exchange.from_theirs(theirs.made(exchange).state_dict())


@pytest.mark.parametrize("name", CLASSES)
def test_weights_of_another_model_are_refused(name):
    family, geometry = get_family(name), LABEL if name == "adaln" else SQUARE
    wanted = exchange_of(family, Shape(1, 24, 2), geometry)
    deeper, wider = Shape(2, 24, 2), Shape(1, 32, 2)
    state = theirs.made(exchange_of(family, deeper, geometry)).state_dict()
    with pytest.raises(BadInput, match=r"the weights have 'transformer_blocks\.\d.*shape and geo"):
        wanted.from_theirs(state)
    with pytest.raises(BadInput, match=r"the weights lack 'transformer_blocks\.\d"):
        exchange_of(family, deeper, geometry).from_theirs(theirs.made(wanted).state_dict())
    state = theirs.made(exchange_of(family, wider, geometry)).state_dict()
    with pytest.raises(BadInput, match="this model has"):
        wanted.from_theirs(state)


@pytest.mark.parametrize(
    ("name", "shape", "geometry", "changes", "said"),
    [
        ("cross-attention", (1, 24, 2), SQUARE, {"num_attention_heads": 4}, "4 is not .* use 2"),
        ("cross-attention", (1, 24, 2), SQUARE, {"interpolation_scale": 2}, "2 is not .* use 1"),
        (
            "cross-attention",
            (1, 24, 2),
            Geometry(128, 128, 3, 8, 5, text_dim=20),
            {"interpolation_scale": None},
            "interpolation_scale: 2 is not .* use 1",
        ),
        ("adaln", (1, 24, 2), LABEL, {"norm_eps": None}, "norm_eps: 1e-05 is not .* use 1e-06"),
        ("flux", (1, 32, 2, 1), SQUARE, {"axes_dims_rope": (8, 4, 4)}, "axes_dims_rope"),
    ],
)
def test_weights_that_mean_something_else_are_refused(name, shape, geometry, changes, said):
    exchange = exchange_of(get_family(name), Shape(*shape), geometry)
    exchange.check(dict(theirs.made(exchange).config))
    with pytest.raises(BadInput, match=said):
        exchange.check(exchange.config | changes)


def test_every_family_is_either_exchanged_or_refused():
    assert set(CLASSES) <= set(FAMILIES)
    for name in set(FAMILIES) - set(CLASSES):
        with pytest.raises(NoClass):
            exchange_of(get_family(name), Shape(1, 24, 2), SQUARE)
