"""What to run next: what runs tell before they are run, plans within a spend, and what is said."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws_data import ALPHA, BETA, FEW, A, B, E, best_loss, frame, observed

from ditlaw import laws
from ditlaw.errors import BadInput, Refused
from ditlaw.planner import expect
from ditlaw.planner.answer import next_of
from ditlaw.planner.choose import choose
from ditlaw.planner.expect import half_width
from ditlaw.planner.gain import Outlook, outlook
from ditlaw.planner.pool import Pool, Trunk
from ditlaw.planner.sizes import around, distinct, onward
from ditlaw.planner.table_pool import table_pool

TARGET = 3e21


@pytest.fixture(autouse=True, scope="module")
def _few():
    """Simulated studies behind what is expected: fewer, which is rougher and as good a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(expect, "STUDIES", 3)
        yield


def any_outlook(seed, sizes=3, budgets=4, drift=0.0):
    """An outlook with a random covariance, and the pool that goes with it."""
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((sizes * budgets + 1, 20)) / 20
    pool = Pool(np.arange(sizes, dtype=float), np.arange(budgets, dtype=float), {})
    return pool, Outlook(
        covariance=root @ root.T,
        trunks={},
        shape=(sizes, budgets),
        near=rng.random((sizes, budgets)) < 0.8,
        noise=rng.uniform(0.02, 0.1, budgets),
        share=float(rng.uniform(0.05, 0.95)),
        target=float(budgets),
        fitted=(0.0, 1.0),
        drift=drift,
    )


def dense(known, steps):
    """Variance at the target given all rows of the steps at once."""
    rows = [
        (step.trunk.size, step.trunk.seed, b)
        for step in steps
        for b in step.rows
        if known.near[step.trunk.size, b]
    ]
    if not rows:
        return known.fitted_variance()
    cells = [size * known.shape[1] + b for size, _, b in rows]
    sd = np.array([known.noise[b] for _, _, b in rows])
    same = np.array([[a[:2] == b[:2] for b in rows] for a in rows])
    run = np.outer(sd, sd) * (known.share * same + (1 - known.share) * np.eye(len(rows)))
    inner = known.covariance[np.ix_(cells, cells)] + run
    cross = known.covariance[cells, known.place]
    return float(known.fitted_variance() - cross @ np.linalg.solve(inner, cross))


@given(seed=st.integers(0, 10_000), moves=st.lists(st.integers(0, 10_000), min_size=1, max_size=6))
@FEW
def test_step_by_step_is_one_gaussian_conditioning(seed, moves):
    pool, known = any_outlook(seed)
    now, steps = known, []
    for move in moves:
        able = [t for t in pool.able() if t.reached + 1 < len(pool.log_c)]
        trunk = able[move % len(able)]
        to = trunk.reached + 1 + move % (len(pool.log_c) - trunk.reached - 1)
        gain = now.gains(trunk, pool)[to - trunk.reached - 1]
        steps.append(pool.step(trunk, to))
        later = now.after(steps[-1], pool.log_c)
        assert now.variance() - later.variance() == pytest.approx(gain, abs=1e-12)
        now, pool = later, pool.after(steps[-1])
        assert now.variance() == pytest.approx(dense(known, steps), rel=1e-8)


@given(seed=st.integers(0, 10_000), drift=st.sampled_from([0.0, 0.01]))
@FEW
def test_no_run_tells_less_than_nothing_or_more_than_all(seed, drift):
    pool, known = any_outlook(seed, drift=drift)
    for trunk in pool.able():
        gains = known.gains(trunk, pool)
        assert (gains >= 0).all()
        assert (gains <= known.variance()).all()
        assert (np.diff(gains) >= 0).all()  # further on, what comes before is seen too
        louder = replace(known, noise=3 * known.noise).gains(trunk, pool)
        assert (louder <= gains + 1e-15).all()


@given(seed=st.integers(0, 10_000), spend=st.floats(1.0, 60.0))
@FEW
def test_a_plan_spends_no_more_than_allowed_and_the_more_the_better(seed, spend):
    pool, known = any_outlook(seed)
    plan, more = choose(known, pool, spend), choose(known, pool, 50 * spend)
    assert plan.cost <= spend
    assert more.after.variance() <= plan.after.variance() <= known.variance()
    assert plan.after.variance() == pytest.approx(dense(known, plan.steps), rel=1e-8)


def test_a_step_costs_what_is_not_trained_yet_and_its_branches():
    log_c = np.log([1.0, 2.0, 4.0])
    pool = Pool(np.zeros(1), log_c, {(0, 0): Trunk(0, 0, 1, spent=1.75)})
    there, new = pool.able()
    assert (pool.step(there, 2).rows, pool.step(there, 2).cost) == ((2,), pytest.approx(2.25))
    assert (pool.step(new, 2).rows, pool.step(new, 2).cost) == ((0, 1, 2), pytest.approx(4.0))
    assert pool.least() == pytest.approx(1.0)
    cooled = replace(pool, cooldown=0.2, extends=False)
    (new,) = cooled.able()
    assert cooled.step(new, 2).cost == pytest.approx(4.0 + 0.2 * (1.0 + 2.0))
    half = cooled.step(new, 1)
    cooled = cooled.after(half)
    (on, _) = cooled.able()
    assert half.cost + cooled.step(on, 2).cost == pytest.approx(4.6)


def test_new_trunks_have_seeds_that_none_has():
    pool = Pool(np.zeros(1), np.zeros(2), {(0, 0): Trunk(0, 0, 1, stuck=True)}, taken={1, 3})
    seeds = []
    while new := [trunk for trunk in pool.able() if trunk.reached < 0]:
        seeds.append(new[0].seed)
        pool = pool.after(pool.step(new[0], 0))
    assert seeds == [2, 4, 5]
    assert all(trunk.planned for trunk in pool.able())  # what diverged does not go on


def test_sizes_and_budgets_go_on_at_their_own_spacing():
    assert distinct(np.log([2.0, 1.0, 1.01, 4.0])) == pytest.approx(np.log([1.0, 2.0, 4.0]))
    assert np.exp(onward(np.log([1.0, 2.0, 4.0]), np.log(20.0))) == pytest.approx([1, 2, 4, 8, 16])
    assert onward(np.log([1.0, 2.0]), 0.0) == pytest.approx(np.log([1.0, 2.0]))
    sizes = np.exp(around(np.log([4.0, 8.0, 16.0]), (np.log(1.1), np.log(30.0))))
    assert sizes == pytest.approx([1, 2, 4, 8, 16, 32])


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
