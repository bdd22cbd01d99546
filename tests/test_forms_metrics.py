"""Metrics beside the loss, laws that bend, and the command that fits one equation."""

import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import ditlaw
from hypothesis import given, settings
from hypothesis import strategies as st
from laws_data import FEW, best_loss, frame, observed, one_line_at_most

from ditlaw import laws
from ditlaw.equations import Sample, fit_sample, onedim
from ditlaw.equations.metrics import (
    fit_direct,
    fit_through_loss,
    forecast_direct,
    forecast_through_loss,
    is_score,
)
from ditlaw.equations.mixture import Mixture, drift
from ditlaw.errors import Refused
from ditlaw.forecasting import forecast
from ditlaw.laws.noise import Noise
from ditlaw.results import FormResult


def frechet(loss):
    return 30 * (loss - 1.2) ** 2.2


def geneval(loss):
    return 0.85 / (1 + (loss / 2.4) ** 7)


def with_metrics(sd=0.002, seed=0, metric_sd=0.02):
    data = frame(sd=sd, seeds=2, seed=seed)
    random = np.random.default_rng(seed)
    errors = np.exp(metric_sd * random.standard_normal((2, len(data))))
    data["frechet"] = frechet(data["loss"]) * errors[0]
    odds = geneval(data["loss"]) / (1 - geneval(data["loss"])) * errors[1]
    data["geneval"] = odds / (1 + odds)
    return data


@pytest.fixture(scope="module")
def law():
    return laws.fit(observed(with_metrics()))


def test_a_forecast_holds_known_metrics_by_both_ways(law):
    answer = forecast(law, 1e20)
    for found in (answer.metrics, answer.metrics_through_loss):
        assert set(found) == {"frechet", "geneval"}
        assert found["frechet"].value == pytest.approx(frechet(best_loss(1e20)), rel=0.1)
        assert found["geneval"].value == pytest.approx(geneval(best_loss(1e20)), rel=0.1)
        assert 0 < found["geneval"].low < found["geneval"].high < 1
    assert not [n for n in answer.warnings if "metric" in n.code]


def test_without_metric_columns_there_are_none():
    answer = forecast(laws.fit(observed(frame(sd=0.002))), 1e20)
    assert answer.metrics == answer.metrics_through_loss == {}


def test_two_steps_recover_the_map_and_widen_with_the_loss(law):
    mapped = fit_through_loss(law, "frechet")
    shifted = next(fit for fit in mapped.fits if fit.form.name == "shifted")
    at = {"loss": [2.6, 3.0, 3.4]}
    assert shifted.predict(at) == pytest.approx(frechet(np.array(at["loss"])), rel=0.02)
    assert sum(mapped.weights) == pytest.approx(1)
    near, far = (forecast_through_loss(law, "frechet", c) for c in (3e19, 3e22))
    assert far.high / far.low > 1.5 * near.high / near.low  # the loss is less sure there
    alone = fit_through_loss(law, "frechet").fits[0].interval({"loss": best_loss(3e22)})
    assert far.high / far.low > float(alone.high[0] / alone.low[0])


def test_both_ways_hold_the_truth_about_as_often_as_they_say():
    inside = {"direct": 0, "two-step": 0}
    random = np.random.default_rng(7)
    for seed in range(15):
        law = laws.fit(observed(with_metrics(seed=seed)), draws=100)
        truth = frechet(best_loss(1.2e20)) * np.exp(0.02 * random.standard_normal())
        for way, ask in (("direct", forecast_direct), ("two-step", forecast_through_loss)):
            found = ask(law, "frechet", 1.2e20)
            inside[way] += found.low <= truth <= found.high
    assert min(inside.values()) >= 11


def test_a_score_is_told_from_a_distance_by_its_range_and_its_sense():
    data = with_metrics()
    data["small_distance"] = data["frechet"] / 1e4
    law = laws.fit(observed(data))
    assert is_score(law, "geneval")
    assert not is_score(law, "frechet")
    assert not is_score(law, "small_distance")


def test_a_metric_that_does_not_follow_the_loss_is_told():
    data = frame(sd=0.002, seeds=2)
    data["fid"] = np.random.default_rng(0).uniform(5, 50, len(data))
    codes = [note.code for note in forecast(laws.fit(observed(data)), 1e20).warnings]
    assert "loss-metric-disagree" in codes


def test_a_metric_of_too_few_rows_is_left_out_with_a_reason():
    data = with_metrics()
    data.loc[data.index % 12 != 0, "frechet"] = np.nan
    law = laws.fit(observed(data))
    with pytest.raises(Refused, match="its law in C needs 4"):
        fit_direct(law, "frechet")
    answer = forecast(law, 1e20)
    assert "frechet" not in answer.metrics
    assert "frechet" not in answer.metrics_through_loss
    texts = [note.text for note in answer.warnings if note.code == "no-metric-forecast"]
    assert any("7 rows have it" in text for text in texts)


def test_equations_that_few_budgets_cannot_test_do_not_hide_what_the_others_missed():
    log_c = np.log([1e18, 3e18, 1e19, 3e19])
    noise = Noise(1e-4, 0.5, 20.0, "given")
    bent = Sample("a", "fid", log_c[None], np.exp(0.02 * (log_c - 43) ** 2), np.arange(4), noise)
    power = fit_sample(onedim.power("flops"), bent)
    floor = fit_sample(onedim.floor("flops"), replace(bent, y=np.array([9.0, 7.0, 6.0, 5.5])))
    floor = replace(floor, sample=bent)
    both = drift(Mixture("fid", [power, floor], [0.5, 0.5], 0.0))
    assert both == pytest.approx(drift(Mixture("fid", [power], [1.0], 0.0)))
    assert both > 0.01


CELLS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(0, 1),
    st.sampled_from([0.0, -1.0, 1.0, 1e-300, 1e300, float("nan")]),
)


@given(cells=st.lists(CELLS, min_size=1, max_size=84), name=st.sampled_from(["fid", "geneval"]))
@settings(FEW, max_examples=25)
def test_any_numbers_in_a_metric_leave_a_forecast_that_can_be_read(law, cells, name):
    data = law.observations.frame.drop(columns=["frechet", "geneval"])
    data = data.assign(**{name: np.resize(cells, len(data))})
    with one_line_at_most():
        answer = forecast(replace(law, observations=observed(data)), 1e20)
        found = [*answer.metrics.values(), *answer.metrics_through_loss.values()]
        assert all(0 <= q.low <= q.value <= q.high < np.inf for q in found)


def bent(change, budgets=8, sd=0.0, seed=0):
    """A table whose best loss turns by ``change`` in slope at its middle budget."""
    data = frame(budgets=budgets, sd=sd, seed=seed)
    middle = np.log(data["flops"]).mean()
    turned = 0.3 * np.logaddexp(0.0, (np.log(data["flops"]) - middle) / 0.3)
    data["loss"] *= np.exp(-change * turned)
    return data


@pytest.mark.parametrize("change", [-0.06, 0.06])
def test_a_law_that_bends_says_where(change):
    law = laws.fit(observed(bent(change, sd=0.001)), method="isoflop", draws=50)
    bend = law.bend
    assert bend.flops.low < np.sqrt(1e18 * 3e19) < bend.flops.high
    assert bend.after - bend.before == pytest.approx(change, abs=0.03)
    assert "\n" not in bend.note().text
    for warnings in (law.result().warnings, forecast(law, 1e20).warnings):
        assert warnings.count(bend.note()) == 1


@pytest.mark.parametrize("sd", [0.0, 0.002, 0.01])
def test_a_law_that_does_not_bend_says_nothing(sd):
    assert laws.fit(observed(bent(0.0, sd=sd)), method="isoflop", draws=50).bend is None


def test_five_budgets_cannot_show_a_bend():
    law = laws.fit(observed(bent(0.06, budgets=5)), method="isoflop", draws=50)
    assert law.bend is None


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    path = tmp_path_factory.mktemp("forms") / "runs.csv"
    with_metrics().to_csv(path, index=False)
    return path


def test_the_command_prints_one_equation(csv):
    done = ditlaw("fit", csv, "--form", "chinchilla")
    assert done.code == 0, done.err
    assert "L = E + A/N^alpha + B/D^beta" in done.out
    assert max(map(len, done.out.splitlines()[1:])) <= 80
    found = FormResult.model_validate(
        json.loads(
            ditlaw(
                "fit", csv, "--form", "power", "--x", "loss", "--metric", "frechet", "--json"
            ).out
        )
    )
    assert (found.form, found.target, found.rows.used) == ("power", "frechet", 84)
    assert found.parameters["p"].low < found.parameters["p"].value < found.parameters["p"].high


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--form", "flor"), "did you mean 'floor'"),
        (("--x", "params"), "belongs to --form"),
        (("--form", "floor", "--method", "surface"), "no --method"),
        (("--form", "batch"), "column 'batch' is missing"),
    ],
)
def test_the_command_says_what_is_wrong_in_one_line(csv, options, says):
    done = ditlaw("fit", csv, *options)
    assert done.code == 2
    assert says in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_saved_law_serves_its_rows(csv, tmp_path):
    saved = tmp_path / "a.law.json"
    assert ditlaw("fit", csv, "--save", saved).code == 0
    first, second = (
        ditlaw("fit", source, "--form", "floor", "--json").json for source in (csv, saved)
    )
    assert first["parameters"] == second["parameters"]


def test_the_best_size_is_not_needed_to_be_a_size_that_was_run(law):
    """The metric is read between sizes, where the law's best one is."""
    fits = fit_direct(law, "frechet").fits
    budgets = np.exp(fits[0].sample.x[0])
    assert fits[0].sample.y == pytest.approx(frechet(best_loss(budgets)), rel=0.03)
