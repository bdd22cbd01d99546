"""Every family's module: how it starts, what it reads, and in which precision it computes."""

import pytest
import torch
from family_cases import (
    FEATURES,
    GEOMETRIES,
    VIDEO,
    WORDS,
    batch,
    each_family,
    make,
    shape_of,
    stirred,
)

from ditlaw.errors import BadInput
from ditlaw.families import Geometry, get_family
from ditlaw.flow import training_loss
from ditlaw.models import Condition, build
from ditlaw.models.attention import attend, norm_rotate, rotary
from ditlaw.models.base import Dense
from ditlaw.models.tokens import patchify, sincos_2d, unpatchify

each_geometry = pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)


# --- the start -------------------------------------------------------------------------------


@each_family()
@each_geometry
def test_the_first_velocity_is_zero_and_weights_come_from_the_seed(family, geometry):
    x, t, condition, _ = batch(geometry)
    assert torch.equal(make(family, geometry)(x, t, condition), torch.zeros_like(x))
    one, same, other = (list(make(family, geometry, seed).parameters()) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(one, other, strict=True))


@each_family()
def test_layers_start_with_the_variance_that_they_state(family):
    model = build(family, family.shape(4, 256, 4), FEATURES, 0)
    residual = (2 * family.shape(4, 256, 4).blocks) ** -0.5
    starts = set()
    for name, layer in model.named_modules():
        if not isinstance(layer, Dense):
            continue
        assert not layer.bias.any()
        if name == "modulation" and family.name == "cross-attention":
            expected = 0.02  # PixArt's shared modulation
        else:
            expected = layer.start * layer.in_features**-0.5
            starts.add(layer.start)
        assert layer.weight.std().item() == pytest.approx(expected, rel=0.15), name
    assert starts == {0.0, residual, 1.0}


@each_family()
def test_the_stream_keeps_its_scale_however_deep_the_model(family):
    """Tokens before the head have a size of about one at the start, at 2 blocks and at 24."""
    sizes = []
    for depth in (2, 24):
        model = build(family, family.shape(depth, 64, 2), FEATURES, 0)
        seen = []
        model.head.register_forward_pre_hook(lambda _, inputs, seen=seen: seen.append(inputs[0]))
        x, t, condition, _ = batch(FEATURES, 4)
        model(x, t, condition)
        sizes.append(seen[0].std().item())
    assert 0.3 < sizes[0] < 3
    assert sizes[1] == pytest.approx(sizes[0], rel=0.5)


# --- what is read ----------------------------------------------------------------------------


@each_family()
@each_geometry
def test_every_input_matters(family, geometry):
    model = stirred(family, geometry)
    x, t, condition, _ = batch(geometry)
    base = model(x, t, condition)
    text, pooled = condition
    changed = [(x + 1, t, condition), (x, 1 - t, condition)]
    reads_pooled = family.name in ("adaln", "masked", "mmdit", "flux")
    if pooled is not None and reads_pooled:
        changed.append((x, t, Condition(text, pooled + 1)))
    if pooled is None or not reads_pooled or family.needs_text:
        other = (text + 1) % 17 if geometry.vocabulary else text + 1
        changed.append((x, t, Condition(other, pooled)))
    for inputs in changed:
        assert not torch.allclose(base, model(*inputs), atol=1e-4)


@each_family()
@each_geometry
def test_every_weight_is_trained(family, geometry):
    """A weight that no gradient reaches would be counted in N and buy nothing."""
    model = stirred(family, geometry)
    x, t, condition, order = batch(geometry)
    training_loss(model, x, torch.zeros_like(x), t, condition, order).mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


@each_family()
@each_geometry
def test_samples_of_a_batch_do_not_mix(family, geometry):
    model = stirred(family, geometry)
    x, t, condition, _ = batch(geometry)
    together = model(x, t, condition)
    for i in range(len(x)):
        alone = model(x[i : i + 1], t[i : i + 1], condition.rows(slice(i, i + 1)))
        torch.testing.assert_close(alone[0], together[i], atol=1e-5, rtol=1e-5)


@each_family()
def test_the_loss_is_the_same_however_the_batch_is_split(family):
    model = stirred(family)
    x, t, condition, order = batch(n=8)
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        whole = training_loss(model, x, noise, t, condition, order).mean()
        for size in (1, 3, 4):
            parts = [
                training_loss(model, x[p], noise[p], t[p], condition.rows(p), order[p])
                for p in (slice(i, i + size) for i in range(0, 8, size))
            ]
            assert torch.cat(parts).mean().item() == pytest.approx(whole.item(), abs=1e-6)


@each_family("masked")
def test_masking_hides_what_it_says(family):
    """Only patches kept by the order reach a masked branch; sampling and evaluation see all."""
    model = stirred(family)
    x, t, condition, order = batch()
    hidden = order.argsort(dim=1)[:, model.kept :]
    patches = patchify(x, 2)
    index = hidden[:, :, None].expand(-1, -1, patches.shape[-1])
    other = unpatchify(patches.scatter(1, index, 9.0), WORDS)
    target = torch.zeros_like(x)
    before, after = (model(z, t, condition, target, order) for z in (x, other))
    if family.masking == "mdt-v1":  # the mean of the full and the masked latent's error
        full = [model(z, t, condition).square().flatten(1).mean(1) for z in (x, other)]
        assert not torch.allclose(full[0], full[1], rtol=0.01)
        before, after = 2 * before - full[0], 2 * after - full[1]
    torch.testing.assert_close(before, after, rtol=1e-4, atol=1e-4)


@each_family()
def test_samples_of_another_shape_are_refused(family):
    """Turned by a quarter they would have as many patches, and be read at wrong places."""
    model = make(family, FEATURES)
    x, t, condition, order = batch(FEATURES)
    for other in (x.mT, x[:, :, None]):
        with pytest.raises(BadInput, match=r"x: .* use \(batch, \*\(4, 8, 12\)\)"):
            training_loss(model, other, other, t, condition, order)


# --- precision, compilation, memory ----------------------------------------------------------


@each_family()
@each_geometry
def test_bfloat16_is_decided_layer_by_layer(family, geometry):
    """Blocks compute in bfloat16, the path from t to the modulation in float32, weights stay so."""
    full, half = stirred(family, geometry), stirred(family, geometry, precision="bfloat16")
    seen = {}
    for name, layer in half.named_modules():
        if isinstance(layer, Dense):
            layer.register_forward_hook(
                lambda _, inputs, out, name=name: seen.update({name: (inputs[0].dtype, out.dtype)})
            )
    x, t, condition, order = batch(geometry)
    assert not torch.is_autocast_enabled("cpu")
    a, b = full(x, t, condition), half(x, t, condition)
    assert b.dtype == torch.float32
    assert (a - b).norm() < 0.03 * a.norm()
    assert not torch.equal(a, b)
    once = ("vector.", "time.", "modulation")
    for name, (before, after) in seen.items():
        expected = torch.float32 if name.startswith(once) else torch.bfloat16
        assert (before, after) == (expected, expected), name
    training_loss(half, x, torch.zeros_like(x), t, condition, order).mean().backward()
    assert all(p.dtype == p.grad.dtype == torch.float32 for p in half.parameters())


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # dynamo's
@each_family()
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_compiles_to_one_graph(family, precision):
    """No graph break: no value is read back to the host, no shape depends on data."""
    torch._dynamo.reset()
    x, t, condition, order = batch()
    eager, compiled = (stirred(family, precision=precision) for _ in range(2))
    target = torch.zeros_like(x)

    def objective(model, x, t, text, order):
        return training_loss(model, x, target, t, Condition(text), order).mean()

    plain = objective(eager, x, t, condition.text, order)
    plain.backward()
    call = torch.compile(objective, fullgraph=True, backend="aot_eager")
    graph = call(compiled, x, t, condition.text, order)
    graph.backward()
    tolerance = {"float32": 1e-5, "bfloat16": 0.05}[precision]
    torch.testing.assert_close(graph, plain, rtol=tolerance, atol=tolerance)
    for a, b in zip(eager.parameters(), compiled.parameters(), strict=True):
        assert (a.grad - b.grad).norm() <= tolerance * (1 + a.grad.norm())


@each_family()
def test_checkpointing_changes_memory_and_nothing_else(family):
    x, t, condition, order = batch()
    noise, kept, grads = torch.zeros_like(x), [], []
    for checkpointing in (False, True):
        model = stirred(family, checkpointing=checkpointing)
        held = 0

        def hold(tensor):
            nonlocal held
            held += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(hold, lambda tensor: tensor):
            value = training_loss(model, x, noise, t, condition, order).mean()
        value.backward()
        kept.append(held)
        grads.append([p.grad for p in model.parameters()])
    assert kept[1] < 0.5 * kept[0]
    for a, b in zip(*grads, strict=True):
        torch.testing.assert_close(a, b)


# --- parts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "geometry",
    [Geometry(8, 12, 3, 2, 0), Geometry(16, 16, 4, 4, 0), Geometry(4, 4, 1, 1, 0), VIDEO],
)
def test_unpatchify_undoes_patchify(geometry):
    x = batch(geometry)[0]
    assert torch.equal(unpatchify(patchify(x, geometry.patch), geometry), x)


def test_a_text_slot_starts_where_its_cell_is():
    """The code of a cell's centre is nearest to the patches of that cell."""
    fine, coarse = sincos_2d(24, 8, 8), sincos_2d(24, 4, 4, span=(8, 8))
    distance = torch.cdist(coarse, fine).view(4, 4, 8, 8)
    for row in range(4):
        for column in range(4):
            nearest = distance[row, column].flatten().topk(4, largest=False).indices
            cells = {(int(i) // 8 // 2, int(i) % 8 // 2) for i in nearest}
            assert cells == {(row, column)}


@pytest.mark.parametrize("turned", [True, False])
def test_fused_norm_and_rotation_are_what_they_fuse(turned):
    """Against torch's own RMS norm and a rotation written out, values and gradients."""
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(2, 6, 2, 3, 12, generator=generator, dtype=torch.float64, requires_grad=True)
    weight = torch.rand(2, 12, generator=generator, dtype=torch.float64, requires_grad=True)
    places = torch.cartesian_prod(torch.arange(1), torch.arange(2), torch.arange(3))
    turn = tuple(p.double() for p in rotary(12, places, (4, 4, 4))) if turned else None

    def plain(x, weight):
        unit = torch.nn.functional.rms_norm(x, (12,), eps=1e-6) * weight[:, None]
        if turn is None:
            return unit
        cos, sin = (part[:, None, None] for part in turn)
        a, b = unit.chunk(2, -1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)

    torch.testing.assert_close(norm_rotate(x, weight, turn), plain(x, weight))
    wanted = torch.autograd.grad(plain(x, weight).sin().sum(), (x, weight))
    found = torch.autograd.grad(norm_rotate(x, weight, turn).sin().sum(), (x, weight))
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b)
    assert torch.autograd.gradcheck(lambda x, w: norm_rotate(x, w, turn), (x, weight))


def test_rotation_makes_scores_depend_on_offsets_alone():
    """q·k of two places is the same wherever the pair lies."""
    places = torch.tensor([[0, 0, 0], [0, 2, 1], [0, 3, 5], [0, 5, 6]])
    turn = tuple(p.double() for p in rotary(12, places, (4, 4, 4)))
    q, k = torch.randn(2, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    qk = torch.stack([q, k])[None, None, :, None].expand(1, 4, 2, 1, 12)
    q, k = norm_rotate(qk, torch.ones(2, 12, dtype=torch.float64), turn)[0, :, :, 0].unbind(1)
    torch.testing.assert_close(q[0] @ k[1], q[2] @ k[3])
    assert not torch.isclose(q[0] @ k[1], q[0] @ k[2])


@pytest.mark.parametrize("biased", [False, True])
def test_attention_by_matmuls_is_attention(biased):
    """The way that bfloat16 takes on a CPU, against float64."""
    q, k, v = torch.randn(3, 2, 7, 3, 8, generator=torch.Generator().manual_seed(4)).unbind(0)
    bias = torch.randn(3, 7, 7, generator=torch.Generator().manual_seed(5)) if biased else None
    half = [None if part is None else part.bfloat16() for part in (q, k, v, bias)]
    exact = attend(*(None if part is None else part.double() for part in half))
    torch.testing.assert_close(attend(*half).double(), exact, atol=0.03, rtol=0.03)


def test_classes_reach_the_vector_of_dit():
    """One word is a class: the only text that adaln reads."""
    family = get_family("adaln")
    geometry = Geometry(8, 8, 3, 2, 1, vocabulary=11)
    model = build(family, shape_of(family), geometry, 0)
    assert model.vector.words.table.weight.shape == (11, 32)
