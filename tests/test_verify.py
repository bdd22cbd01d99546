"""A forecast is frozen before its check, never changed, and the check never leaks into a fit."""

import json
import shutil
from pathlib import Path

import jsonschema
import pytest
from conftest import ditlaw

from ditlaw.forecasting import forecast, nearest_shape
from ditlaw.laws import fit
from ditlaw.observations import load_observations
from ditlaw.results import json_schema
from ditlaw.study import load_study
from ditlaw.study.schema import Hardware
from ditlaw.verification import verify_folder

TARGET = 1.2e10


@pytest.fixture(scope="module")
def verified(trained, tmp_path_factory):
    """A copy of the trained study with its target verified, and what was printed."""
    folder = tmp_path_factory.mktemp("verified") / "tiny"
    shutil.copytree(trained, folder)
    before = load_observations(str(folder)).digest()
    done = ditlaw("verify", folder, "--json")
    assert done.code == 0, done.err
    return folder, done.json, before


@pytest.mark.slow
def test_verify_prints_forecast_measured_error_and_inside(verified):
    _, printed, _ = verified
    jsonschema.validate(printed, json_schema("verify"))
    assert printed["forecast"]["flops"] == TARGET
    assert len(printed["runs"]) == 2
    for run in printed["runs"]:
        low, value, high = (run["forecast_loss"][k] for k in ("low", "value", "high"))
        measured = run["measured"]["loss"]
        assert low < value < high
        assert run["error"] == pytest.approx(measured / value - 1)
        assert run["inside"] == (low <= measured <= high)
        assert run["measured"]["flops"] <= TARGET
    assert printed["measured"] == printed["runs"][0]["measured"]


@pytest.mark.slow
def test_the_checks_are_new_runs_of_the_two_nearest_sizes(verified):
    folder, printed, _ = verified
    study = load_study(folder / "study.yaml")
    seeds = {run["seed"] for run in printed["runs"]}
    assert not seeds & set(study.seeds)
    specs = [json.loads(p.read_text()) for p in folder.glob("verify/*/runs/*/spec.json")]
    assert all(spec["stops"][0]["budget"] == TARGET for spec in specs)
    assert len({spec["width"] for spec in specs}) == 2


@pytest.mark.slow
def test_a_repeat_changes_nothing_and_checks_never_reach_a_fit(verified):
    folder, printed, before = verified
    frozen = next(folder.glob("verify/*/forecast.json"))
    content = frozen.read_bytes()
    again = ditlaw("verify", folder, "--json")
    assert again.json == printed
    assert frozen.read_bytes() == content
    assert load_observations(str(folder)).digest() == before
    assert json.loads(content)["data_digest"] == before
    assert {"frozen", "versions", "law", "study_digest", "digest"} <= json.loads(content).keys()


@pytest.mark.slow
def test_a_forecast_is_not_made_after_its_check(verified, tmp_path):
    shutil.copytree(verified[0], tmp_path / "tiny")
    frozen = next((tmp_path / "tiny").glob("verify/*/forecast.json"))
    frozen.unlink()
    done = ditlaw("verify", tmp_path / "tiny")
    assert done.code == 3
    assert "would not be a forecast" in done.err
    assert not frozen.exists()


@pytest.mark.slow
def test_a_damaged_check_is_made_anew(verified, tmp_path):
    shutil.copytree(verified[0], tmp_path / "tiny")
    rows = next((tmp_path / "tiny").glob("verify/*/runs/*/observations.jsonl"))
    row = json.loads(rows.read_text())
    del row["tokens"]
    rows.write_text(json.dumps(row) + "\n")
    assert ditlaw("report", tmp_path / "tiny").code == 0
    assert ditlaw("verify", tmp_path / "tiny", "--json").json["runs"] == verified[1]["runs"]


@pytest.mark.slow
def test_an_edited_forecast_is_refused(verified, tmp_path):
    shutil.copytree(verified[0], tmp_path / "tiny")
    frozen = next((tmp_path / "tiny").glob("verify/*/forecast.json"))
    content = json.loads(frozen.read_text())
    content["losses"][0]["high"] *= 2
    frozen.write_text(json.dumps(content))
    done = ditlaw("verify", tmp_path / "tiny")
    assert done.code == 2
    assert "changed after it was frozen" in done.err
    frozen.write_text("{")
    assert "damaged" in ditlaw("verify", tmp_path / "tiny").err


@pytest.mark.slow
def test_a_changed_an_unfinished_and_a_limited_study_are_not_verified(trained, tmp_path):
    for name, change in {
        "changed": lambda f: edit(f, "batch: 2", "batch: 4"),
        "limited": lambda f: edit(f, "name: tiny", "name: tiny\nlimits: {hours: 1.0e-9}"),
        "unfinished": lambda f: shutil.rmtree(sorted((f / "runs").iterdir())[0]),
    }.items():
        folder = tmp_path / name
        shutil.copytree(trained, folder)
        change(folder)
        done = ditlaw("verify", folder)
        expected = {
            "changed": (2, "recipe.batch: 2 → 4"),
            "limited": (3, "limits.hours"),
            "unfinished": (3, "1 of 6 runs are not done"),
        }[name]
        assert done.code == expected[0], done.err
        assert expected[1] in done.err
        assert not list(folder.glob("verify/*/forecast.json"))


def edit(folder, old, new):
    path = folder / "study.yaml"
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.slow
def test_budgets_that_look_alike_are_verified_apart():
    assert verify_folder(Path("d"), 9.6e11) == Path("d/verify/9.6e+11")
    assert verify_folder(Path("d"), 9.6000001e11) != verify_folder(Path("d"), 9.6e11)


@pytest.mark.slow
def test_a_study_forecast_speaks_of_images_hours_and_a_model_that_can_be_built(trained):
    law = fit(load_observations(str(trained)))
    answer = forecast(law, TARGET)
    assert answer.images.value == pytest.approx(answer.tokens.value / 80)
    assert not answer.assumed_hardware
    recipe = answer.recipe
    assert recipe.width % 4 == 0
    assert (recipe.depth, recipe.heads) == (1, 2)
    assert recipe.params / answer.params.value == pytest.approx(1, abs=0.25)
    assert recipe.gpu_hours <= answer.gpu_hours
    other = forecast(law, TARGET, Hardware(gpu="a100", mfu=0.2))
    assert other.gpu_hours == pytest.approx(answer.gpu_hours * 989.4 / 312 * 2)


@pytest.mark.slow
def test_the_nearest_shape_follows_the_studys_own_path(trained):
    study = load_study(trained / "study.yaml")
    shape = nearest_shape(study, 1e6)
    assert (shape.depth, shape.heads) == (1, 2)
    assert shape.width % 4 == 0
