"""Saved laws: the same forecasts after loading, and files that are no law."""

import json

import pytest
from laws_data import frame

from ditlaw import laws
from ditlaw.errors import BadInput
from ditlaw.observations import Observations
from ditlaw.study import digest, parse_study, preset_text


def test_a_saved_law_forecasts_the_same(noisy, tmp_path):
    path = tmp_path / "a.law.json"
    laws.save_law(noisy, path)
    again = laws.load_law(path)
    assert again.optimum(1e21) == noisy.optimum(1e21)
    assert again.loss_at(1e9, 1e21) == noisy.loss_at(1e9, 1e21)
    assert again.result() == noisy.result()


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
