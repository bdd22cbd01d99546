"""Pictures drawn by finished runs, for captions of all kinds."""

import jsonschema
import numpy as np
import pytest
import torch
from conftest import ditlaw
from evaluate_cases import CPU, FEATURES, LABELS, LATENTS, PIXELS, RUNS, WORDS, cached_run
from PIL import Image

from ditlaw.data import open_held_out
from ditlaw.data.manifest import TextFacts
from ditlaw.data.said import read_captions, said
from ditlaw.errors import BadInput
from ditlaw.flow import sample
from ditlaw.flow.noise import normal
from ditlaw.models import condition_of
from ditlaw.results import json_schema
from ditlaw.sampling import sample_run
from ditlaw.training.evaluate import to_bytes
from ditlaw.training.folder import RunFolder
from ditlaw.training.weights import load_model

SIDES = (3, 16, 16)
LAYOUT = "teal cream · navy " * 4


@pytest.fixture
def run(trained):
    return trained / "runs" / RUNS[1]


def text_file(folder, *lines):
    path = folder / "captions.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def pixels(path):
    return np.asarray(Image.open(path))


def test_the_command_draws_the_held_out_captions(run, tmp_path):
    out = tmp_path / "out"
    done = ditlaw("sample", run, "--out", out, "--json", "--steps", 3, "--sampler", "heun")
    assert done.code == 0, done.err
    jsonschema.validate(done.json, json_schema("sample"))
    assert len(done.json["images"]) == 16
    assert done.json["images"][0] == str(out / "0001.png")
    assert (done.json["sampler"], done.json["steps"], done.json["guidance"]) == ("heun", 3, 2.0)
    folder = RunFolder(run)
    batch = open_held_out(folder.spec().data).read(0, 16)
    expected = sample(
        load_model(folder, 6e9, CPU),
        normal(0, 0, 16, SIDES),
        condition_of(batch),
        sampler="heun",
        steps=3,
        guidance=2.0,
    )
    drawn = np.stack([pixels(path) for path in done.json["images"]]).astype(int)
    assert np.abs(drawn - to_bytes(expected)).max() <= 1
    sheet = pixels(done.json["sheet"])
    assert sheet.shape == (64, 64, 3)
    assert np.array_equal(sheet[16:32, 32:48], drawn[6])
    again = ditlaw("sample", run, "--out", out)
    assert again.code == 2
    assert "exists already" in again.err


def test_captions_that_were_drawn_can_be_given_back(run, tmp_path):
    first = sample_run(run, tmp_path / "a", steps=2)
    assert first.captions[0].count(" ") == 15
    path = text_file(tmp_path, *first.captions[:3])
    second = sample_run(run, tmp_path / "b", captions=path, steps=2)
    assert second.captions == first.captions[:3]
    for a, b in zip(first.images, second.images, strict=False):
        assert np.abs(pixels(a).astype(int) - pixels(b)).max() <= 1
    other = sample_run(run, tmp_path / "c", captions=path, steps=2, seed=1, budget=2.2e9)
    assert other.budget == 2.2e9
    assert not np.array_equal(pixels(first.images[0]), pixels(other.images[0]))


def test_words_and_labels_of_a_cache_are_told_as_in_training(tmp_path):
    words = cached_run(tmp_path / "w", PIXELS, WORDS)
    path = text_file(tmp_path, "Red, blue!", "", "red dragon BLUE cat", "·")
    drawn = sample_run(words.path, tmp_path / "out", captions=path)
    assert len(drawn.images) == 3
    assert pixels(drawn.images[0]).shape == (4, 4)  # grey
    [note] = drawn.warnings
    assert note.code == "unknown-words"
    assert "dragon, cat:" in note.text
    told = said(read_captions(path), WORDS, (1, 4, 4), 3)
    assert told.read(0, 3).text.tolist() == [[2, 3, 0], [2, 1, 3], [0, 0, 0]]
    assert said(["two", "·"], LABELS, (1, 4, 4), 1).read(0, 2).text.tolist() == [[2], [0]]
    held_out = sample_run(words.path, tmp_path / "held")
    assert set(" ".join(held_out.captions).split()) <= {"?", "red", "blue"}


def test_features_draw_for_held_out_captions_alone(tmp_path):
    run = cached_run(tmp_path / "f", PIXELS, FEATURES)
    assert len(sample_run(run.path, tmp_path / "out").images) > 2
    with pytest.raises(BadInput, match="features of a text encoder"):
        sample_run(run.path, tmp_path / "x", captions=text_file(tmp_path, "a cat"))


def test_latents_are_refused(tmp_path):
    run = cached_run(tmp_path / "l", LATENTS, FEATURES)
    with pytest.raises(BadInput, match="take their VAE"):
        sample_run(run.path, tmp_path / "out")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "has no caption"),
        (["teal cream"], "caption 1 has 2 words; a scene takes 16"),
        ([LAYOUT, LAYOUT.replace("navy", "nayv", 1)], "caption 2: 'nayv' .* did you mean 'navy'"),
    ],
)
def test_scene_captions_that_cannot_be_told(run, tmp_path, lines, message):
    with pytest.raises(BadInput, match=message):
        sample_run(run, tmp_path / "out", captions=text_file(tmp_path, *lines))
    assert not (tmp_path / "out").exists()


def test_other_captions_and_budgets_that_cannot_be(run, tmp_path):
    with pytest.raises(BadInput, match="no label 'tow'; did you mean 'two'"):
        said(["tow"], LABELS, SIDES, 1)
    with pytest.raises(BadInput, match="trained without captions"):
        said(["a"], TextFacts(kind="none"), SIDES, 0)
    with pytest.raises(BadInput, match=r"--budget: 1e\+09 was not observed; the run has 2.2e\+09"):
        sample_run(run, tmp_path / "out", budget=1e9)
    with pytest.raises(BadInput, match="No such file"):
        sample_run(run, tmp_path / "out", captions=tmp_path / "none.txt")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(BadInput, match="not UTF-8"):
        sample_run(run, tmp_path / "out", captions=tmp_path / "bytes")


def test_a_silent_layout_is_a_dot(run, tmp_path):
    told = said(["·"], None, SIDES, 16).read(0, 1)
    assert not told.text.any()
    assert told.text.shape == (1, 16)
    assert torch.equal(torch.from_numpy(told.images), torch.zeros(1, *SIDES))
