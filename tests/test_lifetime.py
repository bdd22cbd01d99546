"""The cheapest model of a lifetime: known answers, and what must hold for any number of images."""

import numpy as np
import pytest
from conftest import TINY
from hypothesis import given
from hypothesis import strategies as st
from laws_data import ALPHA, BETA, FEW, A, B, E, best_loss, best_params, frame, observed
from scipy.optimize import minimize_scalar
from test_cli import answered

from ditlaw import laws
from ditlaw.cli import run
from ditlaw.errors import BadInput, Refused
from ditlaw.forecasting import forecast
from ditlaw.lifetime import forward_flops, lifetime
from ditlaw.lifetime.forms import Printed
from ditlaw.lifetime.optimum import CENTRE, optima
from ditlaw.published import published_law
from ditlaw.study import load_study

X, TOKENS = 1e20, 256.0


def table():
    data = frame(sd=0.003, seed=1)
    data["images"] = data["tokens"] / TOKENS
    return data


@pytest.fixture(scope="module")
def auto():
    return laws.fit(observed(table()), draws=60)


@pytest.fixture(scope="module")
def exact():
    data = frame()
    data["images"] = data["tokens"] / TOKENS
    return laws.fit(observed(data), method="surface", draws=50)


def cheapest(images, steps):
    """Params and total FLOPs of the surface's own optimum, by minimising over params."""
    target = best_loss(X)

    def total(log_n):
        n = np.exp(log_n)
        rest = target - E - A / n**ALPHA
        if rest <= 0:
            return np.inf
        return 6 * n * (B / rest) ** (1 / BETA) + images * steps * 2 * n * TOKENS

    smallest = np.log((A / (target - E)) ** (1 / ALPHA))
    ends = (smallest + 1e-9, np.log(best_params(X)))
    found = minimize_scalar(total, bounds=ends, method="bounded", options={"xatol": 1e-10})
    return float(np.exp(found.x)), float(found.fun)


@pytest.mark.parametrize("images", [1e6, 3e7, 1e9])
def test_it_is_the_optimum_of_the_surface_that_the_rows_were_made_from(exact, images):
    found = lifetime(exact, X, images, sampler_steps=20)
    params, total = cheapest(images, 20)
    assert found.params.value == pytest.approx(params, rel=5e-3)
    assert found.total_flops.value == pytest.approx(total, rel=1e-3)
    reached = exact.loss_at(found.params.value, found.training_flops.value)[0].value
    assert reached == pytest.approx(best_loss(X), rel=1e-4)


def test_it_is_the_published_answer_for_a_language_model():
    # Sardana et al. 2401.00448, figure 1: for the quality of a Chinchilla model of 13B, and 2T
    # tokens of inference, one of 7B saves 1.7e22 FLOPs, 17 %.
    surface = Printed(published_law("chinchilla").entry.surface)
    log_c = np.linspace(np.log(1e22), np.log(1e23), 4001)
    log_x = float(log_c[np.abs(surface.best_size(log_c)[0] - np.log(13e9)).argmin()])
    cost = lambda log_n: log_n + np.log(2 * 2e12)  # noqa: E731
    best, found = optima({"s": surface}, {"s": 1.0}, {"s": np.zeros(1)}, log_x, cost)
    before, after = (np.exp(o.log_c[0]) + np.exp(o.log_g[0]) for o in (best[CENTRE], found[CENTRE]))
    assert np.exp(found[CENTRE].log_n[0]) == pytest.approx(7e9, rel=0.03)
    assert before - after == pytest.approx(1.7e22, rel=0.05)
    assert 1 - after / before == pytest.approx(0.17, abs=0.01)


def test_without_images_it_is_the_compute_optimal_model(auto):
    found, best = lifetime(auto, X, 0), forecast(auto, X)
    for end in ("value", "low", "high"):
        ours, theirs = getattr(found.params, end), getattr(best.params, end)
        assert ours == pytest.approx(theirs, rel=1e-6)
    assert found.training_flops.value == pytest.approx(X)
    assert found.generation_flops.value == found.saving.value == 0
    assert found.compute_optimal.params == pytest.approx(best.params.value)


@given(log10=st.floats(4, 13), guided=st.booleans())
@FEW
def test_more_images_want_a_smaller_model_and_it_never_costs_more(auto, log10, guided):
    few, more = (lifetime(auto, X, k, guided=guided) for k in (10**log10, 2 * 10**log10))
    assert more.params.value <= few.params.value * (1 + 1e-12)
    assert more.training_flops.value >= few.training_flops.value * (1 - 1e-12)
    for found in (few, more):
        assert found.total_flops.value <= found.compute_optimal.total_flops * (1 + 1e-12)
        parts = found.training_flops.value + found.generation_flops.value
        assert found.total_flops.value == pytest.approx(parts)
        assert 0 <= found.saving.low <= found.saving.value <= found.saving.high < 1
        for quantity in (found.params, found.tokens, found.total_flops):
            assert quantity.low <= quantity.value <= quantity.high


def test_a_study_counts_its_own_family_exactly(tmp_path):
    (tmp_path / "study.yaml").write_text(TINY)
    study = load_study(tmp_path / "study.yaml")
    forward, counted = forward_flops(study, study.geometry.tokens_per_sample())
    counts = study.design().counts(study.shape(study.shapes[3]), study.geometry.geometry())
    found = np.exp(forward(np.log([float(counts.params)])))[0]
    assert found == pytest.approx(counts.flops_forward)
    assert "exact" in counted


def test_guidance_is_twice_as_many_steps(auto):
    guided = lifetime(auto, X, 1e8, sampler_steps=10, guided=True)
    plain = lifetime(auto, X, 1e8, sampler_steps=20)
    assert guided.params == plain.params
    assert guided.generation_flops == plain.generation_flops
    assert plain.generation_flops.value == pytest.approx(1e8 * 20 * plain.forward_flops)


def test_it_says_that_it_trains_on_more_a_parameter_than_any_run(auto):
    assert "lifetime-extrapolates" in {n.code for n in lifetime(auto, X, 1e10).warnings}
    assert not lifetime(auto, 3e19, 10).warnings


def test_it_refuses_what_it_cannot_know(auto):
    with pytest.raises(BadInput, match="tokens of one image"):
        lifetime(published_law("chinchilla"), X, 1e9)
    with pytest.raises(Refused, match="nothing of any size but the best"):
        lifetime(published_law("dit-in-context"), X, 1e9)
    with pytest.raises(BadInput, match="--generated"):
        lifetime(auto, X, -1)
    with pytest.raises(BadInput, match="--sampler-steps"):
        lifetime(auto, X, 1, sampler_steps=0)
    rows = table().drop(columns="budget")
    envelope = laws.fit(observed(rows.assign(budget=np.nan)), method="envelope", draws=50)
    with pytest.raises(Refused, match="nothing of any size but the best"):
        lifetime(envelope, X, 1e9)


def test_tokens_of_an_image_that_no_row_tells_can_be_stated(auto):
    bare = laws.fit(observed(table().drop(columns="images")), draws=60)
    told, stated = lifetime(auto, X, 1e9), lifetime(bare, X, 1e9, each=TOKENS)
    assert stated.params.value == pytest.approx(told.params.value)
    assert stated.images.value == pytest.approx(told.images.value)


def test_the_command_line(tmp_path, capsys):
    table().to_csv(tmp_path / "runs.csv")
    asked = ["forecast", str(tmp_path / "runs.csv"), "--flops", "1e20"]
    found = answered(*asked, "--generated", "1e8", "--guided")["lifetime"]
    assert found["sampler_steps"] == 50
    assert found["params"]["value"] < found["compute_optimal"]["params"]
    assert run([*asked, "--generated", "1e8"]) == 0
    assert "at the same loss" in capsys.readouterr().out
    assert run([*asked, "--guided"]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "--generated" in told
