"""Several resolutions in one study: counted per sample, of one model, resumed to the bit."""

import copy

import numpy as np
import pytest
import torch
import yaml
from conftest import TINY, ditlaw
from family_cases import FEATURES, batch, each_family, shape_of, stirred
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ditlaw.data import evaluated_on, open_held_out, open_source
from ditlaw.data.cache import Cache, HeldOut, Stream
from ditlaw.data.manifest import ImageFacts, SourceFacts, TextFacts
from ditlaw.data.places import prepare_study
from ditlaw.data.scenes import Scenes
from ditlaw.data.shards import write_manifest, write_shard
from ditlaw.data.wanted import check_manifest, wanted_of
from ditlaw.errors import BadInput
from ditlaw.families import Geometry, get_family
from ditlaw.flow import shifted, stratified, timesteps, training_loss
from ditlaw.flow.sampler import times
from ditlaw.laws.kappa import kappa_of
from ditlaw.models import build, build_sized
from ditlaw.observations import Observations
from ditlaw.study import (
    make_run,
    parse_study,
    plan_study,
    preset_text,
    study_mix,
    study_runs,
    variants,
)
from ditlaw.study.data_section import Data
from ditlaw.study.mix import Mix, counts_of, dealt, pattern
from ditlaw.study.schema import Timesteps
from ditlaw.training.evaluate import Grid
from ditlaw.training.folder import RunFolder
from ditlaw.training.observation import observation
from ditlaw.training.run import train
from ditlaw.training.trunk import Trunk
from ditlaw.training.weights import load_model

CPU = torch.device("cpu")
BUCKETS = [
    {"height": 16, "width": 16, "weight": 3},
    {"height": 16, "width": 24, "weight": 2},
    {"height": 24, "width": 16},
]
SHAPES = [(bucket["height"], bucket["width"]) for bucket in BUCKETS]


def study(buckets=BUCKETS, geometry=None, **changes):
    content = yaml.safe_load(TINY) | {
        "budgets": [1.5e8, 4e8],
        "shapes": [{"depth": 1, "width": 16, "heads": 2}],
        "evaluation": {"samples": 48, "pictures": 2, "sampler_steps": 3},
    }
    content["geometry"] |= {"buckets": buckets} | (geometry or {})
    return parse_study(yaml.safe_dump(content | changes), "s.yaml")


def spec(**changes):
    return study_runs(study(**changes))[0]


# Sums over steps.


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=6))
def test_steps_are_dealt_by_weight_and_evenly(weights):
    weights = tuple(weights)
    order = pattern(weights)
    assert tuple(np.bincount(order)) == weights
    for steps in range(3 * len(order)):
        counted = np.bincount((order * 3)[:steps], minlength=len(weights))
        assert dealt(weights, steps) == tuple(counted)
        ideal = steps * np.array(weights) / sum(weights)
        assert np.abs(counted - ideal).max() < max(1.0, len(weights) / 2)


def test_two_buckets_of_equal_weight_take_turns_and_one_is_always_taken():
    assert pattern((1, 1)) == (0, 1)
    assert pattern((2, 1)) == (0, 1, 0)
    assert pattern((1,)) == (0,)


def test_sums_are_what_adding_step_by_step_gives():
    run = spec()
    mix, counts = run.mix(), run.mix().each
    tokens = flops = usual = 0
    for step in range(1, 40):
        bucket = mix.bucket(step)
        tokens += 2 * counts[bucket].tokens_per_sample
        flops += 2 * counts[bucket].flops_train
        usual += 2 * counts[bucket].flops_6nd
        assert (mix.images(step), mix.tokens(step)) == (2 * step, tokens)
        assert (mix.flops(step), mix.flops_6nd(step)) == (flops, usual)
        assert mix.last_step(flops) == step
        assert mix.last_step(flops - 1) == step - 1
        assert sum(mix.images_each(step)) == 2 * step
    assert run.flops(39) == flops
    assert mix.tokens_per_sample == pytest.approx((3 * 80 + 3 * 112) / 6)


def test_every_stop_is_the_last_step_within_its_budget():
    run = spec()
    for stop in run.stops:
        assert run.flops(stop.step) <= stop.budget < run.flops(stop.step + 1)


def test_one_bucket_is_as_none():
    plain, one = study([]), study(BUCKETS[:1])
    assert [r.stops for r in study_runs(plain)] == [r.stops for r in study_runs(one)]
    assert plan_study(plain).runs == plan_study(one).runs


def test_weights_are_in_lowest_terms():
    doubled = [bucket | {"weight": 2 * bucket.get("weight", 1)} for bucket in BUCKETS]
    assert study(doubled).geometry.weights() == study().geometry.weights() == (3, 2, 1)


def test_the_plan_counts_each_sample_as_what_it_is():
    plan = plan_study(study())
    run, mix = plan.runs[0], spec().mix()
    assert run.tokens == mix.tokens(run.steps)
    assert 80 * run.images < run.tokens < 112 * run.images
    assert [size.tokens_per_sample for size in plan.sizes] == [80, 112, 112]
    assert [size.share_of_images for size in plan.sizes] == [3 / 6, 2 / 6, 1 / 6]
    assert [size.share_of_tokens for size in plan.sizes] == [240 / 576, 224 / 576, 112 / 576]
    assert run.flops == sum(
        images * counts.flops_train
        for images, counts in zip(mix.images_each(run.steps), mix.each, strict=True)
    )


def test_laws_read_means_over_samples():
    mixed = study()
    assert Observations(None, "s", study=mixed).tokens_per_image() == 96
    mix = study_mix(mixed, mixed.shape(mixed.shapes[0]))
    kappa = kappa_of(None, mixed)
    log_n = np.log(mix.each[0].params)
    wanted = np.log(mix.flops_per_sample / mix.tokens_per_sample)
    assert float(kappa.log(log_n) + log_n) == pytest.approx(wanted, rel=1e-9)


# What may be mixed.


@pytest.mark.parametrize(
    ("buckets", "changes", "said"),
    [
        (BUCKETS[1:], {}, "geometry.buckets: none is 16x16, the geometry's own size; set height"),
        ([BUCKETS[0]] * 2, {}, "geometry.buckets.1: 16x16 is listed twice"),
        ([*BUCKETS, {"height": 16, "width": 21}], {}, r"buckets.3.width: 21 .* use 22"),
        (
            [*BUCKETS, {"height": 68, "width": 16}],
            {},
            "geometry.buckets.3.height: scenes have multiples of",
        ),
        ([BUCKETS[0] | {"weight": 0}], {}, "geometry.buckets.0.weight: 0"),
        (BUCKETS, {"family": "masked"}, r"geometry.buckets: masked .* .masking: drop"),
        (BUCKETS, {"evaluation": {"samples": 5}}, "evaluation.samples: 5 cannot .* use 6"),
        (
            BUCKETS,
            {"evaluation": {"timesteps": {"shift_from": 64}}},
            "evaluation.timesteps: shift_from is for objective.timesteps",
        ),
    ],
)
def test_what_cannot_be_mixed_is_one_line(buckets, changes, said):
    with pytest.raises(BadInput, match=said) as error:
        study(buckets, **changes)
    assert "\n" not in str(error.value)


def test_a_family_of_the_users_whose_weights_depend_on_the_size_is_refused(written):
    more = """
class Placed(Mine):
    def __init__(self, depth, width, heads, geometry):
        super().__init__(depth, width, heads, geometry)
        self.places = nn.Parameter(torch.zeros(geometry.height, geometry.width))
"""
    family = written(more=more, attribute="Placed")
    sizes = [Geometry(8, side, 3, 2, 4, vocabulary=17) for side in (8, 12)]
    with pytest.raises(BadInput, match=r"geometry.buckets: .* params at 8x8 and .* at 8x12"):
        counts_of(family, family.shape(1, 12, 2), sizes)


@pytest.mark.parametrize("kept", [True, False])
def test_buffers_of_the_users_may_depend_on_the_size_if_they_are_not_kept(written, kept):
    more = f"""
class Placed(Mine):
    def __init__(self, depth, width, heads, geometry):
        super().__init__(depth, width, heads, geometry)
        rows = torch.arange(geometry.height).float()[:, None].expand(-1, geometry.width)
        self.register_buffer("places", rows.clone(), persistent={kept})
    def forward(self, x, t, condition):
        return super().forward(x + self.places, t, condition)
"""
    family = written(more=more, attribute="Placed")
    # As many places, but not the same ones.
    sizes = [Geometry(h, w, 3, 2, 4, vocabulary=17) for h, w in ((8, 12), (12, 8))]
    shape = family.shape(1, 12, 2)
    if kept:
        with pytest.raises(BadInput, match=r"at 12x8 differs in places; .*persistent=False"):
            build_sized(family, shape, sizes, 0)
        return
    model = build_sized(family, shape, sizes, 0)
    x, t, condition, _ = batch(sizes[1])
    fresh = build(family, shape, sizes[1])
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(model(x, t, condition), fresh(x, t, condition))


# One model at several sizes.

SIZES = [FEATURES, Geometry(12, 8, 4, 2, 5, text_dim=20, pooled_dim=12)]


def sized(family):
    """A model of both sizes, all of whose weights take part."""
    model = build_sized(family, shape_of(family), SIZES, 0)
    model.load_state_dict(stirred(family, SIZES[0]).state_dict())
    return model


MIXABLE = ["in-context", "cross-attention", "adaln", "mmdit", "flux"]


@each_family(*MIXABLE)
def test_each_size_is_what_a_model_of_that_size_computes_with_the_same_weights(family):
    model = sized(family)
    for geometry in SIZES:
        fresh = build(family, shape_of(family), geometry)
        fresh.load_state_dict(model.state_dict())
        x, t, condition, _ = batch(geometry)
        assert torch.equal(model(x, t, condition), fresh(x, t, condition))


@each_family(*MIXABLE)
def test_all_sizes_move_the_same_weights(family):
    model = sized(family)
    names = [name for name, _ in model.named_parameters()]
    assert names == [
        name for name, _ in build(family, shape_of(family), FEATURES).named_parameters()
    ]
    assert list(model.state_dict()) == list(model.first.state_dict())
    x, t, condition, order = batch(SIZES[1])
    training_loss(model, x, x, t, condition, order).mean().backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in model.parameters())
    assert all(
        p.grad is q.grad
        for p, q in zip(model.parameters(), model.models[1].parameters(), strict=True)
    )


def test_a_masked_model_hides_tokens_of_each_size():
    family = get_family("masked", {"masking": "drop"})
    model = sized(family)
    for geometry in SIZES:
        x, t, condition, order = batch(geometry)
        fresh = build(family, shape_of(family), geometry)
        fresh.load_state_dict(model.state_dict())
        target = torch.ones_like(x)
        assert torch.equal(
            training_loss(model, x, target, t, condition, order),
            training_loss(fresh, x, target, t, condition, order),
        )
    assert model(x, t, condition).shape == x.shape


def test_a_copy_shares_its_own_weights_and_no_other_size_is_read():
    model = sized(get_family("in-context"))
    other = copy.deepcopy(model).requires_grad_(False)
    with torch.no_grad():
        next(iter(other.parameters())).add_(1.0)
    x, t, condition, _ = batch(SIZES[1])
    assert not torch.equal(model(x, t, condition), other(x, t, condition))
    fresh = build(get_family("in-context"), shape_of(get_family("in-context")), SIZES[1])
    fresh.load_state_dict(other.state_dict())
    assert torch.equal(other(x, t, condition), fresh(x, t, condition))
    with pytest.raises(BadInput, match="x: 8x8 is not a size of the study; use 8x12, 12x8"):
        model(x[..., :8, :8], t, condition)


# Training on a mixture.


def test_a_run_of_several_sizes_learns_and_resumes_to_the_bit(tmp_path):
    run = spec(recipe={"batch": 4, "learning_rate": {"value": 8e-3}})
    whole, halves = Trunk(run, CPU), Trunk(run, CPU)
    start = Grid(run, CPU)
    before = start.measured(whole.averaged_model())
    for _ in whole.run(60):
        pass
    for _ in halves.run(17):
        pass
    state = {name: tensor.clone() for name, tensor in halves.state().items()}
    again = Trunk(run, CPU)
    again.restore(state)
    for _ in again.run(60):
        pass
    for name, value in whole.state().items():
        assert torch.equal(value, again.state()[name]), name
    after = start.measured(whole.averaged_model())
    for column in ("loss", "loss_16x16", "loss_16x24", "loss_24x16"):
        assert after[column] < 0.95 * before[column]


def test_a_row_counts_by_bucket_and_tells_of_each_size(tmp_path):
    run = spec()
    folder = RunFolder(tmp_path / run.id)
    folder.create(run)
    assert train(folder, CPU) == "done"
    row = folder.observations()[-1]
    mix = run.mix()
    assert row["tokens"] == mix.tokens(row["steps"])
    assert row["flops"] == mix.flops(row["steps"])
    assert row["flops_6nd"] == 6 * row["params"] * row["tokens"]
    # Points are dealt by weight: 24, 16 and 8 of 48.
    losses = [row[f"loss_{size}"] for size in ("16x16", "16x24", "24x16")]
    assert row["loss"] == pytest.approx(np.dot(losses, [24, 16, 8]) / 48)
    assert row["evaluated_on"] == "scenes-24@16x16-16@16x24-8@24x16"
    status = folder.status()
    assert (status.tokens, status.flops) == (row["tokens"], row["flops"])
    # What was kept is read back into every size.
    model = load_model(folder, row["budget"], CPU)
    assert Grid(run, CPU).measured(model)["loss"] == row["loss"]
    with Image.open(folder.picture(row["budget"])) as picture:
        assert picture.size == (32, 16)  # two of the geometry's own size


def test_each_bucket_goes_through_its_own_samples_in_order(monkeypatch):
    run, asked = spec(), []
    trunk = Trunk(run, CPU)
    for number, source in enumerate(trunk.sources):
        read = source.read
        monkeypatch.setattr(
            source,
            "read",
            lambda start, count, n=number, read=read: (
                asked.append((n, start, count)) or read(start, count)
            ),
        )
    for _ in trunk.run(13):
        pass
    for number in range(3):
        starts = [start for n, start, count in asked if n == number]
        assert starts == list(range(0, 2 * len(starts), 2))
    assert sorted(n for n, _, _ in asked) == [0] * 7 + [1] * 4 + [2] * 2


def test_epochs_are_those_of_the_bucket_that_repeats_most():
    run = spec()
    stop, mix = run.stops[-1], run.mix()
    each = mix.images_each(stop.step)
    row = observation(run, stop, [10_000, each[1] // 2, None])
    assert row["epochs"] == pytest.approx(each[1] / (each[1] // 2))
    assert "epochs" not in observation(run, stop, [None] * 3)


# Samples of several sizes.


def cache(folder, sizes, samples=40):
    generator = np.random.default_rng(0)
    shards = []
    for i, (height, width) in enumerate(sizes):
        images = generator.integers(0, 256, (samples, 3, height, width), dtype=np.uint8)
        keys = [f"{height}x{width}-{n}" for n in range(samples)]
        shards.append(write_shard(folder, f"{i:05}", {"images": images}, keys, keys))
    return write_manifest(
        folder,
        SourceFacts(kind="made"),
        ImageFacts(kind="pixels", channels=3),
        TextFacts(kind="none"),
        shards,
        [],
    )


def test_a_cache_is_read_by_size(tmp_path):
    cache(tmp_path, [(16, 16), (16, 24), (16, 16)])
    opened = Cache(tmp_path)
    streams = {size: Stream(opened, 0.2, 3, size) for size in ((16, 16), (16, 24))}
    held = {size: HeldOut(opened, 0.2, size) for size in streams}
    rows = np.concatenate([s.chosen for s in streams.values()] + [h.chosen for h in held.values()])
    assert sorted(rows) == list(range(120))  # every row is in one stream, and in one alone
    for size, stream in streams.items():
        assert stream.read(0, 2 * stream.samples).images.shape[2:] == size
        assert held[size].read(0, 3).images.shape[2:] == size
    assert streams[16, 24].samples + held[16, 24].samples == 40
    with pytest.raises(BadInput, match="every sample of 8x8 is held out"):
        Stream(opened, 0.2, 3, (8, 8))


def test_a_cache_must_have_the_sizes_of_the_buckets_and_no_others(tmp_path):
    own = Geometry(16, 16, 3, 2, 0)
    data = Data(source="encoded", path="x", name="mine")
    both = cache(tmp_path / "two", [(16, 16), (16, 24)])
    one = cache(tmp_path / "one", [(16, 16)])
    check_manifest(both, data, own, ((16, 24), (16, 16)))
    check_manifest(one, data, own)
    with pytest.raises(BadInput, match=r"geometry.buckets: mine has no sample of 16x24; leave"):
        check_manifest(one, data, own, ((16, 16), (16, 24)))
    with pytest.raises(BadInput, match=r"come in 2 sizes; set buckets: \[\{height: 16, width: 16"):
        check_manifest(both, data, own)
    with pytest.raises(BadInput, match=r"geometry.width: is 16, and .* set width: 24"):
        check_manifest(cache(tmp_path / "other", [(16, 24)]), data, own)


def test_raw_pictures_are_wanted_at_every_size():
    data = Data(source="files", path="x")
    sizes = ((16, 16), (16, 24))
    assert wanted_of(data, Geometry(16, 16, 3, 2, 0), None, sizes).sizes == sizes
    assert wanted_of(data, Geometry(16, 16, 3, 2, 0)).sizes == ((16, 16),)


def test_pictures_of_all_shapes_are_prepared_and_trained_on(tmp_path):
    """From files to a row: each picture lies in the bucket of its shape, and in it alone."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for i in range(60):
        width, height = [(20, 20), (30, 20), (21, 32)][i % 3]
        Image.new("RGB", (width, height), (4 * i, 80, 200)).save(pictures / f"{i:02}.png")
        (pictures / f"{i:02}.txt").write_text("a colour")
    mixed = study(
        data={"source": "files", "path": str(pictures), "held_out": 0.25},
        geometry={"text_tokens": 2},
        evaluation={"samples": 24, "pictures": 0},
        budgets=[2e8],
    )
    prepare_study(mixed, tmp_path)
    folder = RunFolder(tmp_path / "runs" / "one")
    folder.create(study_runs(mixed)[0])
    assert train(folder, CPU) == "done"
    row = folder.observations()[0]
    sources = Trunk(folder.spec(), CPU, tmp_path).sources
    held = [HeldOut(source.cache, 0.25, size) for source, size in zip(sources, SHAPES, strict=True)]
    assert [a.samples + b.samples for a, b in zip(sources, held, strict=True)] == [20, 20, 20]
    images = folder.spec().mix().images_each(row["steps"])
    repeats = [n / source.samples for n, source in zip(images, sources, strict=True)]
    assert row["epochs"] == max(repeats)
    assert row["epochs"] > row["images"] / sum(source.samples for source in sources)
    assert {"loss_16x16", "loss_16x24", "loss_24x16"} <= row.keys()


def test_scenes_show_the_same_at_every_size_and_differ_between_studies_sizes():
    index = np.arange(200)
    small, large = Scenes(3).draw(index), Scenes(3, size=(32, 48)).draw(index)
    assert large.images.shape == (200, 3, 32, 48)
    # The pixel at the middle of a cell lies half a pixel beside it, which is less here.
    assert np.mean(small.words == large.words) > 0.88
    means = large.images.reshape(200, 3, 16, 2, 16, 3).mean(axis=(3, 5))
    assert np.corrcoef(means.ravel(), small.images.ravel())[0, 1] > 0.98
    # A stream's scenes are of its size alone: a mixture does not show one scene twice.
    streams = [open_source(Data(), 0, size=size) for size in ((16, 16), (16, 24), (24, 16))]
    words = [stream.read(0, 20).words for stream in streams]
    assert not any(np.array_equal(a, b) for a, b in zip(words, words[1:] + words[:1], strict=True))
    np.testing.assert_array_equal(words[0], Scenes(0).read(0, 20).words)


def test_what_was_evaluated_on_names_the_sizes():
    def pictures(*sizes):
        return [open_held_out(Data(), size=size).read(0, 2).images for size in sizes]

    assert evaluated_on(Data(), pictures((16, 16))) == "scenes"
    assert evaluated_on(Data(), pictures((24, 16))) == "scenes-2@24x16"


# The shift of t.


@pytest.mark.parametrize("tokens", [64, 256, 1024])
def test_the_shift_of_esser_et_al(tokens):
    """t' = s·t/(1 + (s − 1)·t) with s = sqrt(m/n), equation 23: log-odds of t move by ln s."""
    density = Timesteps(mean=0.3, std=0.8, shift_from=256)
    quantiles = stratified(1000, torch.Generator().manual_seed(0))
    plain = timesteps(density.model_copy(update={"shift_from": 0}), quantiles, tokens)
    moved = timesteps(density, quantiles, tokens)
    s = (tokens / 256) ** 0.5
    torch.testing.assert_close(torch.logit(moved), torch.logit(plain) + np.log(s))
    torch.testing.assert_close(moved, s * plain / (1 + (s - 1) * plain))
    # It is what other pixels of the noise see: σ/(1 − σ) as large times s.
    assert torch.equal(timesteps(density, quantiles, 256), plain) == (tokens in (64, 256, 1024))
    assert shifted(0.0, s) == 0
    assert shifted(1.0, s) == pytest.approx(1)


def test_the_sampler_steps_where_training_was():
    assert times(4) == [1, 0.75, 0.5, 0.25, 0]
    assert times(4, 2.0) == pytest.approx([1, 6 / 7, 2 / 3, 0.4, 0])
    run = spec(objective={"timesteps": {"shift_from": 16}})
    assert run.shift == 2  # of 64 tokens, the geometry's own size
    assert spec().shift == 1


def test_a_shift_is_told_and_moves_training_by_bucket(monkeypatch):
    run = spec(objective={"timesteps": {"density": "uniform", "shift_from": 16}})
    row = observation(run, run.stops[-1], [None] * 3)
    assert row["train_timesteps"] == "uniform,shift_from=16"
    assert row["timesteps"] == "uniform"
    seen = []

    def caught(model, x0, noise, t, condition, order):
        seen.append((tuple(x0.shape[2:]), float(t.mean())))
        return training_loss(model, x0, noise, t, condition, order)

    monkeypatch.setattr("ditlaw.training.step.training_loss", caught)
    for _ in Trunk(run, CPU).run(60):
        pass
    t = (np.arange(1000) + 0.5) / 1000
    for size, tokens in (((16, 16), 64), ((16, 24), 96)):
        mean = np.mean([t for shape, t in seen if shape == size])
        # Means of 2 stratified t a step; unshifted they would be 0.5.
        assert mean == pytest.approx(shifted(t, (tokens / 16) ** 0.5).mean(), abs=0.03)
        assert mean > 0.58


# Other sizes of latents, and videos.


def test_the_papers_other_resolution_has_four_times_the_image_tokens():
    small, large = (parse_study(preset_text(name), name) for name in ("paper", "paper-512"))
    assert small.geometry.geometry().image_tokens == 256
    assert large.geometry.geometry().image_tokens == 1024
    for a, b in zip(study_runs(small), study_runs(large), strict=True):
        assert a.counts().params == b.counts().params
        assert b.mix().tokens_per_sample == a.mix().tokens_per_sample + 768
        assert b.flops(1) > 3 * a.flops(1)  # the text does not grow
    assert {n.code for n in plan_study(large).warnings} >= {"plan-only"}


def test_a_video_is_planned_as_it_is_counted():
    geometry = {"height": 8, "width": 12, "channels": 4, "patch": 2, "frames": 5}
    content = yaml.safe_load(TINY) | {
        "data": {"source": "described"},
        "geometry": geometry | {"text_tokens": 7, "text_dim": 48},
    }
    planned = plan_study(parse_study(yaml.safe_dump(content), "s")).runs[1]
    assert planned.tokens == planned.images * (5 * 4 * 6 + 7)
    counted = ditlaw(
        *("count", "--depth", planned.depth, "--width", planned.width, "--heads", planned.heads),
        *("--latent", "5x8x12x4", "--patch", 2, "--text-tokens", 7, "--text-dim", 48, "--json"),
    ).json
    assert counted["tokens_per_sample"] == 5 * 4 * 6 + 7
    assert planned.flops == planned.images * counted["flops"]["train"]
    assert planned.params == counted["params"]


def test_counts_of_the_users_module_are_kept_for_every_bucket(written, tmp_path):
    family = written()
    mixed = study(
        [{"height": 16, "width": 16}, {"height": 16, "width": 20}],
        geometry={"text_tokens": 16},
        family=family.path,
        budgets=[2e9],
    )
    (variant,) = variants(mixed)
    run = make_run(variant, mixed.shape(mixed.shapes[0]), 0, [2e9])
    folder = RunFolder(tmp_path / "run")
    folder.create(run)
    assert folder.spec() == run
    assert len(run.counted) == 2
    assert run.counted[1].flops_train > run.counted[0].flops_train
    assert isinstance(folder.spec().mix(), Mix)
