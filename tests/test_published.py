"""Published laws: known answers, what rounding allows, what is refused, and what wishes cost."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws_data import FEW, observed
from test_cli import answered

from ditlaw.cli import run
from ditlaw.errors import BadInput, Refused
from ditlaw.forecasting import answering_law, forecast
from ditlaw.forecasting.inverse import cost
from ditlaw.laws import fit
from ditlaw.published import list_laws, published_law
from ditlaw.published.catalogue import ENTRIES
from ditlaw.published.printed import Printed

NAMES = [entry.name for entry in ENTRIES]


def ask(name, flops):
    return forecast(published_law(name), flops)


@pytest.mark.parametrize(
    ("printed", "low", "high"),
    [
        ("0.0009", 0.00085, 0.00095),
        ("-0.0273", -0.02735, -0.02725),
        ("2.2566e6", 2256550, 2256650),
        ("0.050", 0.0495, 0.0505),
        ("2", 1.5, 2.5),
    ],
)
def test_printed_numbers_stand_for_all_that_print_alike(printed, low, high):
    assert Printed(printed).bounds == pytest.approx((low, high), rel=1e-12)


def test_the_diffusion_law_at_its_validation_budget():
    found = ask("dit-in-context", 1.5e21)
    assert found.params.value == pytest.approx(965e6, rel=1e-3)
    # 0.0009 alone allows 911M to 1,018M; the exponent's last digit adds a quarter of a per cent.
    assert found.params.low == pytest.approx(911e6, rel=3e-3)
    assert found.params.high == pytest.approx(1018e6, rel=3e-3)
    assert found.params.low < 911.1e6
    assert found.params.high > 1018e6
    assert found.tokens.value == pytest.approx(261e9, rel=3e-3)
    assert found.loss.value == pytest.approx(0.633, abs=1e-3)
    assert found.metrics["frechet"].value == pytest.approx(25.0, rel=2e-3)
    assert found.beyond == pytest.approx(250)
    assert found.images is None
    assert found.basis == "published"
    codes = {note.code for note in found.warnings}
    assert {
        "published-coefficients",
        "rounding-only",
        "frechet-features",
        "very-far-beyond",
    } <= codes
    assert any("CLIP ViT-L/14" in note.text for note in found.warnings)


@pytest.mark.parametrize(
    ("params", "flops", "tokens"), [(3e9, 1.1e22, 620e9), (10e9, 9.2e22, 1.55e12)]
)
def test_one_answer_with_its_formula_for_models_of_3_and_10_billion(params, flops, tokens):
    law = published_law("dit-in-context")
    wish = cost(law, "params", params)
    assert wish.flops.value == pytest.approx(flops, rel=0.01)
    assert wish.flops.low < wish.flops.value < wish.flops.high
    assert "N* = 0.0009·C^0.5681" in wish.how
    found = forecast(law, wish.flops.value, wish=wish)
    assert found.params.value == pytest.approx(params)
    assert found.tokens.value == pytest.approx(tokens, rel=5e-3)
    assert found.formulas["tokens"] == "D* = 186.8535·C^0.4319"


def test_known_answers_of_other_papers():
    # Hoffmann et al.: Gopher's budget buys a model of tens of billions; approach 3 says 40B.
    assert ask("chinchilla", 5.76e23).params.value == pytest.approx(40e9, rel=0.05)
    # Llama 3: 16.55T tokens and 402B params at 3.8e25; rounded coefficients, C counted otherwise.
    llama = ask("llama3", 3.8e25)
    assert llama.tokens.value == pytest.approx(16.55e12, rel=0.02)
    assert llama.tokens.low < 16.55e12 < llama.tokens.high
    assert llama.params.value == pytest.approx(402e9, rel=0.05)
    # Yin et al.: 0.64B at 1e22 FLOPs, if N is in billions and C in EFLOP/s-days.
    assert ask("yin-video", 1e22).params.value == pytest.approx(0.64e9, rel=0.02)
    # Kaplan et al.: C counted as if at small batches; 6·N·D is 1.8 times that.
    kaplan = ask("kaplan", 1e21)
    assert 6 * kaplan.params.value * kaplan.tokens.value == pytest.approx(1.8e21, rel=0.01)


@pytest.mark.parametrize("name", ["chinchilla", "chinchilla-replication"])
@pytest.mark.parametrize("flops", [1e19, 1e24])
def test_the_closed_form_of_a_surface_is_its_minimum(name, flops):
    found = ask(name, flops)
    surface = published_law(name).entry.surface
    nearby = np.log(found.params.value) + np.linspace(-1, 1, 2001)
    losses = surface.loss(nearby, np.log(flops))
    assert losses.argmin() == pytest.approx(1000, abs=1)
    assert losses.min() == pytest.approx(found.loss.value)
    assert 6 * found.params.value * found.tokens.value == pytest.approx(flops)
    near = found.near_optimal_params
    ends = surface.loss(np.log([near.low, near.high]), np.log(flops))
    assert ends == pytest.approx(found.loss.value * 1.0025, rel=3e-4)


@pytest.mark.parametrize("name", NAMES)
@given(log10=st.floats(17, 24))
@FEW
def test_intervals_hold_the_printed_value_and_nothing_is_invented(name, log10):
    entry = published_law(name).entry
    if not entry.laws:
        with pytest.raises(Refused, match="coefficient"):
            ask(name, 10**log10)
        return
    found = ask(name, 10**log10)
    answers = {"params": found.params, "tokens": found.tokens, "loss": found.loss, **found.metrics}
    for quantity in (q for q in answers.values() if q):
        assert 0 < quantity.low <= quantity.value <= quantity.high < math.inf
    assert {name for name, q in answers.items() if q} == set(entry.laws)


def test_what_a_paper_does_not_say_is_null_and_named():
    deepseek = ask("deepseek", 1e22)
    assert deepseek.params is None
    assert deepseek.loss is None
    said = " ".join(note.text for note in deepseek.warnings)
    assert "fewer than M*/6" in said
    assert "M* = 0.1715·C^0.5243 is 58.7B" in said
    assert ask("yin-video", 1e20).loss is None
    assert ask("kaplan", 1e20).beyond is None
    with pytest.raises(Refused, match="its params are not known"):
        cost(published_law("deepseek"), "params", 1e9)
    with pytest.raises(BadInput, match="tokens of one image"):
        cost(published_law("chinchilla"), "images", 1e9)
    with pytest.raises(Refused, match=r"1\.6 is not reached .* 1\.7 at"):
        cost(published_law("chinchilla"), "loss", 1.6)


def test_every_entry_names_its_source_and_fitted_range():
    laws = {law.name: law for law in list_laws().laws}
    assert set(laws) >= {
        "dit-in-context",
        "dit-in-context-sparse",
        "dit-cross-attention",
        "chinchilla",
        "chinchilla-replication",
        "kaplan",
        "deepseek",
        "llama3",
        "yin-video",
    }
    for law in laws.values():
        assert law.source
        assert law.arxiv
        assert law.range is None or law.range[0] < law.range[1]
        assert law.formulas or law.unscaled
    assert laws["dit-in-context"].range == (1e17, 6e18)
    assert laws["dit-in-context"].extractors == {"frechet": "CLIP ViT-L/14"}
    assert "fid" not in laws["dit-in-context"].formulas


@pytest.mark.parametrize("of", ["params", "images", "loss"])
def test_what_a_wish_costs_is_where_the_fitted_law_says_so(of):
    data = observed(sd=0.003)
    data.frame["images"] = data.frame["tokens"] / 100
    law = fit(data)
    at = law.optimum(1e20)
    asked = {"params": at.params, "images": at.tokens, "loss": at.loss}[of].value
    wish = cost(law, of, asked / 100 if of == "images" else asked)
    assert wish.flops.value == pytest.approx(1e20, rel=1e-6)
    assert wish.flops.low < 1e20 < wish.flops.high
    # Where the interval ends, so does that of the law.
    early = law.optimum(wish.flops.low)
    reached = {"params": early.params.high, "images": early.tokens.high, "loss": early.law_low}[of]
    assert reached == pytest.approx(asked, rel=1e-6)


def test_a_cost_without_a_bound_says_why():
    law = fit(observed(sd=0.003, budgets=4))
    far = law.optimum(1e27)
    wish = cost(law, "loss", far.loss.value)
    assert wish.flops.high is None
    codes = {note.code: note.text for note in forecast(law, wish.flops.value, wish=wish).warnings}
    assert "no upper bound" in codes["open-bound"]


def test_a_size_that_the_user_names_has_what_rounding_allows():
    law = published_law("chinchilla")
    found = law.choice(1e9, 1e21)
    exact = 1.6934 + 406.4 / 1e9**0.3392 + 410.7 / (1e12 / 6) ** 0.2849
    assert found.loss.value == pytest.approx(exact, rel=1e-12)
    assert found.loss.low < exact < found.loss.high < 1.001 * exact
    assert 0 < found.regret.low < found.regret.value < found.regret.high
    best = law.optimum(1e21)
    assert law.choice(best.params.value, 1e21).loss.value == pytest.approx(best.loss.value)


def test_a_loss_below_the_floor_is_refused():
    with pytest.raises(Refused, match="is not reached within 1e12"):
        cost(fit(observed(sd=0.003)), "loss", 0.01)


def test_the_commands_answer_and_refuse_in_one_line(capsys):
    found = answered("forecast", "published:dit-in-context", "--params", 3e9)
    assert found["wish"]["of"] == "params"
    assert found["tokens"]["value"] == pytest.approx(620e9, rel=5e-3)
    bought = answered("forecast", "published:dit-in-context", "--gpus", "64xh100", "--days", 14)
    assert bought["flops"] == pytest.approx(64 * 14 * 86400 * 989.4e12 * 0.4)
    assert len(answered("laws")["laws"]) == len(ENTRIES)
    for arguments, code, said in (
        (("forecast", "published:chinchila", "--flops", 1e21), 2, "did you mean 'chinchilla'?"),
        (("forecast", "published:dit-cross-attention", "--flops", 1e21), 3, "every coefficient"),
        (("forecast", "published:kaplan", "--flops", 1, "--loss", 2), 2, "give one of"),
        (("forecast", "published:kaplan", "--flops", 1e21, "--level", 0.5), 2, "--level"),
        (("forecast", "published:kaplan", "--loss", -1), 2, "not a positive number"),
        (("fit", "published:kaplan"), 2, "no rows to fit"),
        (("report", "published:kaplan"), 2, "no rows to fit"),
    ):
        assert run([*map(str, arguments)]) == code, arguments
        told = capsys.readouterr().err
        assert said in told
        assert told.count("\n") == 1


def test_a_published_law_has_no_rows_to_choose():
    with pytest.raises(BadInput, match="--where: published:kaplan has no rows"):
        answering_law("published:kaplan", ["family=x"])
