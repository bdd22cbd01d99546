"""Warnings: each code fires where it should, none on a clean table, and the page lists them all."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from laws_data import ALPHA, A, E, best_params, frame

from ditlaw import laws
from ditlaw.forecasting import forecast
from ditlaw.observations import Observations, load_observations
from ditlaw.published.catalogue import ENTRIES
from ditlaw.study import parse_study, preset_text

ROOT = Path(__file__).parent.parent


def codes_of(data, tmp_path, **options):
    """Codes and texts of a fit of that table, read as a user's file is."""
    path = tmp_path / "t.csv"
    data.to_csv(path, index=False)
    law = laws.fit(load_observations(str(path)), draws=60, **options)
    return {note.code: note.text for note in law.result().warnings}


def without(data, budget, sizes):
    """All rows but those of that budget (by rank) that are not among those sizes (by rank)."""
    value = np.sort(data["budget"].unique())[budget]
    rows = data["budget"] == value
    rank = data["params"].where(rows).rank() - 1
    return data[~rows | rank.isin(sizes)]


def test_the_page_lists_the_codes_that_the_source_emits():
    page = (ROOT / "docs" / "warnings.md").read_text()
    listed = re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)
    source = "\n".join(f.read_text() for f in (ROOT / "src" / "ditlaw").rglob("*.py"))
    emitted = re.findall(r'\bcode=f?"([^"]+)"', source)
    emitted += re.findall(r'\bcode="[^"]+" if \w+ else "([^"]+)"', source)  # one of two
    emitted.remove("{metric}-features")
    for entry in ENTRIES:  # a published law's remarks are warnings, each with its own code
        emitted += [*entry.remarks, *(f"{metric}-features" for metric in entry.extractors)]
    assert len(listed) == len(set(listed))
    assert set(listed) == set(emitted)


@pytest.mark.parametrize("sd", [0.0, 0.003])
@pytest.mark.parametrize("seeds", [1, 2])
def test_a_clean_table_has_nothing_to_warn_of(tmp_path, sd, seeds):
    data = frame(sd=sd, seeds=seeds, sizes=9).assign(
        steps=5000.0, warmup_steps=100.0, epochs=0.5, images=lambda rows: rows["tokens"] / 256
    )
    rate = 1e-3 * (data["params"] / 1e8) ** -0.3
    assert codes_of(data.assign(learning_rate=rate), tmp_path) == {}


def test_rows_that_say_they_are_early(tmp_path):
    data = frame(sd=0.003, sizes=9)
    steps = np.where(data.index < 3, 50.0, np.where(data.index == 5, 900.0, 5000.0))
    said = codes_of(data.assign(steps=steps, warmup_steps=1000.0), tmp_path)
    assert said["early-rows"].startswith("3 rows")
    table = load_observations(str(tmp_path / "t.csv"))
    assert {d.reason for d in table.dropped} == {"inside warm-up"}
    said = codes_of(data.assign(steps=steps), tmp_path)
    assert said["early-rows"].startswith("2 rows")
    assert "2 × under 100 steps" in said["rows-dropped"]


@pytest.mark.parametrize(("rank", "factor", "fires"), [(4, 1.1, True), (4, 1.004, False)])
def test_a_run_far_above_its_budgets_curve(tmp_path, rank, factor, fires):
    data = frame(sd=0.003, sizes=9)
    chosen = data.index[9 * 2 + rank]
    data.loc[chosen, "loss"] *= factor
    said = codes_of(data, tmp_path)
    assert ("high-loss" in said) == fires
    if fires:
        assert f"run {data['run'][chosen]}: " in said["high-loss"]


def test_the_largest_size_is_held_to_less_as_valleys_are_no_parabolas(tmp_path):
    data = frame(sd=0.003, sizes=9)
    last = data.index[9 * 3 - 1]
    slightly, badly = (
        data.assign(loss=np.where(data.index == last, data["loss"] * factor, data["loss"]))
        for factor in (1.08, 2.0)
    )
    assert "high-loss" not in codes_of(slightly, tmp_path)
    assert "high-loss" in codes_of(badly, tmp_path)


def test_a_run_whose_loss_rises(tmp_path):
    data = frame(sd=0.003, sizes=15, shared=True)
    assert "rising-loss" not in codes_of(data, tmp_path)
    longest = data["trunk"].value_counts().index[0]
    last = data[data["trunk"] == longest]["tokens"].idxmax()
    data.loc[last, "loss"] *= 1.3
    assert data["run"][last] in codes_of(data, tmp_path)["rising-loss"]


def test_learning_rates_that_look_off(tmp_path):
    data = frame(sd=0.003, sizes=9)
    one = codes_of(data.assign(learning_rate=1e-4), tmp_path)
    assert {"one-learning-rate"} == one.keys()
    near = frame(sd=0.003, sizes=5)
    near = near[near["budget"] < 8e18]  # sizes 7 times apart
    assert "one-learning-rate" not in codes_of(near.assign(learning_rate=1e-4), tmp_path)
    rates = np.array([1e-4, 2e-4, 4e-4])

    def tried(best):
        """Every run at three rates, the loss rising away from the best one."""
        parts = [
            data.assign(
                learning_rate=rate,
                run=data["run"] + f"-{rate}",
                trunk=data["trunk"] + f"-{rate}",
                loss=data["loss"] * (1 + 0.004 * np.log(rate / best) ** 2),
            )
            for rate in rates
        ]
        return codes_of(pd.concat(parts), tmp_path)

    inside, edge = tried(2e-4), tried(4e-4)
    assert "54 of 54 sizes and budgets" in inside["best-settings-used"]
    assert "108 rows" in inside["best-settings-used"]
    assert "mixed-learning-rates" not in inside
    assert "learning-rate-edge" not in inside
    assert "in 54 of the 54 sizes" in edge["learning-rate-edge"]


def test_data_that_were_seen_twice(tmp_path):
    data = frame(sd=0.003).assign(epochs=lambda rows: rows["tokens"] / rows["tokens"].median())
    said = codes_of(data, tmp_path)["repeated-data"]
    assert f"up to {data['epochs'].max():.2g} epochs" in said
    text = preset_text("quickstart").replace("source: scenes", "source: scenes\n  images: 1e+6")
    study = parse_study(text, "quickstart")
    assert study.data[0].images == 1e6
    seen = frame(sd=0.003).assign(images=lambda rows: 2e6 * rows.index / rows.index.max())
    law = laws.fit(Observations(seen, source="t", study=study), draws=60)
    assert "repeated-data" in {note.code for note in law.result().warnings}


def test_6nd_far_from_the_exact_count(tmp_path):
    data = frame(sd=0.003)
    tilt = 1 + 0.6 * (data["params"] / data["params"].min()) ** -0.4
    flops = data["flops"] * tilt
    said = codes_of(data.assign(flops=flops, budget=data["budget"]), tmp_path)["far-from-6nd"]
    assert f"{1 / 1.6:.2f} to {1 / tilt.min():.2f} times" in said
    same = codes_of(data.assign(flops=1.5 * data["flops"], budget=1.5 * data["budget"]), tmp_path)
    assert "far-from-6nd" not in same  # another convention, the same exponents


@pytest.mark.parametrize(("column", "factor"), [("params", 1e9), ("tokens", 1e9), ("flops", 1e15)])
def test_a_column_in_larger_units_is_named(tmp_path, column, factor):
    data = frame(sd=0.003)
    data[column] /= factor
    said = codes_of(data, tmp_path)["odd-units"]
    assert f"column '{column}' holds no more than" in said
    if column != "flops":
        without_flops = codes_of(data.drop(columns="flops"), tmp_path)
        assert f"column '{column}'" in without_flops["odd-units"]


def test_budgets_whose_curve_says_nothing(tmp_path):
    data = frame(sd=0.002, budgets=7, sizes=13)
    edge = without(data, 1, range(6))
    assert "edge-optimum" in codes_of(edge, tmp_path)
    few = without(data, 2, [5, 6, 7])
    assert "too-few-points" in codes_of(few, tmp_path)
    third = data["budget"] == np.sort(data["budget"].unique())[3]
    away = np.log(data["params"] / best_params(data["budget"]))
    hill = data.assign(loss=np.where(third, 2.9 - 0.02 * away**2, data["loss"]))
    assert "no-curvature" in codes_of(hill, tmp_path)


@pytest.mark.parametrize("budgets", [3, 4, 5])
def test_few_budgets_say_how_much_wider_the_interval_is(tmp_path, budgets):
    said = codes_of(frame(sd=0.002, budgets=budgets, sizes=9), tmp_path)
    assert ("few-budgets" in said) == (budgets < 5)
    assert ("three-points" in said) == (budgets == 3)
    if budgets < 5:
        wider = float(re.search(r"is ([\d.]+) times as wide", said["few-budgets"])[1])
        assert wider > 1.0


def test_three_budgets_leave_a_wider_interval_than_four(tmp_path):
    three, four = (
        float(re.search(r"is ([\d.]+) times", codes_of(data, tmp_path)["few-budgets"])[1])
        for data in (frame(budgets=3, sizes=9), frame(budgets=4, sizes=9))
    )
    assert three > four


def test_a_floor_at_its_bound(tmp_path):
    data = frame(sd=0.0, sizes=9)
    best = data.groupby("budget")["loss"].transform("min")
    valley, further = data["loss"] / best, np.log(data["budget"] / 1e18)
    steeper = 5.0 * np.exp(-0.15 * further - 0.01 * further**2)
    assert "no floor" in codes_of(data.assign(loss=valley * steeper), tmp_path)["floor-at-bound"]
    bent = 2.0 * (1 + 1e-3 * np.exp(-2.0 * further))
    stuck = codes_of(data.assign(loss=valley * bent), tmp_path)
    assert "of the smallest loss, about as high as it may" in stuck["floor-at-bound"]


def test_an_exponent_at_its_bound(tmp_path):
    data = frame(sd=0.0, sizes=9)
    few = data["tokens"] < 1.3 * data["tokens"].min()
    odd = data.assign(loss=E + A / data["params"] ** ALPHA + 1.0 * few).assign(budget=np.nan)
    said = codes_of(odd, tmp_path, method="surface")
    assert "beta = 4" in said["exponent-at-bound"]


def test_warnings_of_a_forecast_by_distance(noisy):
    largest = noisy.largest_flops
    codes = {
        factor: {note.code for note in forecast(noisy, factor * largest).warnings}
        for factor in (1.0, 10.0, 100.0, 0.001)
    }
    assert not codes[1.0] & {"far-beyond", "very-far-beyond", "below-range"}
    assert "far-beyond" in codes[10.0]
    assert "very-far-beyond" in codes[100.0]
    assert "below-range" in codes[0.001]
