"""The whole line in one command, on the tiny study: runs, laws, frozen forecast, check, report."""

import json

import jsonschema
import pytest
from conftest import TINY, ditlaw

from ditlaw.results import json_schema


@pytest.mark.slow
def test_the_demo_goes_from_nothing_to_a_verified_forecast(tmp_path):
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "study.yaml").write_text(TINY)
    done = ditlaw("demo", "--out", folder, "--json")
    assert done.code == 0, done.err
    jsonschema.validate(done.json, json_schema("demo"))
    assert (folder / "report.html").stat().st_size > 100_000
    assert done.json["verification"]["forecast"] == done.json["forecast"]
    frozen = json.loads(next(folder.glob("verify/*/forecast.json")).read_text())
    assert frozen["forecast"] == done.json["forecast"]

    report = folder / "report.html"
    report.unlink()
    rows = (folder / "observations.csv").read_bytes()
    again = ditlaw("demo", "--out", folder, "--json")
    assert again.code == 0, again.err
    assert again.json == done.json
    assert (folder / "observations.csv").read_bytes() == rows
    assert report.exists()
