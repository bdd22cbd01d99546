"""What 'ditlaw evaluate' added to runs becomes columns of the table."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws_data import FEW, frame, observed
from two_sets import HASHES, SETS, frechet_of, simulated

from ditlaw.errors import Refused
from ditlaw.laws import fit
from ditlaw.observations import load_observations
from ditlaw.observations.metric_columns import merged
from ditlaw.observations.metric_names import has_settings, is_drawn, kind, whole
from ditlaw.study import open_study
from ditlaw.sweep import write_table

ROWS = [
    {"run": run, "budget": budget, "steps": steps, "loss": 1.0, "dataset": "a"}
    for run in ("r0", "r1")
    for budget, steps in ((1e9, 100), (2e9, 200))
]
PLACES = {(row["run"], row["budget"]): row["steps"] for row in ROWS}


def line(budget, metric, value, **more):
    steps = {1e9: 100, 2e9: 200}[budget]
    return {"budget": budget, "steps": steps, "metric": metric, "value": value, **more}


def drawn(budget, value, metric="frechet", guidance=2.0, steps=24, **more):
    label = {"sampler": "heun", "samples": 64, **HASHES}
    return line(budget, metric, value, guidance=guidance, sampler_steps=steps, **(label | more))


def table(rows=ROWS, **evaluated):
    return pd.DataFrame(merged(rows, evaluated)).set_index(["run", "budget"])


def test_without_evaluations_rows_are_as_they_were():
    assert merged(ROWS, {}) == ROWS


def test_a_line_of_a_run_that_was_trained_anew_since_is_passed_over():
    lines = [line(1e9, "vlb", 3.5, loss=1.0), line(2e9, "vlb", 3.0, loss=0.9)]
    found = table(r0=lines)
    assert found["vlb"].dropna().to_dict() == {("r0", 1e9): 3.5}


def test_a_metric_is_a_column_of_its_name_with_its_error():
    found = table(
        r0=[
            line(1e9, "vlb", 3.5, error=0.1, samples=64),
            line(2e9, "nll", 3.0, sampler="heun", sampler_steps=50, unconditional=True),
        ]
    )
    assert found.loc[("r0", 1e9), "vlb"] == 3.5
    assert found.loc[("r0", 1e9), "vlb_standard_error"] == 0.1
    assert found.loc[("r0", 2e9), "nll_unconditional"] == 3.0
    assert found["vlb"].notna().sum() == 1
    assert not [name for name in found if ":" in name]
    assert "samples_drawn" not in found  # these metrics draw nothing


def test_each_setting_has_a_column_and_the_best_is_of_those_that_all_rows_have():
    found = table(
        r0=[drawn(1e9, 30, guidance=1), drawn(1e9, 20), drawn(1e9, 5, guidance=4)],
        r1=[drawn(1e9, 18, guidance=1), drawn(1e9, 25, error=1.5)],
    )
    one, other = found.loc[("r0", 1e9)], found.loc[("r1", 1e9)]
    assert (one["frechet:g1:s24"], one["frechet:g2:s24"], one["frechet:g4:s24"]) == (30, 20, 5)
    # Guidance 4 was not drawn of r1, so it is not in the best of either.
    assert (one["frechet"], one["guidance"]) == (20, 2)
    assert (other["frechet"], other["guidance"]) == (18, 1)
    assert np.isnan(found.loc[("r0", 2e9), "frechet"])
    assert one["extractor"] == "scenes-abababab"
    assert one["reference"] == "pictures-12121212"
    assert one["samples_drawn"] == 64


def test_no_setting_in_common_leaves_no_best():
    found = table(r0=[drawn(1e9, 30, guidance=1)], r1=[drawn(1e9, 25)])
    assert "frechet" not in found
    assert found.loc[("r0", 1e9), "frechet:g1:s24"] == 30


def test_the_best_accuracy_is_the_highest_and_its_error_rate_the_lowest():
    found = table(r0=[drawn(1e9, v, "attributes", g) for v, g in ((0.5, 1), (0.75, 2))])
    row = found.loc[("r0", 1e9)]
    assert (row["attributes"], row["attribute_error"]) == (0.75, 0.25)
    assert row["attribute_error:g1:s24"] == 0.5


def test_a_sampler_is_named_where_there_are_two():
    one = table(r0=[drawn(1e9, 30)])
    two = table(r0=[drawn(1e9, 30), drawn(1e9, 35, sampler="euler")])
    assert "frechet:g2:s24" in one
    assert two.loc[("r0", 1e9), "frechet:g2:s24:euler"] == 35
    assert two.loc[("r0", 1e9), "frechet"] == 30


def test_without_captions_there_is_no_guidance():
    found = table(r0=[drawn(1e9, 40, unconditional=True, guidance=None), drawn(1e9, 20)])
    row = found.loc[("r0", 1e9)]
    assert (row["frechet"], row["frechet_unconditional"]) == (20, 40)
    assert row["frechet_unconditional:s24"] == 40


def test_a_line_of_no_observation_or_of_no_number_is_passed_over():
    lines = [
        drawn(1e9, 20) | {"steps": 99},  # the run was trained anew
        drawn(1e9, 20) | {"budget": 7e9},
        drawn(1e9, float("nan")),
        drawn(1e9, "20"),
        drawn(1e9, True),
        {"metric": "frechet"},
        drawn(1e9, 20) | {"metric": None},
        line(1e9, "loss", 0.1),  # training's own
    ]
    assert merged(ROWS, {"r0": lines, "gone": [drawn(1e9, 20)]}) == ROWS


def test_a_later_line_takes_the_place_of_an_earlier_one():
    found = table(r0=[drawn(1e9, 20), drawn(1e9, 21)])
    assert found.loc[("r0", 1e9), "frechet"] == 21


def test_of_several_extractors_the_newest_is_heard():
    old = {"extractor": "clip", "extractor_sha256": "cd" * 32}
    found = table(
        r0=[drawn(1e9, 20, **old), drawn(2e9, 20, **old), drawn(1e9, 7), drawn(2e9, 6)],
        r1=[drawn(1e9, 20, **old), drawn(2e9, 20, **old), drawn(1e9, 8)],
    )
    assert found["frechet"].dropna().tolist() == [7, 6, 8]
    assert set(found["extractor"].dropna()) == {"scenes-abababab"}
    # In the other order it is the other.
    found = table(r0=[drawn(1e9, 7), drawn(1e9, 20, **old)], r1=[drawn(1e9, 8)])
    assert found["frechet"].dropna().tolist() == [20]


def test_each_data_set_keeps_its_own_reference_and_newest():
    rows = [row | {"dataset": row["run"]} for row in ROWS]
    other = {"reference_sha256": "99" * 32}
    found = table(rows, r0=[drawn(1e9, 7), drawn(2e9, 6)], r1=[drawn(1e9, 9, **other)])
    assert found["frechet"].dropna().tolist() == [7, 6, 9]
    assert found.loc[("r1", 1e9), "reference"] == "pictures-99999999"


LINES = st.lists(
    st.fixed_dictionaries(
        {
            "budget": st.sampled_from([1e9, 2e9, "x", None]),
            "steps": st.sampled_from([100, 200]),
            "metric": st.sampled_from(["frechet", "attributes", "vlb", "nll", "run", 3]),
            "value": st.sampled_from([1.0, -0.5, 0, None, float("inf")]),
        },
        optional={
            "guidance": st.sampled_from([1.0, 2.0, None, "a"]),
            "sampler_steps": st.sampled_from([8, 24, None]),
            "sampler": st.sampled_from(["heun", "euler", None]),
            "samples": st.sampled_from([64, 128, None]),
            "extractor": st.sampled_from(["scenes", "clip", None]),
            "extractor_sha256": st.sampled_from(["ab" * 32, None]),
            "unconditional": st.booleans(),
        },
    ),
    max_size=12,
)


@given(one=LINES, two=LINES)
@FEW
def test_whatever_lines_there_are_rows_keep_their_order_and_what_they_measured(one, two):
    rows = merged(ROWS, {"r0": one, "r1": two})
    assert [{k: row[k] for k in ROWS[0]} for row in rows] == ROWS
    for row in rows:
        settings = [v for name, v in row.items() if name.startswith("frechet:")]
        assert "frechet" not in row or row["frechet"] >= min(settings, default=-1)
    assert merged(ROWS, json.loads(json.dumps({"r0": one, "r1": two}))) == rows


def test_names_say_what_a_metric_is():
    assert (whole("frechet:g2:s24"), kind("frechet_unconditional:s24")) == ("frechet", "frechet")
    assert kind("loss_unconditional") == "loss_unconditional"
    assert kind("nll_unconditional") == "nll"
    assert is_drawn("attribute_error:g1:s8")
    assert not is_drawn("vlb")
    assert has_settings("kid:g1:s8")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return simulated(tmp_path_factory.mktemp("metrics") / "one", SETS[:1])


def test_a_study_reads_its_evaluations_and_writes_them_into_its_table(study):
    rows = load_observations(str(study)).frame
    assert rows["frechet"].notna().all()
    assert rows["frechet"].to_numpy() == pytest.approx(
        frechet_of(rows["loss"].to_numpy(), 2.0), rel=0.05
    )
    assert (rows["frechet"] <= rows[["frechet:g1:s24", "frechet:g2:s24"]].min(axis=1)).all()
    write_table(study, open_study(study))
    written = load_observations(str(study / "observations.csv"))
    assert written.frame["frechet:g1:s24"].tolist() == rows["frechet:g1:s24"].tolist()
    assert written.kinds()["reference"] == "pictures-12121212"
    assert fit(written, metric="frechet", draws=50).metric == "frechet"


@pytest.mark.parametrize("name", ["kid", "nll", "vlb_unconditional", "kid:g2:s24"])
def test_a_metric_that_may_be_negative_is_refused_where_it_is(name):
    data = frame(sd=0.002)
    data[name] = data["loss"] - data["loss"].median()
    with pytest.raises(Refused, match=f"{name} is 0 or less in 21 of 42 rows") as told:
        fit(observed(data), metric=name)
    assert "\n" not in str(told.value)
    data[name] = data["loss"] * 2
    assert fit(observed(data), metric=name, draws=50).metric == name
