"""What a law refuses or warns of, and odd tables: one line, never a traceback."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laws_data import best_loss, best_params, frame, observed, one_line_at_most

from ditlaw import laws
from ditlaw.errors import BadInput, Refused
from ditlaw.observations import Observations, load_observations
from ditlaw.study import parse_study, preset_text


def test_refusals_say_what_is_missing():
    data = frame()
    few = data[data["budget"].isin(data["budget"].unique()[:2])]
    with pytest.raises(Refused, match="2 usable budgets"):
        laws.fit(observed(few))
    loose = data.assign(budget=np.nan)
    with pytest.raises(Refused, match="no row has a budget"):
        laws.fit(observed(loose), method="isoflop")
    with pytest.raises(Refused, match="8 rows"):
        laws.fit(observed(loose[::7]))
    with pytest.raises(Refused, match="levels of compute, that runs of 3 sizes"):
        laws.fit(observed(frame(sizes=1)), method="envelope")
    with pytest.raises(Refused, match="6 rows of 6 sizes near their budget's best"):
        laws.fit(observed(frame(sizes=1)), method="surface")
    close = frame(sizes=7)
    close["params"] **= 0.05
    with pytest.raises(Refused, match="akima cannot be fitted to these rows, though 6 budgets"):
        laws.fit(observed(close), method="akima")
    law = laws.fit(observed(loose))
    assert law.result().method == "surface"
    assert law.result().backtest == []
    assert law.optimum(3e20).params.value == pytest.approx(best_params(3e20), rel=1e-4)
    edge = pd.concat(
        [g[g["params"] < best_params(b) * 0.95] for b, g in frame(sizes=15).groupby("budget")]
    )
    with pytest.raises(Refused, match="'edge'"):
        laws.fit(observed(edge))


def test_wrong_usage_names_the_right_one():
    data = observed()
    with pytest.raises(BadInput, match="did you mean 'surface'"):
        laws.fit(data, method="surfce")
    with pytest.raises(BadInput, match="did you mean 'loss'"):
        laws.fit(data, metric="los")
    with pytest.raises(BadInput, match="no numbers"):
        laws.fit(data, metric="run")
    with pytest.raises(BadInput, match="level"):
        laws.fit(data, level=90)
    with pytest.raises(BadInput, match="draws"):
        laws.fit(data, draws=3)
    law = laws.fit(data)
    for flops in (0, -1, np.nan, np.inf):
        with pytest.raises(BadInput, match="not a positive number"):
            law.optimum(flops)


def test_warnings_of_a_fit():
    data = frame(budgets=4, sd=0.003)
    worse = data.assign(loss=np.where(data.index == 3, np.nan, data["loss"]))
    law = laws.fit(Observations(worse, source="t", flops_as="6nd"))
    codes = {n.code for n in law.result().warnings}
    assert {"few-budgets", "6nd-used", "rows-dropped"} <= codes
    assert law.result().rows.dropped[0].row == 3
    rough = laws.fit(observed(frame(sd=0.05, seed=2))).optimum(1e22)
    assert "rough-optimum" in {n.code for n in rough.warnings}


def notes_of(data, **options):
    law = laws.fit(Observations(data, source="t", **options), draws=60)
    return {n.code: n.text for n in law.result().warnings}


def test_untested_forms_are_said_to_weigh_by_their_fit():
    few = notes_of(frame(budgets=3))["no-backtest"]
    assert "no budget could be held out" in few
    assert "each weighs by how well it fits alone" in few
    loose = notes_of(frame().assign(budget=np.nan))["no-backtest"]
    assert "no row has a budget" in loose
    assert "one form" in loose
    assert "no-backtest" not in notes_of(frame())


def test_an_unfinished_study_is_said_to_be():
    study = parse_study(preset_text("quickstart"), "quickstart")
    data = frame(sd=0.003)
    assert "unfinished-study" not in notes_of(data, study=study, planned_rows=len(data))
    assert "unfinished-study" not in notes_of(data)
    said = notes_of(data, study=study, planned_rows=len(data) + 3)["unfinished-study"]
    assert f"3 of the study's {len(data) + 3} observations" in said


def test_wrong_units_are_suspected():
    data = frame()
    assert not {"odd-units", "budget-mismatch"} & notes_of(data).keys()
    images = notes_of(data.assign(tokens=data["tokens"] / 256))
    assert "1.54e+03 times params·tokens" in images["odd-units"]
    giga = notes_of(data.assign(flops=data["flops"] / 1e9))
    assert giga.keys() >= {"odd-units", "budget-mismatch"}
    assert "1e-09 times the row's budget" in giga["budget-mismatch"]
    near = notes_of(data.assign(flops=data["flops"] * 0.95))
    assert "budget-mismatch" not in near


@pytest.mark.parametrize(("factor", "largest"), [(0.95, 3e19), (0.5, 1.5e19), (2.0, 6e19)])
def test_beyond_counts_from_the_flops_that_were_fitted(factor, largest):
    data = frame()
    law = laws.fit(observed(data.assign(flops=data["flops"] * factor)), draws=60)
    assert law.largest_flops == pytest.approx(largest)
    assert law.optimum(3e20).beyond == pytest.approx(3e20 / largest)


def test_what_lies_too_far_is_refused(noisy):
    for flops, side in ((1e300, "largest"), (1e-300, "smallest")):
        for ask in (noisy.optimum, noisy.curve, lambda f: noisy.loss_at(1e9, f)):
            with pytest.raises(Refused, match=rf"flops: .* 1e\+12 times beyond the {side}"):
                ask(flops)
    with pytest.raises(Refused, match="params: "):
        noisy.loss_at(1e300, 1e20)
    assert np.isfinite(noisy.optimum(2.9e31).loss.value)


def test_numbers_at_the_edge_of_arithmetic_are_refused():
    data = frame()
    tiny = data.assign(loss=data["loss"] * 1e-320)
    with pytest.raises(Refused, match=r"no usable row is left .loss is not a number from 1e-100"):
        laws.fit(observed(tiny))
    with pytest.raises(Refused, match="params is not a number from 1e-100 to 1e"):
        laws.fit(observed(data.assign(params=1e200)))
    some = data.assign(tokens=np.where(data.index == 2, 1e-200, data["tokens"]))
    dropped = laws.fit(observed(some)).result().rows.dropped
    assert [(d.row, d.reason) for d in dropped] == [
        (2, "tokens is not a number from 1e-100 to 1e+100")
    ]


def test_a_law_that_no_number_holds_is_refused():
    data = frame()
    steep = data.assign(loss=data["loss"] * (data["flops"] / 5e18) ** -60.0)
    law = laws.fit(observed(steep), draws=60)
    with pytest.raises(Refused, match="coefficient of these laws"):
        law.result()
    with pytest.raises(Refused, match="too small or large to be a number"):
        law.optimum(1e31)


@pytest.mark.parametrize("seed", range(12))
def test_extreme_tables_answer_in_finite_numbers_or_refuse(seed):
    rng = np.random.default_rng(seed)
    data = frame(budgets=int(rng.integers(3, 7)), sizes=int(rng.integers(5, 10)))
    if seed % 2:
        data["loss"] *= 10.0 ** rng.uniform(-95, 95, len(data))
    else:
        data["loss"] = np.clip(data["loss"] ** rng.choice([60.0, 200.0, -100.0]), 1e-99, 1e99)
    for ask in (
        lambda law: json.dumps(law.result().model_dump(mode="json"), allow_nan=False),
        lambda law: law.optimum(law.largest_flops * 9e11),
        lambda law: law.curve([1e10, 1e20, 1e30]),
    ):
        with one_line_at_most():
            ask(laws.fit(observed(data), draws=50))


def test_a_metric_that_grows_is_said_to():
    data = frame()
    worse = data.assign(loss=data["loss"] * (data["flops"] / 1e18) ** 0.2)
    codes = {n.code for n in laws.fit(observed(worse)).result().warnings}
    assert "no-gain" in codes


def test_another_metric():
    data = frame(sd=0.003)
    data["frechet"] = data["loss"] * 10
    data.loc[5, "frechet"] = np.nan
    data.loc[6, "frechet"] = -1.0
    law = laws.fit(observed(data), metric="frechet")
    assert law.optimum(1e20).loss.value == pytest.approx(10 * best_loss(1e20), rel=0.02)
    assert laws.from_json(laws.to_json(law)).optimum(1e20) == law.optimum(1e20)
    assert law.result().rows.used == len(data) - 2


@pytest.mark.parametrize(
    "change",
    [
        {"loss": 1.0},
        {"params": 1e8},
        {"loss": np.nan},
        {"loss": np.inf},
        {"tokens": 0.0},
        {"flops": 1e19},
        {"tokens": 1e10},
        {"trunk": "one"},
        {"budget": 1e18},
    ],
)
@pytest.mark.parametrize("method", ["auto", "isoflop", "surface"])
def test_odd_tables_answer_or_say_why(change, method):
    with one_line_at_most():
        law = laws.fit(observed(frame(sd=0.01).assign(**change)), method=method, draws=60)
        found = law.optimum(1e20)
        law.result()
        assert np.isfinite(found.loss.value)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.data())
def test_garbage_never_ends_in_a_traceback(data):
    numbers = st.floats(1e-30, 1e30, allow_nan=False)
    count = data.draw(st.integers(1, 30))
    columns = {
        name: data.draw(st.lists(numbers, min_size=count, max_size=count))
        for name in ("params", "tokens", "flops", "loss")
    }
    budgets = st.lists(st.sampled_from([1e18, 1e19, 1e20, 1e21]), min_size=count, max_size=count)
    made = pd.DataFrame({**columns, "budget": data.draw(budgets)})
    made["run"] = made["trunk"] = [f"r{i}" for i in range(count)]
    with one_line_at_most():
        law = laws.fit(observed(made), draws=50)
        law.optimum(1e20)
        law.result()


@pytest.mark.parametrize("seed", range(12))
def test_wild_noise_never_ends_in_a_traceback(seed):
    rng = np.random.default_rng(seed)
    data = frame(budgets=int(rng.integers(3, 7)), sizes=int(rng.integers(4, 10)), sd=0.0)
    wild = np.exp(rng.choice([0.1, 1.0, 8.0]) * rng.standard_normal(len(data)))
    with one_line_at_most():
        law = laws.fit(observed(data.assign(loss=data["loss"] * wild)), draws=50)
        law.curve([1e10, 1e20, 1e30])
        law.optimum(1e25)
        str(law)


def test_duplicate_rows_count_once(tmp_path):
    data = frame(sd=0.003)
    path = tmp_path / "table.csv"
    pd.concat([data, data]).to_csv(path, index=False)
    law = laws.fit(load_observations(str(path)))
    assert law.result().rows.used == len(data)
