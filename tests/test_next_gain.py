"""What runs tell before they are run, and plans within a spend."""

from dataclasses import replace
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws_data import FEW

from ditlaw.planner.choose import choose
from ditlaw.planner.gain import Outlook
from ditlaw.planner.pool import Pool, Trunk
from ditlaw.planner.sizes import around, distinct, onward


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
    steps, more = choose(known, pool, spend), choose(known, pool, 50 * spend)

    def left(steps):
        return reduce(lambda now, step: now.after(step, pool.log_c), steps, known).variance()

    assert sum(step.cost for step in steps) <= spend
    assert left(more) <= left(steps) <= known.variance()
    assert left(steps) == pytest.approx(dense(known, steps), rel=1e-8)


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
