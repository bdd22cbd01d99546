"""Equations of the literature: what made the rows is found again, and said in words."""

import numpy as np
import pandas as pd
import pytest

from ditlaw.equations import CATALOGUE, fit_form, fit_sample, form_named, in_flops_per_token
from ditlaw.equations.base import Sample
from ditlaw.equations.curves import Broken, Line
from ditlaw.equations.curves2d import Additive, Repeated
from ditlaw.observations import Observations

# Parameters of each equation in the column that it is tested in, and the rows' column.
KNOWN = {
    ("power", "flops"): {"k": 3.0, "c": 0.05},
    ("power", "tokens"): {"k": 40.0, "c": 0.11},
    ("floor", "flops"): {"E": 1.7, "k": 900.0, "c": 0.155},
    ("floor", "params"): {"E": 0.6, "k": 20.0, "c": 0.3},
    ("henighan", "tokens"): {"Linf": 2.0, "x0": 3e7, "alpha": 0.24},
    ("broken", "flops"): {"k": 3.0, "b": 0.05, "d": 4e18, "f": 0.4, "c": 0.03},
    ("broken", "tokens"): {"k": 90.0, "b": 0.16, "d": 4e9, "f": 0.3, "c": -0.06},
    ("kaplan-n", None): {"Nc": 8.8e13, "alpha": 0.076},
    ("kaplan-d", None): {"Dc": 5.4e13, "alpha": 0.095},
    ("kaplan", None): {"Nc": 6.4e13, "Dc": 1.8e13, "alphaN": 0.076, "alphaD": 0.103},
    ("chinchilla", None): {"E": 1.69, "A": 406.4, "alpha": 0.34, "B": 410.7, "beta": 0.28},
    ("yin", None): {"Tc": 3.7e7, "alphaT": 0.2917, "Nc": 8.2e6, "alphaN": 0.3188, "Linf": 0.4856},
    ("repeated", None): {
        "E": 1.87,
        "A": 521.0,
        "alpha": 0.353,
        "B": 1488.0,
        "beta": 0.353,
        "R": 15.4,
    },
    ("learning-rate", None): {"k": 0.02, "a": -0.16, "b": -0.05},
    ("learning-rate", "flops"): {"k": 0.3118, "a": -0.125},
    ("batch", "params"): {"k": 0.7576, "a": 0.703},
    ("deepseek-m", None): {"k": 0.1715, "a": 0.5243},
    ("deepseek-d", None): {"k": 1 / 0.1715, "a": 0.4757},
    ("sigmoid", "flops"): {"t": 0.8, "h": 2e18, "b": 0.5},
    ("sigmoid", "loss"): {"t": 0.75, "h": 2.6, "b": 7.0},
    ("power", "loss"): {"k": 0.4, "p": 3.0},
    ("shifted", "loss"): {"k": 12.0, "s": 1.9, "p": 1.6},
}
TRUTH = {
    "power": lambda p, c, x: p["k"] * c[x] ** (p["p"] if x == "loss" else -p["c"]),
    "floor": lambda p, c, x: p["E"] + p["k"] * c[x] ** -p["c"],
    "henighan": lambda p, c, x: p["Linf"] + (p["x0"] / c[x]) ** p["alpha"],
    "broken": lambda p, c, x: (
        p["k"] * c[x] ** -p["b"] * (1 + (c[x] / p["d"]) ** (1 / p["f"])) ** (-p["c"] * p["f"])
    ),
    "kaplan-n": lambda p, c, x: (p["Nc"] / c["params"]) ** p["alpha"],
    "kaplan-d": lambda p, c, x: (p["Dc"] / c["tokens"]) ** p["alpha"],
    "kaplan": lambda p, c, x: (
        ((p["Nc"] / c["params"]) ** (p["alphaN"] / p["alphaD"]) + p["Dc"] / c["tokens"])
        ** p["alphaD"]
    ),
    "chinchilla": lambda p, c, x: (
        p["E"] + p["A"] / c["params"] ** p["alpha"] + p["B"] / c["tokens"] ** p["beta"]
    ),
    "yin": lambda p, c, x: (
        (p["Tc"] / c["tokens"]) ** p["alphaT"] + (p["Nc"] / c["params"]) ** p["alphaN"] + p["Linf"]
    ),
    "repeated": lambda p, c, x: (
        p["E"]
        + p["A"] / c["params"] ** p["alpha"]
        + p["B"]
        / (c["tokens"] / c["epochs"] * (1 + p["R"] * (1 - np.exp(-(c["epochs"] - 1) / p["R"]))))
        ** p["beta"]
    ),
    "sigmoid": lambda p, c, x: (
        p["t"] / (1 + (c[x] / p["h"]) ** (p["b"] if x == "loss" else -p["b"]))
    ),
    "shifted": lambda p, c, x: p["k"] * (c["loss"] - p["s"]) ** p["p"],
}
PLAIN = [key for key in KNOWN if key[0] in TRUTH]


def columns():
    """A grid of sizes and tokens, off any one line, a third of it repeated."""
    params, tokens = (
        v.ravel() for v in np.meshgrid(np.geomspace(1e7, 3e9, 8), np.geomspace(3e8, 3e11, 7))
    )
    epochs = np.resize([1.0, 1.0, 4.0, 20.0, 60.0], len(params))
    loss = 1.69 + 406.4 / params**0.34 + 410.7 / tokens**0.28
    return {
        "params": params,
        "tokens": tokens,
        "flops": 6 * params * tokens,
        "epochs": epochs,
        "loss": loss,
    }


def table(name, x, parameters, sd=0.0, seed=0):
    """Rows that obey one equation, in the column ``loss`` (or ``frechet`` of a given loss)."""
    held = columns()
    y = TRUTH[name](parameters, held, x)
    errors = sd * np.random.default_rng(seed).standard_normal(len(y))
    score = name == "sigmoid"
    noisy = 1 / (1 + np.exp(-(np.log(y / (1 - y)) + errors))) if score else y * np.exp(errors)
    target = "frechet" if x == "loss" else "loss"
    return observed(held | {target: noisy}), target


def observed(held):
    frame = pd.DataFrame(held)
    runs = [f"r{i}" for i in range(len(frame))]
    frame = frame.assign(run=runs, trunk=runs).assign(
        **({} if "budget" in held else {"budget": np.nan})
    )
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return Observations(frame, source="table.csv")


@pytest.mark.parametrize(("name", "x"), PLAIN)
def test_noiseless_rows_give_their_own_parameters_back(name, x):
    rows, target = table(name, x, KNOWN[name, x])
    fitted = fit_form(rows, name, x=x, metric=target, draws=50)
    found = {key: quantity.value for key, quantity in fitted.parameters.items()}
    assert found == pytest.approx(KNOWN[name, x], rel=1e-6)
    held = {column: rows.frame[column].to_numpy() for column in fitted.form.columns}
    assert fitted.predict(held) == pytest.approx(rows.frame[target].to_numpy(), rel=1e-6)


def settings_table(law, column):
    """Five values of a setting at each size and budget; loss is least at the law's."""
    rows = []
    for params in np.geomspace(1e7, 3e9, 6):
        for tokens in np.geomspace(1e9, 1e11, 4):
            best = law(params, tokens, 6 * params * tokens)
            for factor in (0.25, 0.5, 1.0, 2.0, 4.0):
                loss = (2 + 300 / params**0.3) * (1 + 0.02 * np.log(factor) ** 2)
                rows.append((params, tokens, 6 * params * tokens, best * factor, loss))
    frame = pd.DataFrame(rows, columns=["params", "tokens", "flops", column, "loss"])
    return observed({name: frame[name].to_numpy() for name in frame})


@pytest.mark.parametrize(
    ("name", "x", "law"),
    [
        ("learning-rate", None, lambda n, d, c: 0.02 * n**-0.16 * d**-0.05),
        ("learning-rate", "flops", lambda n, d, c: 0.3118 * c**-0.125),
        ("batch", "params", lambda n, d, c: 0.7576 * n**0.703),
    ],
)
def test_the_best_settings_obey_the_law_that_they_were_made_by(name, x, law):
    rows = settings_table(law, name.replace("-", "_"))
    fitted = fit_form(rows, name, x=x, draws=50)
    found = {key: quantity.value for key, quantity in fitted.parameters.items()}
    assert found == pytest.approx(KNOWN[name, x], rel=1e-6)
    assert len(fitted.sample.y) == 24  # the best of each size and amount of tokens


@pytest.mark.parametrize("name", ["deepseek-m", "deepseek-d"])
def test_optima_in_flops_per_token_are_found_whatever_params_count(name):
    rows = []
    for budget in np.geomspace(1e17, 3e20, 8):
        best = 0.1715 * budget**0.5243
        for factor in np.geomspace(0.4, 2.5, 7):
            per_token = best * factor
            loss = 10 * budget**-0.04 * np.exp(0.03 * np.log(factor) ** 2)
            rows.append((per_token / 4.7, budget / per_token, budget, budget, loss))
    frame = pd.DataFrame(rows, columns=["params", "tokens", "flops", "budget", "loss"])
    table = observed({column: frame[column].to_numpy() for column in frame})
    found = fit_form(table, name, draws=50).parameters
    assert {k: q.value for k, q in found.items()} == pytest.approx(KNOWN[name, None], rel=1e-6)
    assert in_flops_per_token(table).frame["params"].to_numpy() == pytest.approx(
        4.7 * table.frame["params"].to_numpy()
    )


def test_every_equation_is_among_the_known_answers():
    assert {name for name, _ in KNOWN} == set(CATALOGUE)


def test_data_that_are_not_repeated_leave_the_plain_surface():
    random = np.random.default_rng(0)
    x = np.vstack([random.normal(size=(2, 30)), np.zeros(30)])
    theta = np.array([[0.5, -1.0, -0.8, -1.0, -1.2]])
    repeated = Repeated().value(np.append(theta, [[2.0]], axis=1), x)
    assert repeated == pytest.approx(Additive().value(theta, x[:2]), rel=1e-12)
    # And many epochs of a large R* are worth as much as new data.
    x[2] = np.log(5.0)
    endless = Repeated().value(np.append(theta, [[np.log(1e8)]], axis=1), x)
    assert endless == pytest.approx(Additive().value(theta, x[:2]), rel=1e-6)


def test_a_break_beyond_the_data_leaves_a_power_law():
    x = np.linspace(-3, 3, 20)[None]
    bent = Broken().value(np.array([[1.0, 0.3, 0.5, 40.0, np.log(0.3)]]), x)
    assert bent == pytest.approx(Line().value(np.array([[1.0, -0.3]]), x), rel=1e-12)


def test_the_equation_is_said_in_words_with_its_numbers():
    rows, _ = table("chinchilla", None, KNOWN["chinchilla", None])
    fitted = fit_form(rows, "chinchilla", draws=50)
    assert fitted.equation() == "L = 1.69 + 406.4/N^0.34 + 410.7/D^0.28"
    assert fitted.form.equation("loss") == "L = E + A/N^alpha + B/D^beta"
    assert fitted.equation() in str(fitted)
    assert "<pre>" in fitted._repr_html_()
    rows, _ = table("broken", "tokens", KNOWN["broken", "tokens"])
    assert fit_form(rows, "broken", x="tokens", draws=50).equation() == (
        "L = 90·D^(−0.16)·(1 + (D/4e+09)^(1/0.3))^(0.06·0.3)"
    )


@pytest.mark.parametrize(("name", "x"), [("power", "flops"), ("floor", "params"), ("kaplan", None)])
def test_intervals_hold_the_truth_about_as_often_as_they_say(name, x):
    inside = total = 0
    at = {"params": 3e10, "tokens": 1e12, "flops": 1.8e23}
    truth = TRUTH[name](KNOWN[name, x], at, x)
    for seed in range(40):
        rows, _ = table(name, x, KNOWN[name, x], sd=0.01, seed=seed)
        band = fit_form(rows, name, x=x, draws=100).interval(at)
        inside += band.low[0] <= truth <= band.high[0]
        total += 1
    assert 0.78 <= inside / total <= 1.0


def test_the_interval_of_one_run_is_wider_than_the_equations_own():
    rows, _ = table("power", "flops", KNOWN["power", "flops"], sd=0.02)
    fitted = fit_form(rows, "power")
    own, run = (fitted.interval({"flops": 1e20}, one_run=one) for one in (False, True))
    assert run.low < own.low < own.value < own.high < run.high
    assert np.log(run.high / run.low)[0] == pytest.approx(2 * 1.645 * 0.02, rel=0.35)


def test_the_same_seed_gives_the_same_fit_and_a_point_may_be_a_number_or_many():
    rows, _ = table("floor", "flops", KNOWN["floor", "flops"], sd=0.01)
    first, second = (fit_form(rows, "floor").interval({"flops": [1e19, 1e22]}) for _ in range(2))
    assert np.array_equal(first.low, second.low)
    assert first.value.shape == (2,)


def test_a_trunk_moves_as_one():
    """Rows that share a trunk hold less than as many rows of their own."""
    form, x = form_named("power", "flops"), np.log(np.geomspace(1e18, 1e20, 40))[None]
    y = np.exp(3 - 0.05 * x[0] + 0.01 * np.random.default_rng(0).standard_normal(40))
    alone, shared = (
        fit_sample(form, Sample("t", "loss", x, y, trunk)).interval({"flops": 1e19})
        for trunk in (np.arange(40), np.zeros(40, dtype=int))
    )
    assert np.log(shared.high / shared.low) > 2 * np.log(alone.high / alone.low)
