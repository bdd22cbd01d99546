"""Every method that ``fit`` offers, on tables whose answer is known."""

import numpy as np
import pytest
from laws_data import ALPHA, BETA, A, B, E, best_loss, best_params, frame, observed

from ditlaw import laws
from ditlaw.cli.tables import show
from ditlaw.errors import Refused
from ditlaw.laws import line, noise
from ditlaw.laws.candidates import METHODS
from ditlaw.laws.joint import fit_joint
from ditlaw.laws.line import DRIFT, DriftingLine
from ditlaw.laws.minima import LEAN_SPREAD
from ditlaw.laws.table import as_table
from ditlaw.laws.trust import trust


@pytest.mark.parametrize("method", METHODS)
def test_every_method_answers_with_intervals(method):
    law = laws.fit(observed(sd=0.003, budgets=7), method=method, draws=100)
    flops = 4 * law.largest_flops
    found = law.optimum(flops)
    # The envelope knows the best size to a step of the grid, a factor 1.27 here.
    reach = 0.5 if method == "envelope" else 0.25
    assert abs(np.log(found.params.value / best_params(flops))) < reach
    assert found.loss.value == pytest.approx(best_loss(flops), rel=0.015)
    assert found.params.low < found.params.value < found.params.high
    assert found.loss.low < found.law_low < found.loss.value < found.law_high < found.loss.high
    result = law.result()
    assert result.method == method
    assert all(e.form in {"isoflop", "surface", method} for e in result.evidence)
    assert len(result.backtest) == 6
    assert f"({method}, " in str(law)
    # Where the loss follows one law alone, the printed one is that law.
    assert (result.one_law is None) == (method in ("joint", "surface"))
    if result.one_law is None:
        floor, k, c = (
            q.value for q in (result.loss.floor, result.loss.coefficient, result.loss.exponent)
        )
        assert floor + k * flops**-c == pytest.approx(found.loss.value, rel=1e-3)


@pytest.mark.parametrize(("curve", "believed"), [(0.0, (0.4, 1.0)), (0.01, (0.0, 0.2))])
def test_a_law_that_does_not_fit_all_budgets_is_believed_less_and_says_so(curve, believed, capsys):
    data = frame(budgets=8, sizes=9, sd=1e-4)
    data["loss"] *= np.exp(curve * np.sin(2 * np.log(data["budget"])))
    result = laws.fit(observed(data), method="isoflop", draws=100).result()
    assert believed[0] <= result.one_law <= believed[1]
    said = f"believed to {100 * result.one_law:.0f} %; for the rest"
    show(result)
    assert said in str(result)
    assert said in " ".join(capsys.readouterr().out.split())


def test_without_noise_the_joint_form_is_the_surface():
    """Cutting the surface's ties loses nothing where they hold."""
    data = as_table(frame(budgets=7, sizes=9), "loss")
    found = fit_joint(data, noise.Noise(1e-6, 0.5, 30.0, "given"), np.zeros((50, len(data))))
    slope, fall = found.theta[:, 4], np.exp(found.theta[:, 2])
    np.testing.assert_allclose(slope, BETA / (ALPHA + BETA), rtol=1e-4)
    np.testing.assert_allclose(fall, ALPHA * BETA / (ALPHA + BETA), rtol=1e-3)
    np.testing.assert_allclose(np.exp(found.theta[:, 5:]), [[ALPHA, BETA]] * 51, rtol=1e-3)
    at = np.log([1e20, 1e22])
    np.testing.assert_allclose(np.exp(found.best_size(at))[0], best_params(np.exp(at)), rtol=1e-3)
    np.testing.assert_allclose(np.exp(found.best_loss(at))[0], best_loss(np.exp(at)), rtol=1e-4)
    np.testing.assert_allclose(found.loss(found.best_size(at), at), found.best_loss(at), rtol=1e-9)


def test_interpolation_follows_a_valley_that_is_no_parabola():
    data = frame(budgets=4, sizes=9)
    at = np.log(data["params"] / best_params(data["budget"]))
    # A sharp valley around 1.1 times the best size.
    data["loss"] = 2 * (data["budget"] / 1e18) ** -0.05 * (1 + 0.05 * np.abs(at - 0.1))
    near = {}
    for method in ("akima", "isoflop"):
        found = laws.fit(observed(data), method=method, draws=60)
        near[method] = [
            abs(np.log(b.params_opt.value / best_params(b.flops)) - 0.1)
            for b in found.result().budgets
        ]
    step = np.log(10) * 4 / 39
    assert max(near["akima"]) < step / 2


def test_the_envelope_takes_the_best_run_of_each_budget():
    data = frame(budgets=5)
    law = laws.fit(observed(data), method="envelope", draws=60)
    best = data.loc[data.groupby("budget")["loss"].idxmin()]
    found = law.result().budgets
    np.testing.assert_allclose([b.params_opt.value for b in found], best["params"])
    np.testing.assert_allclose([b.loss_opt.value for b in found], best["loss"])


def test_the_envelope_reads_training_curves_without_budgets():
    """Rows of a trunk are one curve: no row needs to lie on a budget."""
    rng = np.random.default_rng(0)
    data = frame(budgets=6)
    sizes = np.unique(data["params"])
    rows = []
    for i, n in enumerate(sizes):
        for flops in np.geomspace(2e17, 5e19, 9) * rng.uniform(0.8, 1.2):
            loss = 1.69 + 406.4 / n**ALPHA + 410.7 / (flops / 6 / n) ** BETA
            rows.append((f"r{i}-{flops:.3g}", f"t{i}", n, flops / 6 / n, flops, loss))
    curves = type(data)(rows, columns=["run", "trunk", "params", "tokens", "flops", "loss"])
    curves["budget"] = np.nan
    curves.index = range(1, len(curves) + 1)
    law = laws.fit(observed(curves), method="envelope", draws=60)
    found = law.optimum(1e20)
    assert abs(np.log(found.params.value / best_params(1e20))) < 0.4
    assert found.near_optimal_params is None
    with pytest.raises(Refused, match="envelope says nothing off the best size"):
        law.loss_at(1e9, 1e20)


def test_trust_falls_with_misfit_beyond_noise_and_few_budgets():
    still = np.zeros(40)
    sure = trust(still, np.full(40, 1e-6), 35, 8, fall=0.3)
    assert 0.5 < trust(still, np.full(40, 1e-6), 35, 2, fall=0.3) + 0.3 < sure + 0.3
    bent = np.full(40, 0.3 * 0.01)
    assert trust(bent, np.full(40, 1e-8), 35, 8, fall=0.3) < 0.25
    # The same residuals are nothing where runs scatter as much.
    assert trust(bent, np.full(40, bent[0] ** 2 * 2), 35, 8, fall=0.3) == pytest.approx(sure)


def test_a_surface_that_does_not_fit_its_rows_is_not_believed():
    data = frame(budgets=7, sd=0.001)
    away = np.log(data["params"] / best_params(data["budget"]))
    bend = np.log(data["budget"] / 1e18) - np.log(30) / 2
    data["loss"] *= np.exp(0.004 * bend**2 * (1 + away))
    weights = {e.form: e.loss_weight for e in laws.fit(observed(data), draws=60).result().evidence}
    assert weights["surface"] < 0.1


def test_run_noise_may_change_with_compute():
    rng = np.random.default_rng(1)
    slopes, ends = [], []
    for _ in range(20):
        data = frame(budgets=8, sizes=9)
        sd = 0.02 * (data["budget"] / data["budget"].min()) ** -0.4
        data["loss"] *= np.exp(sd * rng.standard_normal(len(data)))
        found = laws.fit(observed(data), draws=50).fitted.ensemble.candidates.noise
        slopes.append(found.slope)
        ends.append(found.sd)
    assert np.mean(slopes) == pytest.approx(-0.4, abs=0.12)
    assert np.mean(ends) == pytest.approx(0.02 * 30**-0.4, rel=0.25)


def test_a_line_drifts_more_the_further_it_goes():
    log_c = np.linspace(40, 45, 6)
    fitted = DriftingLine(log_c, np.tile(0.5 * log_c, (3, 1)), np.full(6, 1e-4))
    sd = fitted.model_sd(np.array([45.0, 47.0, 50.0]))
    assert np.all(np.diff(sd) > 0)
    assert sd[2] > DRIFT * np.sqrt(5**3 / 3)


@pytest.mark.parametrize("variance", [1e-4, 0.01, 0.1])
def test_a_lines_own_error_and_run_noise_make_up_its_whole_error(variance):
    """Under its own assumptions, however much the minima leave of the slope's prior."""
    rng = np.random.default_rng(0)
    log_c, ahead = np.log(3) * np.arange(5.0), np.log(3) * 4 + np.array([0.0, 2.3])
    x = np.append(log_c, ahead) - log_c.mean()
    walk = np.linalg.cholesky(line._walk(x, x) + 1e-10 * np.eye(7))
    slope = line.SLOPE + line.SLOPE_SPREAD * rng.standard_normal((4000, 1))
    truth = rng.standard_normal((4000, 7)) @ walk.T + slope * x
    scatter = np.hypot(line.SCATTER, np.sqrt(variance))
    seen = truth[:, :5] + scatter * rng.standard_normal((4000, 5))
    found = DriftingLine(log_c, seen, np.full(5, variance))
    error = (found(ahead) - truth[:, 5:]).std(axis=0)
    again = DriftingLine(log_c, np.sqrt(variance) * rng.standard_normal((4000, 5)), found.variance)
    run = again(ahead).std(axis=0)
    np.testing.assert_allclose(np.hypot(run, found.model_sd(ahead)), error, rtol=0.05)


def test_a_backtest_is_the_forecast_of_the_table_without_those_budgets():
    """Runs stop at whole steps: their FLOPs lie on both sides of the budget's mean."""
    data = frame(budgets=6)
    data["tokens"] *= np.exp(np.resize([-0.05, 0.05, 0.02, -0.02], len(data)))
    data["flops"] = 6 * data["params"] * data["tokens"]
    data["loss"] = E + A / data["params"] ** ALPHA + B / data["tokens"] ** BETA
    whole = laws.fit(observed(data), method="isoflop", draws=50)
    last = whole.isoflops()[-1]
    part = data[data["budget"] < data["budget"].max()]
    found = laws.fit(observed(part), method="isoflop", draws=400).optimum(last.flops)
    test = whole.fitted.backtest[0]
    assert test.held_out == data["budget"].max()
    assert test.beyond == pytest.approx(last.flops / part["flops"].max())
    assert test.params_error == pytest.approx(found.params.value / last.params_opt - 1, abs=0.02)
    assert test.loss_error == pytest.approx(found.loss.value / last.loss_opt - 1, abs=5e-4)


def test_the_order_of_budgets_and_of_their_flops_may_differ():
    data = frame(budgets=5)
    renamed = data.assign(budget=1e37 / data["budget"])
    found, plain = (laws.fit(observed(d), method="envelope", draws=60) for d in (renamed, data))
    sizes = [law.optimum(1e20).params.value for law in (found, plain)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.05)


def test_a_leaning_valley_widens_the_interval_to_the_side_it_leans():
    """The parabola's minimum is biased where α and β differ; half of the draws know it."""
    data = frame(budgets=7, sizes=9)
    away = np.log(data["params"] / best_params(data["budget"]))
    valley = 0.05 * (away**2 - 2 * LEAN_SPREAD * away**3)
    data["loss"] = 2 * (data["budget"] / 1e18) ** -0.05 * np.exp(valley)
    rng = np.random.default_rng(0)
    data["loss"] *= np.exp(0.0005 * rng.standard_normal(len(data)))
    law = laws.fit(observed(data), method="isoflop")
    bounds = [b.params_opt for b in law.result().budgets]
    truth = [best_params(b.flops) for b in law.result().budgets]
    inside = [q.low <= t <= q.high for q, t in zip(bounds, truth, strict=True)]
    assert sum(inside) >= 5


def test_a_diffusion_loss_is_known_to_have_a_floor():
    """A power law has no say in what the latest budgets of diffusion models tell."""
    data = frame(budgets=7, sd=0.003)
    plain = laws.fit(observed(data), method="isoflop", draws=60)
    known = laws.fit(observed(data.assign(family="in-context")), method="isoflop", draws=60)
    ahead = 30 * plain.largest_flops
    assert known.fitted.ensemble.forms["isoflop"].recent.floor_share == 1.0
    assert known.optimum(ahead).loss.value > plain.optimum(ahead).loss.value
    assert known.optimum(ahead).params == plain.optimum(ahead).params
    again = laws.from_json(laws.to_json(known))
    assert again.optimum(ahead) == known.optimum(ahead)
