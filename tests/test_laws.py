"""The law as a whole: answers and intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws_data import ALPHA, BETA, FEW, A, B, E, best_loss, best_params, frame, observed

from ditlaw import laws
from ditlaw.results import FitResult


def test_a_noiseless_study_forecasts_its_truth():
    law = laws.fit(observed())
    found = law.optimum(3e20)
    assert found.beyond == pytest.approx(10)
    assert found.loss.value == pytest.approx(best_loss(3e20), rel=0.005)
    assert found.params.value == pytest.approx(best_params(3e20), rel=0.05)
    assert found.tokens.value == pytest.approx(3e20 / 6 / found.params.value)
    surface = law.result().surface
    assert surface is not None
    assert surface.alpha.value == pytest.approx(ALPHA, rel=1e-6)
    assert surface.E.value == pytest.approx(E, rel=1e-6)


def test_a_surface_alone_is_exact():
    law = laws.fit(observed(), method="surface")
    found = law.optimum(3e20)
    assert found.params.value == pytest.approx(best_params(3e20), rel=1e-5)
    assert found.loss.value == pytest.approx(best_loss(3e20), rel=1e-6)
    value, *_ = law.loss_at(2 * best_params(3e20), 3e20)
    truth = E + A / (2 * best_params(3e20)) ** ALPHA + B / (3e20 / 12 / best_params(3e20)) ** BETA
    assert value.value == pytest.approx(truth, rel=1e-6)
    result = law.result()
    assert result.loss.exponent.value == pytest.approx(ALPHA * BETA / (ALPHA + BETA), rel=1e-6)
    assert result.loss.floor.value == pytest.approx(E, rel=1e-6)
    assert result.params.exponent.value == pytest.approx(BETA / (ALPHA + BETA), rel=1e-6)


def test_result_and_forecast_agree(noisy):
    result = noisy.result()
    assert FitResult.model_validate_json(result.model_dump_json()) == result
    found = noisy.optimum(noisy.largest_flops * 4)
    line = result.params.coefficient.value * found.flops**result.params.exponent.value
    assert line == pytest.approx(found.params.value, rel=0.02)
    assert result.loss_without_floor.exponent.value < 0 < result.loss.exponent.value
    assert sum(e.loss_weight for e in result.evidence) == pytest.approx(1)
    assert sum(e.params_weight for e in result.evidence) == pytest.approx(1)
    assert len(result.backtest) == 6
    assert result.run_noise == pytest.approx(0.005, rel=0.3)
    assert found.loss.low < found.law_low < found.loss.value < found.law_high < found.loss.high
    near = found.near_optimal_params
    assert near is not None
    assert near.low < found.params.value < near.high
    assert "N* = " in str(noisy)
    assert str(noisy) == repr(noisy)


def test_intervals_widen_with_distance(noisy):
    curve = noisy.curve(noisy.largest_flops * np.array([1.0, 4.0, 30.0, 300.0]))
    for band in (curve.params, curve.tokens, curve.loss, curve.run):
        assert np.all(np.diff(band.high / band.low) > 0)
        assert np.all((band.low <= band.value) & (band.value <= band.high))
    assert set(curve.loss_forms) == {"isoflop", "surface"}
    codes = [[n.code for n in noisy.optimum(f).warnings] for f in curve.flops]
    assert "far-beyond" in codes[2]
    assert "very-far-beyond" in codes[3]


def test_isoflops_serve_a_plot(noisy):
    curves = noisy.isoflops()
    assert len(curves) == 6
    for curve in curves:
        assert curve.status == "ok"
        assert curve.loss(np.array([curve.params_opt]))[0] == pytest.approx(curve.loss_opt)
        assert len(curve.params) == len(curve.losses) == len(curve.used) == 14


def test_loss_at_is_lowest_near_the_optimum(noisy):
    flops = noisy.largest_flops * 4
    best = noisy.optimum(flops)
    at = noisy.loss_at(best.params.value, flops)[0]
    assert at.value == pytest.approx(best.loss.value, rel=0.003)
    assert noisy.loss_at(best.params.value * 4, flops)[0].value > at.value


def test_draws_depend_on_the_seed_alone():
    data = observed(sd=0.01)
    first, again, other = (laws.fit(data, seed=s).optimum(1e20) for s in (0, 0, 1))
    assert first == again
    assert first.loss.low != other.loss.low
    assert first.loss.value == pytest.approx(other.loss.value, rel=0.003)


def test_shared_trunk_errors_widen_the_interval():
    wide = laws.fit(observed(sd=0.01, seeds=2, shared=True, seed=5), method="isoflop")
    assert wide.fitted.ensemble.candidates.noise.share > 0.3
    data = frame(sd=0.01, seeds=2, shared=True, seed=5)
    apart = laws.fit(observed(data.assign(trunk=data["run"])), method="isoflop")
    at = np.log([wide.largest_flops])
    shared_sd, apart_sd = (
        law.fitted.ensemble.candidates.laws["power"](at)[1:].std() for law in (wide, apart)
    )
    assert shared_sd > 1.15 * apart_sd


@FEW
@given(scale=st.floats(1e-3, 1e3))
def test_units_do_not_matter(scale):
    data = frame(sd=0.005)
    base = laws.fit(observed(data), draws=60).optimum(1e20)
    scaled = data.assign(params=data["params"] * scale, tokens=data["tokens"] / scale)
    found = laws.fit(observed(scaled), draws=60).optimum(1e20)
    assert found.params.value == pytest.approx(base.params.value * scale, rel=1e-4)
    assert found.loss.value == pytest.approx(base.loss.value, rel=1e-5)
    louder = laws.fit(observed(data.assign(loss=data["loss"] * scale)), draws=60).optimum(1e20)
    assert louder.loss.value == pytest.approx(base.loss.value * scale, rel=1e-4)
    assert louder.params.value == pytest.approx(base.params.value, rel=1e-3)


@FEW
@given(order=st.integers(0, 10**6))
def test_row_order_does_not_matter(order):
    data = frame(sd=0.005, seeds=2)
    base = laws.fit(observed(data), draws=60)
    mixed = laws.fit(observed(data.sample(frac=1, random_state=order)), draws=60)
    assert mixed.optimum(1e20) == base.optimum(1e20)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    hits, rng = {"params": 0, "law": 0, "run": 0}, np.random.default_rng(9)
    studies = 40
    for seed in range(studies):
        law = laws.fit(observed(frame(seeds=2, sd=0.01, shared=True, seed=seed)), draws=150)
        flops = 4 * law.largest_flops
        found, true = law.optimum(flops), best_loss(flops)
        run = true * np.exp(0.01 * rng.standard_normal())
        hits["params"] += found.params.low <= best_params(flops) <= found.params.high
        hits["law"] += found.law_low <= true <= found.law_high
        hits["run"] += found.loss.low <= run <= found.loss.high
    # With 40 studies a nominal 90 % is seen as 82 % or more in 97 of 100 cases.
    assert min(hits.values()) >= 0.82 * studies, hits


def test_run_noise_is_pooled_over_seeds_and_says_from_what(noisy):
    found = noisy.result().noise
    assert (found.source, found.replicated) == ("seeds", 6 * 7)
    assert found.sd.low < 0.005 < found.sd.high
    assert found.sd.value == noisy.result().run_noise
    alone = laws.fit(observed(sd=0.005, seed=3)).result().noise
    assert (alone.source, alone.replicated) == ("residuals", 0)
    assert alone.sd.high / alone.sd.low > found.sd.high / found.sd.low
