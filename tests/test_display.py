"""Results in a Python prompt and a notebook: the whole answer, and no markup."""

import re
from html import unescape

import pytest
from laws_data import frame, observed

from ditlaw import laws
from ditlaw.forecasting import forecast
from ditlaw.laws import Optimum
from ditlaw.observations import Observations
from ditlaw.results import FitResult, Forecast

HOSTILE = '<script>alert("x")</script>[red]&amp;.csv'


@pytest.fixture(scope="module")
def law():
    return laws.fit(Observations(frame(sd=0.004), source=HOSTILE), draws=60)


def visible(html):
    return unescape(re.sub("<[^>]+>", "", html))


def test_a_fit_shows_equations_intervals_range_and_backtests(law):
    result = law.result()
    for shown in (str(result), visible(law._repr_html_()), visible(result._repr_html_())):
        for part in ("L = E + k·C^-c", "N* = k·C^a", "L = E + A/N^alpha + B/D^beta", "held out"):
            assert part in shown
        assert f"{result.loss.exponent.value:.3g} [{result.loss.exponent.low:.3g}, " in shown
        assert "fitted to 1e18 to 3e19 FLOPs" in shown
        assert f"Tested up to {result.tested_beyond:.3g}× beyond" in shown


def test_a_forecast_and_an_optimum_show_their_answer_and_warnings(law):
    answer, optimum = forecast(law, 1e21, sizes=[1e9]), law.optimum(1e21)
    assert isinstance(answer, Forecast)
    assert isinstance(optimum, Optimum)
    for shown in (answer, optimum):
        for text in (str(shown), visible(shown._repr_html_())):
            assert "loss of one new run" in text
            assert "far-beyond: 33.3 times" in text
    assert "as asked " in str(answer)


def test_text_and_html_say_the_same(law):
    for shown in (law.result(), law.optimum(1e20), forecast(law, 1e20)):
        assert visible(shown._repr_html_()).split() == str(shown).split()


def test_a_users_text_is_never_markup(law):
    html = law._repr_html_()
    assert "<script" not in html
    assert HOSTILE in visible(html)
    assert set(re.findall(r"<(\w+)", html)) <= {"pre", "span"}


def test_a_run_name_cannot_write_on_the_terminal():
    data = frame(sd=0.003, sizes=9)
    data.loc[23, "loss"] *= 1.2
    data.loc[23, "run"] = "\x1b[2Jgone\n" + "x" * 100
    shown = str(laws.fit(observed(data), draws=60).result())
    assert "run ?[2Jgone?xxx" in shown
    assert "\x1b" not in shown


def test_parts_of_an_answer_keep_their_own_form(law):
    part = law.result().loss.floor
    assert part._repr_html_() is None
    assert "value=" in str(part)
    assert isinstance(law.result(), FitResult)
    assert str(law) == repr(law)
