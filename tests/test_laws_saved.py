"""Saved laws: the same forecasts after loading, and files that are no law."""

import json
from pathlib import Path

import numpy as np
import pytest
from laws_data import best_loss, frame

from ditlaw import __version__, laws
from ditlaw.digests import digest
from ditlaw.errors import BadInput, Refused
from ditlaw.laws.candidates import METHODS
from ditlaw.observations import Observations
from ditlaw.study import parse_study, preset_text


def test_a_saved_law_forecasts_the_same(noisy, tmp_path):
    path = tmp_path / "a.law.json"
    laws.save_law(noisy, path)
    again = laws.load_law(path)
    assert again.optimum(1e21) == noisy.optimum(1e21)
    assert again.loss_at(1e9, 1e21) == noisy.loss_at(1e9, 1e21)
    assert again.result() == noisy.result()


@pytest.mark.parametrize("method", METHODS)
def test_every_method_answers_the_same_after_loading(method, tmp_path):
    rows = Observations(frame(sd=0.005, seeds=2), source="a")
    law = laws.fit(rows, method=method, draws=60, level=0.8, seed=3)
    laws.save_law(law, tmp_path / "a.law.json")
    again = laws.load_law(tmp_path / "a.law.json")
    assert again.result() == law.result()
    assert again.optimum(1e21) == law.optimum(1e21)
    assert np.array_equal(again.loss_draws([1e20, 1e21]), law.loss_draws([1e20, 1e21]))
    # One budget of a curve is what is answered for it alone.
    curve = law.curve([1e19, 1e21])
    assert curve.params.high[1] == pytest.approx(law.optimum(1e21).params.high, rel=1e-12)
    assert curve.run.low[1] == pytest.approx(law.optimum(1e21).loss.low, rel=1e-12)


def test_a_saved_law_knows_what_its_loss_is_a_loss_of(tmp_path):
    data = frame(sd=0.005).assign(dataset="scenes", weighting=None, timesteps=1000, family="x")
    law = laws.fit(Observations(data, source="a"), draws=60)
    laws.save_law(law, tmp_path / "a.law.json")
    again = laws.load_law(tmp_path / "a.law.json")
    kinds = again.observations.kinds()
    assert kinds == law.observations.kinds() == {"dataset": "scenes", "timesteps": "1000"}
    assert again.result() == law.result()


def test_a_law_of_a_study_is_saved_with_its_study(tmp_path):
    study = parse_study(preset_text("quickstart"), "quickstart")
    law = laws.fit(Observations(frame(sd=0.005), source="a", study=study))
    laws.save_law(law, tmp_path / "a.law.json")
    again = laws.load_law(tmp_path / "a.law.json")
    assert again.observations.study == study
    assert again.optimum(1e21) == law.optimum(1e21)


def test_files_that_are_no_law(noisy, tmp_path):
    content = laws.to_json(noisy)
    cases = {
        "missing": None,
        "text": "not json",
        "list": "[]",
        "other": json.dumps({"kind": "else"}),
        "newer": json.dumps({**content, "version": 99}),
        "cut": json.dumps({k: v for k, v in content.items() if k != "rows"}),
        "edited": json.dumps({**content, "rows": content["rows"][1:]}),
        "odd": signed({**content, "level": "high"}),
        "nan": json.dumps({**content, "seed": float("nan")}),
    }
    for name, text in cases.items():
        path = tmp_path / f"{name}.law.json"
        if text is not None:
            path.write_text(text)
        with pytest.raises(BadInput) as caught:
            laws.load_law(path)
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)


OLDER = Path(__file__).parent / "data" / "version1.law.json"


def test_a_law_of_version_1_still_loads_and_says_that_it_was_fitted_again(tmp_path):
    content = json.loads(OLDER.read_text())
    assert content["version"] == 1
    law = laws.load_law(OLDER)
    result = law.result()
    assert result.rows.used == 25
    assert [(d.row, d.reason) for d in result.rows.dropped] == [(99, "loss is not positive")]
    assert law.observations.digest() == content["data_digest"]
    assert result.range.flops == tuple(content["range"]["flops"])
    assert result.warnings[0].code == law.optimum(1e20).warnings[0].code == "older-law"
    assert law.optimum(1e20).loss.value == pytest.approx(best_loss(1e20), rel=0.02)
    again = tmp_path / "again.law.json"
    laws.save_law(law, again)
    assert "older-law" not in {note.code for note in laws.load_law(again).result().warnings}


def test_an_older_law_that_is_refused_today_says_why():
    content = json.loads(OLDER.read_text())
    smallest = sorted({row[content["columns"].index("budget")] for row in content["rows"]})[:2]
    content["rows"] = [
        row for row in content["rows"] if row[content["columns"].index("budget")] in smallest
    ]
    with pytest.raises(Refused, match=r"^f: .*usable budget"):
        laws.from_json(json.loads(signed(content)), "f")


def test_a_saved_law_says_what_it_is_of_and_what_wrote_it(noisy):
    content = laws.to_json(noisy)
    assert content["version"] == 2
    assert content["ditlaw"] == __version__
    assert content["method"] == "auto"
    assert content["flops_as"] == "exact"
    assert content["range"]["flops"] == list(noisy.result().range.flops)
    assert content["data_digest"] == noisy.observations.digest()


@pytest.mark.parametrize("version", [0, -1, True, None, "2", 1.5])
def test_a_version_that_is_none_is_named(noisy, version):
    content = {**laws.to_json(noisy), "version": version}
    with pytest.raises(BadInput, match="no law version"):
        laws.from_json(json.loads(signed(content)))


def test_a_law_of_a_newer_ditlaw_names_its_writer(noisy):
    content = {**laws.to_json(noisy), "version": 3, "ditlaw": "9.1"}
    with pytest.raises(BadInput, match=r"saved by ditlaw 9\.1 .law version 3"):
        laws.from_json(json.loads(signed(content)))


def signed(content):
    """The same file with a digest that fits it."""
    rest = {k: v for k, v in content.items() if k != "digest"}
    return json.dumps(rest | {"digest": digest(rest)})


def of_kappa(content):
    content["kappa"]["log_k"][0] += 0.01


def of_trunk(content):
    content["rows"][0][content["columns"].index("trunk")] = "another"


def of_level(content):
    content["level"] = 0.5


def of_method(content):
    content["method"] = "zz"


def of_metric(content):
    content["metric"] = "params"


@pytest.mark.parametrize("edit", [of_kappa, of_trunk, of_level, of_method, of_metric])
def test_an_edited_law_is_not_read(noisy, edit):
    content = json.loads(json.dumps(laws.to_json(noisy)))
    laws.from_json(content)
    edit(content)
    with pytest.raises(BadInput, match="its content does not match its digest"):
        laws.from_json(content)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"method": "zz"}, "f: method: 'zz' is unknown"),
        ({"level": 1.5}, "f: level: 1.5 is not between 0 and 1"),
        ({"level": 0.0}, "f: level: 0.0 is not between 0 and 1"),
        ({"draws": 1}, "f: draws: 1 is too few"),
    ],
)
def test_a_saved_law_with_settings_that_no_fit_takes(noisy, change, says):
    with pytest.raises(BadInput) as caught:
        laws.from_json(json.loads(signed({**laws.to_json(noisy), **change})), "f")
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)
