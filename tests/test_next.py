"""The next runs of a table: that they narrow its forecast, by about as much as is said."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from laws_data import ALPHA, BETA, A, B, E, best_loss, frame, observed

from ditlaw import laws
from ditlaw.errors import BadInput, Refused
from ditlaw.planner import expect
from ditlaw.planner.answer import next_of
from ditlaw.planner.expect import half_width
from ditlaw.planner.gain import outlook
from ditlaw.planner.pool import Trunk
from ditlaw.planner.table_pool import table_pool
from ditlaw.planner.told import reason_of

TARGET = 3e21


@pytest.fixture(autouse=True, scope="module")
def _few():
    """Simulated studies behind what is expected: fewer, which is rougher and as good a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(expect, "STUDIES", 3)
        yield


@pytest.fixture(scope="module")
def law():
    """Of a known surface with noise; two seeds a size, each budget's runs their own."""
    return laws.fit(observed(sd=0.01, seeds=2, seed=3), draws=100)


def test_the_run_at_the_target_tells_most(law):
    pool = table_pool(law, 1e23, TARGET)
    pool = replace(pool, log_c=np.append(pool.log_c[:6], np.log(TARGET)))
    best = int(np.abs(pool.log_n - np.log(law.optimum(TARGET).params.value)).argmin())
    gains = outlook(law, pool, TARGET).gains(Trunk(best, 9, planned=True), pool)
    assert gains.argmax() == len(gains) - 1


def test_inside_the_range_a_law_does_not_drift(law):
    pool = table_pool(law, 1e19, 5e18)
    inside, ahead = outlook(law, pool, 5e18), outlook(law, pool, 5e20)
    below = outlook(law, pool, 1e16)
    assert inside.model_variance() < ahead.model_variance()
    assert inside.model_variance() < below.model_variance()
    assert inside.model_variance(50.0) == inside.model_variance()
    assert ahead.model_variance(np.log(5e20)) == pytest.approx(inside.model_variance())


@pytest.mark.parametrize("shared", [False, True])
def test_a_table_is_told_which_runs_narrow_it(shared):
    data = observed(sd=0.01, seeds=2, shared=shared, seed=1)
    law = laws.fit(data, draws=100)
    found = next_of(law, None, TARGET, 2e20).result
    assert found.verdict == "run"
    assert found.interval.expected < 0.95 * found.interval.now
    assert found.interval.now == pytest.approx(half_width(law, TARGET))
    assert sum(run.flops for run in found.runs) == pytest.approx(found.total.flops)
    assert found.total.flops <= 2e20
    assert max(run.flops for run in found.runs) > law.largest_flops  # what is ahead is worth most
    assert len({run.id for run in found.runs}) == len(found.runs)
    for run in found.runs:
        assert 6 * run.params * run.tokens == pytest.approx(run.flops, rel=0.01)
        assert (len(run.budgets) > 1) or not shared or run.flops < 2e18
    assert [note.code for note in found.warnings] == ["sizes-by-spacing"]


def after(data, found, seed):
    """The law once the runs that were found are trained, that is drawn from the known surface."""
    rng, rows = np.random.default_rng(seed), []
    for run in found.runs:
        luck = rng.standard_normal()
        for budget in run.budgets:
            tokens = budget / 6 / run.params
            clean = E + A / run.params**ALPHA + B / tokens**BETA
            noise = 0.01 * np.sqrt(0.5) * (luck + rng.standard_normal())
            row = (run.id, run.id, run.params, tokens, budget, budget, clean * np.exp(noise))
            rows.append(dict(zip(data.frame.columns, row, strict=True)))
    both = pd.concat([data.frame, pd.DataFrame(rows)], ignore_index=True)
    return laws.fit(observed(both), draws=100)


def test_the_runs_do_narrow_it():
    data = observed(sd=0.01, seeds=2, shared=True, seed=2)
    before = laws.fit(data, draws=100)
    later = after(data, next_of(before, None, TARGET, 3e20).result, seed=0)
    assert half_width(later, TARGET) < half_width(before, TARGET)
    loss = later.optimum(TARGET).loss
    assert loss.low < best_loss(TARGET) < loss.high


def test_rows_that_take_less_than_their_budget_are_of_it():
    data = frame(sd=0.01, seeds=2, seed=1)
    data[["tokens", "flops"]] *= 0.93
    whole = next_of(laws.fit(observed(data), draws=100), None, TARGET, 2e20).result
    named = set(data["budget"])
    inside = [b for run in whole.runs for b in run.budgets if b <= 1.01 * max(named)]
    assert inside
    assert set(inside) <= named
    assert whole.interval.expected < whole.interval.now


def test_where_all_is_known_no_run_helps(monkeypatch):
    monkeypatch.setattr(expect, "STUDIES", 8)
    found = next_of(laws.fit(observed(), draws=100), None, 5e18, 2e18).result
    assert (found.verdict, found.runs, found.total.runs) == ("no-help", [], 0)
    assert found.command is None
    assert "for 2e18 FLOPs" in found.reason
    assert "that far" not in found.reason  # the target is inside
    assert [note.code for note in found.warnings] == ["target-inside", "sizes-by-spacing"]


def test_rows_without_a_budget_are_left_out(law):
    data = frame(sd=0.01, seeds=2, seed=3)
    data.loc[data["budget"] == data["budget"].max(), "budget"] = np.nan
    some = table_pool(laws.fit(observed(data), draws=60), 1e19, TARGET)
    assert np.exp(some.log_c[:5]) == pytest.approx(np.unique(data["budget"].dropna()), rel=1e-6)
    with pytest.raises(Refused, match="no row has a budget"):
        table_pool(laws.fit(observed(data.assign(budget=np.nan)), draws=60), 1e19, TARGET)


def test_sizes_that_the_law_says_nothing_of(law):
    pool = table_pool(law, 1e20, TARGET)
    with pytest.raises(Refused, match="says nothing of the sizes"):
        outlook(law, replace(pool, log_n=pool.log_n + 20), TARGET)


@pytest.mark.parametrize(("target", "spend"), [(-1.0, 1e20), (TARGET, 0.0), (np.nan, 1e20)])
def test_what_is_no_number_of_flops(law, target, spend):
    with pytest.raises(BadInput, match="is not a number of FLOPs"):
        next_of(law, None, target, spend)


def test_below_one_run(law):
    with pytest.raises(BadInput, match=r"--spend: 1e10 FLOPs is below the cheapest run \(1e18\)"):
        next_of(law, None, TARGET, 1e10)


@pytest.mark.slow
def test_what_is_expected_is_what_comes(monkeypatch):
    """Over several studies of the known surface; medians, within a third."""
    monkeypatch.setattr(expect, "STUDIES", 8)
    expected, came = [], []
    for seed in range(6):
        data = observed(sd=0.01, seeds=2, shared=True, seed=20 + seed)
        found = next_of(laws.fit(data, draws=100), None, TARGET, 3e20).result
        expected.append(found.interval.expected)
        came.append(half_width(after(data, found, seed), TARGET))
    assert np.median(expected) == pytest.approx(np.median(came), rel=1 / 3)


def test_luck_that_no_seed_measured_is_said_to_be_so_where_less_than_it_is_expected():
    """The scatter about the fit may be too much; a replicated run would tell."""
    law = laws.fit(observed(frame(sd=0.01)), draws=100)
    law_noise = law.fitted.ensemble.candidates.noise
    pool = table_pool(law, 1e20, TARGET)
    before = outlook(law, pool, TARGET)
    whole = before.variance() + float(law_noise.at(np.array([before.target]))[0]) ** 2
    luck = np.sqrt(1 - before.variance() / whole)

    def said(noise, expected):
        return reason_of(before, [], noise, 0.1, expected, 1e20)

    words = "new seeds would measure it"
    assert law_noise.source == "residuals"
    assert words in said(law_noise, 0.099 * luck)
    assert words not in said(law_noise, 0.101 * luck)
    assert words not in said(replace(law_noise, source="replicates"), 0.099 * luck)
