"""What a size gives away that is not the best: near-optimal sizes and the regret of a named one."""

import numpy as np
import pandas as pd
import pytest
from conftest import ditlaw
from laws_data import ALPHA, BETA, A, B, E, best_loss, best_params, frame, observed

from ditlaw import laws
from ditlaw.errors import BadInput, Refused
from ditlaw.forecasting import forecast


def true_regret(params, flops):
    loss = E + A / params**ALPHA + B / (flops / 6 / params) ** BETA
    return loss / best_loss(flops) - 1


@pytest.mark.parametrize("factor", [0.1, 0.3, 3.0, 10.0])
def test_the_regret_of_a_size_is_that_of_the_surface_it_was_made_from(factor):
    law = laws.fit(observed(), method="surface", draws=60)
    params = factor * best_params(1e20)
    assert law.regret(params, 1e20).value == pytest.approx(true_regret(params, 1e20), rel=1e-3)


def test_the_ends_of_the_near_optimal_sizes_give_away_the_tolerance(noisy):
    for tolerance in (0.001, 0.0025, 0.02):
        near = noisy.optimum(1e20, tolerance).near_optimal_params
        for size in (near.low, near.high):
            found = noisy.regret(size, 1e20).value
            assert found == pytest.approx(tolerance, abs=0.02 * np.sqrt(tolerance))
            assert found <= tolerance * (1 + 1e-9)
        assert noisy.regret(np.sqrt(near.low * near.high), 1e20).value < tolerance


def test_an_interval_of_regret_holds_the_truth_and_is_no_wider_than_it_need_be(noisy):
    for factor in (0.2, 5.0):
        params = factor * best_params(1e20)
        regret, loss = noisy.regret(params, 1e20), noisy.loss_at(params, 1e20)[0]
        assert regret.low <= true_regret(params, 1e20) <= regret.high
        assert 0 <= regret.low <= regret.value <= regret.high
        assert regret.low > 0.001  # five times off is worse for certain
        assert regret.high - regret.low < (loss.high - loss.low) / loss.value


def test_near_the_best_size_nothing_is_given_away(noisy):
    assert noisy.regret(noisy.optimum(1e20).params.value, 1e20).value < 0.0005


def test_an_unknown_best_size_widens_the_regret_with_distance(noisy):
    near, far = (noisy.regret(3 * noisy.optimum(c).params.value, c) for c in (3e19, 3e22))
    assert far.high - far.low > near.high - near.low


@pytest.mark.parametrize("method", ["isoflop", "surface"])
def test_an_unknown_best_size_widens_the_loss_of_a_size_far_from_it(method):
    law = laws.fit(observed(), method=method, draws=100)  # without noise
    at = 30 * law.largest_flops
    best, off = (law.loss_at(f * law.optimum(at).params.value, at) for f in (1.0, 8.0))
    widths = [np.log(high / low) for _, low, high in (best, off)]
    assert widths[1] > 1.3 * widths[0]


def test_wrong_sizes_and_tolerances_are_one_line(noisy):
    for size in (0, -1, np.nan, np.inf):
        with pytest.raises(BadInput, match=r"params: .* is not a positive number"):
            forecast(noisy, 1e20, sizes=[size])
    with pytest.raises(Refused, match="params: "):
        forecast(noisy, 1e20, sizes=[1e90])
    for tolerance in (0, -0.1, 1, np.nan):
        with pytest.raises(BadInput, match=r"tolerance: .* use 0\.0025"):
            forecast(noisy, 1e20, tolerance=tolerance)


def test_the_command_answers_for_every_size_that_is_named(tmp_path):
    data = frame(sd=0.003).assign(images=lambda rows: rows["tokens"] / 256)
    pd.DataFrame(data).to_csv(tmp_path / "t.csv", index=False)
    asked = ("--flops", "1e20", "--size", "1e9", "--size", "2e8", "--tolerance", "0.01")
    found = ditlaw("forecast", tmp_path / "t.csv", *asked, "--json").json
    assert [choice["params"] for choice in found["choices"]] == [1e9, 2e8]
    first = found["choices"][0]
    assert first["tokens"] == pytest.approx(1e20 / 6 / 1e9, rel=1e-6)
    assert first["images"] == pytest.approx(first["tokens"] / 256)
    assert first["regret"]["low"] <= first["regret"]["value"] <= first["regret"]["high"]
    assert found["near_optimal_params"]["tolerance"] == 0.01
    text = ditlaw("forecast", tmp_path / "t.csv", *asked).out
    assert "as asked " in text
    assert "params within 1.00%" in text


def test_how_far_backtests_went_is_said():
    law = laws.fit(observed(frame(sd=0.003)), draws=60)
    furthest = max(test.beyond for test in law.result().backtest)
    assert law.result().tested_beyond == forecast(law, 1e20).tested_beyond == furthest
    assert f"Tested up to {furthest:.3g}× beyond" in str(law)
    untested = laws.fit(observed(frame(budgets=3)), draws=60)
    assert untested.result().tested_beyond is None
    assert "Not tested" in str(untested)
