"""Which of several settings a law is of: told by all sizes, not by each one's luckiest run."""

import numpy as np
import pandas as pd
import pytest

from ditlaw import laws
from ditlaw.audit import audit_law
from ditlaw.laws.settings import keep_best
from ditlaw.laws.swept_recipe import rate_along, usual_batch
from ditlaw.observations import load_observations


def table(rates, sd, seed, curve=0.0, optimum=3e-3):
    """Budgets × sizes × rates of a known surface; ``curve`` is c of ln L = … + c·(ln η/η*)²."""
    rng, rows = np.random.default_rng(seed), []
    for budget in np.geomspace(1e18, 1e20, 5):
        for size in np.geomspace(0.2, 5, 9) * (budget / 120) ** 0.5:
            tokens = budget / 6 / size
            loss = 1.7 + 406 / size**0.34 + 410 / tokens**0.28
            for rate in rates:
                excess = curve * np.log(rate / optimum) ** 2 + sd * rng.standard_normal()
                rows.append((size, tokens, budget, rate, loss * np.exp(excess)))
    frame = pd.DataFrame(rows, columns=["params", "tokens", "budget", "learning_rate", "loss"])
    return frame.assign(flops=frame["budget"], run=[f"r{i}" for i in range(len(frame))])


def loaded(frame, tmp_path):
    frame.to_csv(tmp_path / "t.csv", index=False)
    return load_observations(str(tmp_path / "t.csv"))


def test_trying_more_rates_makes_a_law_hardly_better_than_it_is(tmp_path):
    """Rates that make no difference: the least of six is 1.27 sd too low, what is used is not."""
    sizes = np.geomspace(1e8, 1e11, 4000)
    truth = (1.7 + 406 / sizes**0.34 + 410 / (1e20 / 6 / sizes) ** 0.28).min()
    errors, least = [], []
    for seed in range(6):
        frame = table([1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 6e-3], 0.015, seed)
        law = laws.fit(loaded(frame, tmp_path), method="isoflop", draws=50)
        errors.append(law.optimum(1e20).loss.value / truth - 1)
        lucky = frame.loc[frame.groupby(["budget", "params"])["loss"].idxmin()]
        law = laws.fit(loaded(lucky, tmp_path), method="isoflop", draws=50)
        least.append(law.optimum(1e20).loss.value / truth - 1)
    assert np.mean(least) < -0.012
    assert abs(np.mean(errors)) < 0.009


def test_a_rate_that_matters_is_found(tmp_path):
    rates = [7.5e-4, 1.5e-3, 3e-3, 6e-3, 1.2e-2]
    kept = keep_best(loaded(table(rates, 0.01, 0, curve=0.05), tmp_path))
    assert (kept.frame["learning_rate"] == 3e-3).mean() > 0.9
    assert rate_along(kept, 1e10, 1e10) == pytest.approx(3e-3, rel=0.3)
    assert kept.compared == {"learning_rate": (45, 45)}


def test_a_setting_of_which_a_seed_diverged_is_not_used(tmp_path):
    frame = table([1e-3, 2e-3, 3e-3], 0.0, 0, curve=0.05)
    broken = frame[frame["learning_rate"] == 3e-3].iloc[:1]
    lost = broken.assign(run="lost", loss=np.nan, note="diverged")
    kept = keep_best(loaded(pd.concat([frame, lost]), tmp_path))
    cell = kept.frame[(kept.frame["params"] == broken["params"].iloc[0])]
    assert set(cell["learning_rate"]) == {2e-3}
    assert set(kept.frame["learning_rate"]) == {2e-3, 3e-3}


def test_other_head_counts_are_settings_and_no_replicates(tmp_path):
    frame = table([3e-3], 0.002, 0).assign(depth=2, width=64)
    frame["width"] = frame["params"].rank(method="dense")
    two = [frame.assign(heads=h, loss=frame["loss"] * (1 + 0.05 * (h == 4))) for h in (2, 4)]
    both = pd.concat(two).assign(run=[f"r{i}" for i in range(2 * len(frame))])
    law = laws.fit(loaded(both, tmp_path), draws=50)
    assert set(law.observations.frame["heads"]) == {2}
    assert law.result().noise.sd.value < 0.006  # 5 % between head counts is no noise


def test_the_checklist_wants_three_rates_in_every_cell(tmp_path):
    def state(rates):
        law = laws.fit(loaded(table(rates, 0.003, 0, curve=0.05), tmp_path), draws=50)
        found = {check.item: check for check in audit_law(law, refits=False).checks}
        return found["learning rate tuned at each size"].state

    assert state([1e-3, 3e-3, 9e-3]) == "met"
    assert state([1e-3, 2e-3]) == "not met"  # the best may lie beyond both
    assert state([3e-3]) == "not met"
    assert state([3e-3, 9e-3, 2.7e-2]) == "not met"  # the best is the lowest


def test_one_rate_for_all_is_no_fault_in_mup(tmp_path):
    def codes(parametrization):
        frame = table([3e-3], 0.003, 0).assign(parametrization=parametrization)
        law = laws.fit(loaded(frame, tmp_path), draws=50)
        return {note.code for note in law.result().warnings}

    assert "one-learning-rate" in codes("standard")
    assert "one-learning-rate" not in codes("mup:64")


def test_the_usual_batch_is_that_of_the_largest_budget(tmp_path):
    frame = table([3e-3], 0.0, 0)
    frame["batch"] = np.where(frame["budget"] == frame["budget"].max(), 64, 32)
    assert usual_batch(loaded(frame, tmp_path)) == 64


def test_a_rate_that_is_no_positive_number_is_not_known(tmp_path):
    frame = table([1e-3, 3e-3, 9e-3], 0.003, 0, curve=0.05)
    frame.loc[3, "learning_rate"] = -1.0  # one that is not the best
    kept = keep_best(loaded(frame, tmp_path))
    assert set(kept.frame["learning_rate"]) == {3e-3}
