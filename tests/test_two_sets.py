"""A study of several data sets: each has its law, its check, its report; they are compared."""

import re
from pathlib import Path

import numpy as np
import pytest
from laws_data import frame
from test_cli import answered
from two_sets import TARGET, Trained, loss_of, simulated

from ditlaw.cli import run
from ditlaw.comparison import compare_groups, compare_sources
from ditlaw.comparison.quantities import differing
from ditlaw.data import evaluated_on
from ditlaw.data.manifest import ImageFacts, SourceFacts, TextFacts
from ditlaw.data.places import prepare_study
from ditlaw.data.scenes import VOCABULARY
from ditlaw.data.shards import write_manifest, write_shard
from ditlaw.errors import BadInput, Refused
from ditlaw.observations import load_observations
from ditlaw.report.material import gather
from ditlaw.report.page import render
from ditlaw.report.pictures import gallery, png
from ditlaw.study import open_study
from ditlaw.study.data_section import Data
from ditlaw.training.folder import RunFolder
from ditlaw.verification import freeze_forecast, verifications, verify, verify_folder

CODE = "different-quantities"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return simulated(tmp_path_factory.mktemp("sets") / "two")


def codes(result):
    return {note.code: note.text for note in result.warnings}


def test_a_law_of_two_sets_is_refused_by_name_and_one_of_them_is_fitted(study, capsys):
    for command in (["fit"], ["metrics"], ["forecast", "--flops", "3e11"]):
        assert run([command[0], str(study), *command[1:]]) == 3
        told = capsys.readouterr().err
        assert "choose one with --where dataset=dense" in told
        assert told.count("\n") == 1
    page = study / "compared.html"  # a report sets them side by side
    assert run(["report", str(study), "--out", str(page)]) == 0
    assert "By dataset" in page.read_text()
    found = answered("forecast", study, "--where", "dataset=sparse")
    assert found["flops"] == TARGET
    assert found["recipe"]["depth"] == 1
    assert found["loss"]["value"] > answered("forecast", f"{study}@dataset=dense")["loss"]["value"]


def test_losses_under_other_captions_are_other_quantities_and_the_note_says_which_are_one(study):
    of_loss = compare_groups(str(study), "dataset", [TARGET])
    (pair,) = of_loss.pairs
    assert (pair.a_name, pair.b_name, pair.at[0].verdict) == ("dense", "sparse", "a")
    assert "--metric loss_unconditional or frechet is" in codes(of_loss)[CODE]
    plain = compare_groups(str(study), "dataset", [TARGET], metric="loss_unconditional")
    assert CODE not in codes(plain)
    assert plain.pairs[0].at[0].verdict == "undecided"
    assert "crossing-inside-range" not in codes(plain)  # one truth crosses itself anywhere
    drawn = compare_groups(str(study), "dataset", [TARGET], metric="frechet")
    assert CODE not in codes(drawn)
    assert drawn.pairs[0].at[0].verdict == "a"


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("loss", ["dataset"]),
        ("nll", ["dataset"]),
        ("loss_unconditional", ["evaluated_on"]),
        ("frechet:g2:s24", ["extractor", "reference", "samples_drawn"]),
        ("frechet", ["drawn_with", "extractor", "reference", "samples_drawn"]),
        ("other", ["dataset", "drawn_with", "extractor", "reference", "samples_drawn"]),
    ],
)
def test_what_makes_a_metric_another_quantity(metric, told):
    labels = ("dataset", "evaluated_on", "extractor", "reference", "samples_drawn", "drawn_with")
    stated = [{label: f"{label}-{n}" for label in labels} for n in (1, 2)]
    assert differing(stated, metric) == told
    assert differing([stated[0]] * 2, metric) == []
    # The same pictures under other captions: losses with them differ, and nothing else.
    alike = [stated[0], stated[0] | {"dataset": "dense"}]
    captioned = metric in ("loss", "nll", "other")
    assert differing(alike, metric) == (["dataset"] if captioned else [])
    # Who says nothing of the pictures is held to the name of the data.
    silent = [{"dataset": "a"}, {"dataset": "b"}]
    assert differing(silent, metric) == ["dataset"]


def test_held_out_pictures_are_known_by_themselves_not_by_their_captions():
    a, b = np.zeros((2, 3, 16, 16), np.float32), np.ones((2, 3, 16, 16), np.float32)
    dense, sparse = (Data(source="files", path=f"{name}.tar", caption=name) for name in "ds")
    assert evaluated_on(dense, [a]) == evaluated_on(sparse, [a]) != evaluated_on(dense, [b])
    assert evaluated_on(dense, [a]).startswith("images-")
    scenes = (Data(captions=said) for said in ("dense", "sparse"))
    assert len({evaluated_on(each, [a]) for each in scenes}) == 1


def test_one_name_for_other_pictures_is_told(tmp_path):
    sources = []
    for name in ("images-1", "images-2"):
        path = tmp_path / f"{name}.csv"
        frame(sd=0.002).assign(dataset="photos", evaluated_on=name).to_csv(path, index=False)
        sources.append(str(path))
    said = codes(compare_sources({s: s for s in sources}, [1e20]))
    assert "differ in evaluated_on (images-1; images-2)" in said[CODE]


def test_a_check_is_of_one_set_and_trains_on_it(study):
    for where, error in (((), Refused), (["dataset=x"], BadInput), (["seed=0"], BadInput)):
        with pytest.raises(error, match="dataset"):
            freeze_forecast(study, TARGET, where)
    with pytest.raises(BadInput, match="did you mean 'sparse'"):
        verify(study, TARGET, where=["dataset=spars"])
    done = verify(study, TARGET, where=["dataset=sparse"], executor=Trained())
    folder = verify_folder(study, TARGET, "sparse")
    assert done.frozen == str(folder / "forecast.json")
    specs = [RunFolder(path).spec() for path in folder.glob("runs/*")]
    assert {spec.data.label for spec in specs} == {"sparse"}
    assert all("-sparse-s2" in spec.id for spec in specs)
    value = done.forecast.loss.value
    assert value == pytest.approx(
        loss_of(done.forecast.params.value, done.forecast.tokens.value, "sparse"), rel=0.03
    )
    # Checks never reach a fit, and each is of its own set.
    assert len(load_observations(str(study), ["dataset=sparse"]).frame) == 56
    assert len(verifications(study, [("dataset", "sparse")])) == 1
    assert verifications(study, [("dataset", "dense")]) == []


def test_a_report_of_one_set_holds_its_runs_and_checks_alone(study):
    if not verifications(study, [("dataset", "sparse")]):
        verify(study, TARGET, where=["dataset=sparse"], executor=Trained())
    sparse = gather(str(study), ["dataset=sparse"])
    assert len(sparse.checks) == 1
    assert sparse.data.label == "sparse"
    assert {r.spec.data.label for r in sparse.runs} == {"sparse"}
    assert sum(r.verifying for r in sparse.runs) == 2
    dense = gather(f"{study}@dataset=dense")
    assert dense.checks == []
    assert not any(r.verifying for r in dense.runs)
    assert gather(str(study), ["dataset=dense", "seed=0"]).checks == []
    page = render(sparse)
    assert 'id="metrics"' in page
    assert 'id="fig-metrics"' in page
    assert "2 settings agree" in re.sub(r"\s+", " ", page)


def cache(folder: Path) -> Path:
    """Forty grey squares, each told by its shade."""
    shades = np.arange(40, dtype=np.uint8) * 6
    images = np.broadcast_to(shades[:, None, None, None], (40, 3, 16, 16))
    arrays = {"images": images, "text": np.zeros((40, 16), np.int32)}
    said = [f"a square of shade {shade}" for shade in shades]
    folder.mkdir()
    shard = write_shard(folder, "00000", arrays, [f"k{i}" for i in range(40)], said)
    text = TextFacts(kind="words", field="caption", tokens=16, vocabulary=list(VOCABULARY))
    facts = SourceFacts(kind="files"), ImageFacts(kind="pixels", channels=3)
    write_manifest(folder, *facts, text, [shard], [])
    return folder


def test_prepared_data_show_their_own_captions_and_pictures(tmp_path):
    data = {"source": "encoded", "path": str(cache(tmp_path / "squares")), "held_out": 0.4}
    folder = simulated(tmp_path / "one", [data])
    prepare_study(open_study(folder), folder)
    strip = png(np.zeros((16, 48, 3), np.uint8))
    for path in folder.glob("runs/*"):
        for stop in RunFolder(path).spec().stops:
            picture = RunFolder(path).picture(stop.budget)
            picture.parent.mkdir(exist_ok=True)
            picture.write_bytes(strip)
    material = gather(str(folder))
    found = gallery(material)
    assert len(found.words) == found.shown == 3
    assert all(re.fullmatch(r"a square of shade \d+", words) for words in found.words)
    assert found.strips[0].name == "true picture"
    assert len(found.strips) == 1 + 4
    assert f">{found.words[0]}</p>" in render(material)
    # Without the cache there are still the drawn ones.
    (tmp_path / "squares" / "manifest.json").unlink()
    without = gallery(material)
    assert without.words[0] == "caption 1"
    assert len(without.strips) == 4
