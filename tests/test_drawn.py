"""Distances and attributes of what a model draws, and the reference that they are against."""

import numpy as np
import pytest
import torch
import yaml
from conftest import TINY

from ditlaw.data import HELD_OUT_SEED
from ditlaw.data.scenes import Scenes
from ditlaw.errors import BadInput, Refused
from ditlaw.metrics import features, reference
from ditlaw.metrics.base import Bench, Settings
from ditlaw.metrics.extractors.inception_network import Inception
from ditlaw.metrics.measuring import check
from ditlaw.study import Study, study_runs
from ditlaw.training.trunk import build_run

ALL = ("frechet", "kid", "attributes")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(reference, "FEWEST", 200)


def spec_of(**changes):
    return study_runs(Study.model_validate(yaml.safe_load(TINY) | changes))[0]


def bench_of(folder, spec=None, **settings) -> Bench:
    settings = Settings(**{"metrics": ALL, "steps": (2,), "samples": 70} | settings)
    return Bench(spec or spec_of(), settings, folder, None, torch.device("cpu"))


def measured(bench, names=ALL, model=None):
    model = model or build_run(bench.spec, 0)
    return {
        key: value
        for task in features.tasks(bench, names)
        for key, value in task.measure(model, task.keys)
    }


def drawing(monkeypatch, change):
    """Makes models "draw" the held-out pictures themselves, changed."""

    def draw(bench, model, samples, steps, guidance, unconditional=False):
        batch = bench.source.read(0, samples)
        for part in torch.from_numpy(batch.images).split(64):
            yield change(part)

    monkeypatch.setattr(Bench, "draw", draw)


def test_every_value_says_what_it_is_of(tmp_path):
    bench = bench_of(tmp_path, guidance=(1.0, 3.0), steps=(1, 2), unconditional=True)
    keys = list(measured(bench))
    assert len(keys) == len(set(keys)) == 2 * (2 * 3 + 2)
    for key in keys:
        assert (key.samples, key.sampler, key.extractor) == (70, "euler", "scenes")
        assert len(key.extractor_sha256) == 64
        if key.metric != "attributes":
            assert len(key.reference_sha256) == 64
            assert key.detail == "16×16, bilinear; against 200 held-out pictures"
    found = {(k.metric, k.sampler_steps, k.guidance, k.unconditional) for k in keys}
    assert ("kid", 2, 3.0, False) in found
    assert ("frechet", 1, None, True) in found
    assert not any(k.unconditional for k in keys if k.metric == "attributes")
    few = features.tasks(bench_of(tmp_path, samples=50), ("frechet",))[0].keys[0]
    assert few.detail.endswith("fewer samples than the 64 features")


def test_true_pictures_reach_the_ceiling_and_spoiled_ones_do_not(tmp_path, monkeypatch):
    def by_name(change, captions="dense"):
        drawing(monkeypatch, change)
        spec = spec_of(data={"captions": captions})
        return {
            k.metric: (k, v) for k, v in measured(bench_of(tmp_path, spec, samples=200)).items()
        }

    true = by_name(lambda images: images)
    assert true["frechet"][1].value < 1e-8
    assert true["kid"][1].value < 0  # unbiased: the same pictures are nearer than two draws
    assert true["frechet"][1].error is None
    key, accuracy = true["attributes"]
    assert accuracy.value > 0.93
    assert key.detail == f"at most {accuracy.value:.4f}, of the true pictures"
    assert 0 < accuracy.error < 0.02
    grey = by_name(lambda images: images.mean(1, keepdim=True).expand(-1, 3, -1, -1))
    assert grey["frechet"][1].value > 50
    assert grey["kid"][1].value > 10 * grey["kid"][1].error > 0
    assert grey["attributes"][1].value < 0.3
    # Of a sparse caption one cell counts: a picture whose other cells are wrong is right.
    words = Scenes(HELD_OUT_SEED, "sparse").read(0, 200).words
    cells = torch.from_numpy(words > 0).reshape(-1, 1, 4, 4).float()
    kept = torch.nn.functional.interpolate(cells, scale_factor=4)
    masks = iter(kept.split(64))
    sparse = by_name(lambda images: images * next(masks), "sparse")
    assert sparse["attributes"][1].value > 0.7
    assert sparse["frechet"][1].value > 50


def test_only_what_is_asked_is_measured(tmp_path):
    task = features.tasks(bench_of(tmp_path), ALL)[0]
    kid = [key for key in task.keys if key.metric == "kid"]
    assert [k for k, _ in task.measure(build_run(spec_of(), 0), kid)] == kid


def test_the_reference_is_computed_once_and_checked(tmp_path, monkeypatch):
    bench = bench_of(tmp_path)
    extractor = features.open_extractor("scenes")
    first = reference.reference_of(bench, extractor, 70)
    (file,) = (tmp_path / "metrics").iterdir()
    whole = file.read_bytes()
    monkeypatch.setattr(reference, "_pictures", None)  # nothing is computed from here on
    again = reference.reference_of(bench_of(tmp_path), extractor, 70)
    np.testing.assert_array_equal(again.features, first.features)
    assert again.sha256 == first.sha256
    # The same scenes under other captions are the same reference; other counts are another.
    sparse = bench_of(tmp_path, spec_of(data={"captions": "sparse"}))
    assert reference.reference_of(sparse, extractor, 70).sha256 == first.sha256
    monkeypatch.undo()
    monkeypatch.setattr(reference, "FEWEST", 201)
    assert reference.reference_of(bench, extractor, 70).sha256 != first.sha256
    assert len(list((tmp_path / "metrics").iterdir())) == 2
    monkeypatch.setattr(reference, "FEWEST", 200)
    changed = bytearray(whole)
    changed[-5] ^= 1  # one bit of one feature
    for damaged in (whole[:1000], b"", bytes(changed)):
        file.write_bytes(damaged)
        reference.reference_of(bench, extractor, 70)
        assert file.read_bytes() == whole


def test_a_reference_of_a_finite_set_has_all_of_it(tmp_path):
    bench = bench_of(tmp_path)
    assert reference.reference_count(bench, 300) == 300
    bench.source.samples = 90
    assert reference.reference_count(bench, 70) == 90
    bench.source.samples = 10**6
    assert reference.reference_count(bench, 70) == reference.MOST


@pytest.mark.parametrize(
    ("spec", "settings", "said"),
    [
        ({}, {"metrics": ("fid",)}, "frechet, or give --extractor inception:FILE"),
        ({}, {"extractor": "inception:/no/such"}, "no such file"),
        ({}, {"samples": 2}, "samples: 2 are too few"),
        ({"data": {"source": "digits"}}, {}, "extractor: is needed for pictures of digits"),
        (
            {"data": {"source": "digits"}},
            {"metrics": ("attributes",)},
            "attributes are known of scenes alone",
        ),
    ],
)
def test_what_cannot_be_measured_is_said_before_any_work(spec, settings, said):
    settings = Settings(**{"metrics": ALL} | settings)
    with pytest.raises(BadInput, match=said):
        check(spec_of(**spec), settings)


def test_latents_and_videos_are_refused():
    latents = dict(height=8, width=8, channels=4, patch=2, text_tokens=4, vocabulary=9)
    for more, said in (({}, "4 channels of latents"), ({"frames": 2}, "makes videos")):
        spec = spec_of(data={"source": "described"}, geometry=latents | more)
        with pytest.raises(BadInput, match=said):
            check(spec, Settings(metrics=("frechet",)))


def test_a_model_that_draws_no_numbers_is_refused(tmp_path, monkeypatch):
    drawing(monkeypatch, lambda images: images * float("nan"))
    with pytest.raises(Refused, match="not finite"):
        measured(bench_of(tmp_path))


def test_only_inceptions_distance_is_a_fid(tmp_path, monkeypatch):
    torch.manual_seed(0)
    torch.save(Inception().state_dict(), tmp_path / "weights.pth")
    monkeypatch.setattr(reference, "FEWEST", 3)
    settings = dict(samples=3, steps=(1,), extractor=f"inception:{tmp_path / 'weights.pth'}")
    check(spec_of(), Settings(metrics=("fid",), **settings))
    ((key, value),) = measured(bench_of(tmp_path, **settings), ("frechet",)).items()
    assert (key.metric, key.extractor, value.value > 0) == ("fid", "inception", True)
    assert "299×299" in key.detail
    assert key.detail.endswith("fewer samples than the 2048 features")
