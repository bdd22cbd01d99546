"""The parts of a law on data whose answer is known."""

import numpy as np
import pandas as pd
import pytest

from ditlaw.laws import isoflop, losslaws, noise, surface
from ditlaw.laws.kappa import Kappa, kappa_of, smooth
from ditlaw.laws.line import DriftingLine
from ditlaw.laws.minima import parabola_minima
from ditlaw.laws.stacking import stack
from ditlaw.laws.table import Table, as_table
from ditlaw.study import parse_study, preset_text

E, A, B, ALPHA, BETA = 1.69, 406.4, 410.7, 0.34, 0.28  # Hoffmann et al. 2022, approach 3
BUDGETS = np.geomspace(1e18, 1e21, 7)


def chinchilla(params, tokens):
    return E + A / params**ALPHA + B / tokens**BETA


def best_params(flops):
    ratio = (ALPHA * A / (BETA * B)) ** (1 / (ALPHA + BETA))
    return ratio * (flops / 6) ** (BETA / (ALPHA + BETA))


def rows(loss=chinchilla, span=4.0, sizes=9, seeds=1, kappa=6.0):
    made = [
        {
            "run": f"{b:g}-{i}-{s}",
            "trunk": f"{i}-{s}" if seeds > 1 else f"{b:g}-{i}",
            "params": n,
            "tokens": b / kappa / n,
            "flops": b,
            "budget": b,
            "loss": loss(n, b / kappa / n),
        }
        for b in BUDGETS
        for i, n in enumerate(best_params(b) * np.geomspace(1 / span, span, sizes))
        for s in range(seeds)
    ]
    return pd.DataFrame(made, index=pd.RangeIndex(1, len(made) + 1))


def table(**options) -> Table:
    return as_table(rows(**options), "loss")


def quiet(sd=0.0):
    return noise.Noise(sd, 0.5, 30.0, "given")


def test_a_noiseless_surface_is_recovered():
    data = table()
    still = np.zeros((60, len(data)))
    found = surface.fit_surface(data, smooth(data), quiet(), still)
    assert found is not None
    assert found.failed == 0
    for name, true in {"E": E, "A": A, "B": B, "alpha": ALPHA, "beta": BETA}.items():
        np.testing.assert_allclose(found.coefficients()[name], true, rtol=1e-6)
    flops = np.array([1e20, 1e23])
    np.testing.assert_allclose(
        np.exp(found.best_size(np.log(flops))), [best_params(flops)] * 61, rtol=1e-6
    )
    exponent = np.diff(found.best_size(np.log(flops))[0]) / np.log(1e3)
    assert exponent[0] == pytest.approx(BETA / (ALPHA + BETA), rel=1e-6)


def test_a_surface_without_floor_or_from_one_size_does_not_break():
    data = table(loss=lambda n, d: A / n**ALPHA + B / d**BETA)
    found = surface.fit_surface(data, smooth(data), quiet(), np.zeros((50, len(data))))
    assert found is not None
    assert found.coefficients()["alpha"][0] == pytest.approx(ALPHA, rel=1e-3)
    one = data.where(np.abs(data.log_n - data.log_n[0]) < 1e-9)
    assert surface.fit_point(one, np.arange(len(one)), 0.0) is None


def test_a_surfaces_best_size_goes_on_as_a_power_law_however_far():
    data = table()
    found = surface.fit_surface(data, smooth(data), quiet(), np.zeros((50, len(data))))
    far = np.log(1e20) + np.log(10.0) * np.array([-30.0, 30.0])
    np.testing.assert_allclose(found.best_size(far)[0], np.log(best_params(np.exp(far))), rtol=1e-4)


def test_best_size_follows_a_varying_kappa():
    data = table()
    nodes = np.linspace(data.log_n.min() - 9, data.log_n.max() + 9, 500)
    kappa = Kappa(nodes, np.log(6 + 1e3 * np.exp(-nodes / 2)))
    found = surface.fit_surface(data, kappa, quiet(), np.zeros((50, len(data))))
    assert found is not None
    log_c = np.array([np.log(1e20)])
    grid = np.linspace(np.log(1e8), np.log(1e11), 200001)
    truth = chinchilla(np.exp(grid), np.exp(kappa.log_tokens(grid, log_c)))
    assert found.best_size(log_c)[0, 0] == pytest.approx(grid[truth.argmin()], abs=2e-3)


def test_a_noiseless_parabola_gives_its_vertex():
    def valley(params, tokens):
        flops = 6 * params * tokens
        vertex = 0.4 * np.log(flops) - 1.0
        return np.exp(1 - 0.03 * np.log(flops) + 0.05 * (np.log(params) - vertex) ** 2)

    def near(budget):
        return np.exp(0.4 * np.log(budget) - 1.0)

    made = [
        {"run": f"{b}{i}", "trunk": f"{b}{i}", "params": n, "tokens": b / 6 / n, "flops": b}
        | {"budget": b, "loss": valley(n, b / 6 / n)}
        for b in BUDGETS
        for i, n in enumerate(near(b) * np.geomspace(0.4, 3, 7))
    ]
    data = as_table(pd.DataFrame(made), "loss")
    curves = isoflop.parabolas(data)
    assert {p.status for p in curves} == {isoflop.OK}
    still = np.zeros((50, len(data)))
    found = parabola_minima(data, curves, quiet(), still, np.random.default_rng(0))
    np.testing.assert_allclose(np.exp(found.log_n[0]), near(BUDGETS), rtol=1e-6)
    np.testing.assert_allclose(found.log_loss[0], 1 - 0.03 * np.log(BUDGETS), atol=1e-9)
    np.testing.assert_allclose(found.valley.curvature(np.log(BUDGETS)), 0.05, rtol=1e-6)
    line = DriftingLine(found.log_c, found.log_n, np.zeros(len(BUDGETS)))
    ahead = np.log([1e17, 1e19, 1e23])
    # The prior of the slope, 0.5 ± 0.15, moves a slope of 0.4 by next to nothing.
    np.testing.assert_allclose(line(ahead)[0], 0.4 * ahead - 1.0, atol=5e-3)
    assert line.model_sd(ahead)[2] > 2 * line.model_sd(ahead)[1]


@pytest.mark.parametrize(("floor", "exponent"), [(1.69, 0.154), (0.0, 0.05), (0.18, 0.34)])
def test_loss_laws_are_exact_without_noise(floor, exponent):
    log_c = np.log(np.geomspace(1e10, 1e12, 6))
    log_loss = np.log(floor + 0.5 * np.exp(-exponent * (log_c - log_c[0])))[None]
    even = np.ones(len(log_c))
    found = losslaws.fit_floor(log_c, log_loss, even)
    assert found.floor[0] == pytest.approx(floor, rel=1e-5, abs=1e-6)
    assert found.exponent[0] == pytest.approx(exponent, rel=1e-5)
    np.testing.assert_allclose(found(log_c), log_loss, atol=1e-7)
    power = losslaws.fit_power(log_c, log_loss, even)
    recent = losslaws.fit_recent(log_c, log_loss, np.ones(len(log_c)), 0.65)
    np.testing.assert_allclose(recent.floor(log_c), log_loss, atol=1e-7)
    if not floor:
        assert power.exponent[0] == pytest.approx(exponent, rel=1e-9)
        assert np.exp(power.log_coefficient[0]) == pytest.approx(0.5 * np.exp(exponent * log_c[0]))


def statuses(sizes, loss):
    frame = pd.DataFrame({"params": sizes, "loss": loss, "budget": 1e18, "flops": 1e18})
    frame["tokens"] = frame["flops"] / 6 / frame["params"]
    frame["trunk"] = [str(i) for i in range(len(frame))]
    return [p.status for p in isoflop.parabolas(as_table(frame, "loss"))]


def test_statuses():
    sizes = np.geomspace(1e6, 5e6, 6)
    x = np.log(sizes / 2e6)
    assert statuses(sizes, np.exp(x**2)) == ["ok"]
    assert statuses(sizes, np.exp((x - 2) ** 2)) == ["edge"]
    assert statuses(sizes, np.exp(-(x**2))) == ["no curvature"]
    assert statuses(sizes, np.exp(x / 10)) == ["no curvature"]
    assert statuses(sizes[:3], (1 + x**2)[:3]) == ["too few points"]
    assert statuses(np.full(6, 1e6), 1 + x**2) == ["too few points"]


def test_only_runs_near_the_best_take_part():
    sizes = np.array([1e5, 1e6, 2e6, 4e6, 8e6, 1e8])
    frame = pd.DataFrame({"params": sizes, "budget": 1e18, "flops": 1e18, "tokens": 1.0})
    frame["loss"] = 1 + np.log(sizes / 3e6) ** 2
    frame["trunk"] = [str(i) for i in range(6)]
    (curve,) = isoflop.parabolas(as_table(frame, "loss"))
    assert len(curve.rows) == 4


def test_kappa_of_a_table_and_of_a_study():
    data = table(kappa=7.0)
    np.testing.assert_allclose(np.exp(smooth(data).log(np.array([1.0, 20.0, 90.0]))), 7.0)
    study = parse_study(preset_text("quickstart"), "quickstart")
    kappa = kappa_of(data, study)
    family, geometry = study.design(), study.geometry.geometry()
    for width in (20, 64, 256):
        counts = family.counts(family.shape(2, width, 4), geometry)
        exact = counts.flops_train / counts.tokens_per_sample / counts.params
        assert np.exp(kappa.log(np.log([float(counts.params)])))[0] == pytest.approx(
            exact, rel=1e-3
        )


def test_noise_is_measured_between_seeds():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(30):
        frame = rows(seeds=2)
        trunk = {t: rng.standard_normal() for t in frame["trunk"].unique()}
        shared = frame["trunk"].map(trunk)
        own = rng.standard_normal(len(frame))
        frame["loss"] *= np.exp(0.01 * (np.sqrt(0.7) * shared + np.sqrt(0.3) * own))
        one = noise.from_replicates(as_table(frame, "loss"))
        assert one is not None
        found.append(one)
    assert np.sqrt(np.mean([n.sd**2 for n in found])) == pytest.approx(0.01, rel=0.1)
    assert 0.5 < np.mean([n.share for n in found]) < 0.8
    assert noise.from_replicates(table()) is None


def test_separate_runs_a_budget_are_not_counted_twice():
    """Without trunks, two seeds of k cells are k differences, not one a run less one a size."""
    frame = rows(seeds=2)
    rng = np.random.default_rng(1)
    frame["loss"] *= np.exp(0.01 * rng.standard_normal(len(frame)))
    frame["trunk"] = [f"run{i}" for i in range(len(frame))]
    found = noise.from_replicates(as_table(frame, "loss"))
    # One slope of the scatter over compute is estimated too, so the end is known less well.
    assert len(frame) / 8 < found.df < len(frame) / 2
    one = frame[frame["budget"] == BUDGETS[0]]
    assert noise.from_replicates(as_table(one, "loss")).df == pytest.approx(len(one) / 2)


def test_redraws_share_a_trunks_effect():
    trunk, log_c = np.array([0, 0, 1, 1]), np.zeros(4)
    rng = np.random.default_rng(0)
    given = noise.Noise(0.1, 0.8, 1e9, "given")
    drawn = given.perturbations(trunk, log_c, np.full(4000, 0.1), rng)
    seen = np.corrcoef(drawn.T)
    assert seen[0, 1] == pytest.approx(0.8, abs=0.05)
    assert seen[0, 2] == pytest.approx(0.0, abs=0.06)


def test_stacking_prefers_what_would_have_been_right():
    even = np.ones(3)
    right = stack(np.array([[0.05, 0.0, -0.05]] * 3), np.full(3, 1e-5), even)
    assert right[1] > 0.3
    assert right[0] == pytest.approx(right[2], abs=1e-9)
    opposite = stack(np.array([[0.03, -0.06]] * 4), np.full(4, 1e-6), np.ones(2))
    assert opposite[0] == pytest.approx(2 / 3, abs=0.03)
    np.testing.assert_allclose(stack(np.zeros((0, 3)), np.zeros(0), even), 1 / 3)
