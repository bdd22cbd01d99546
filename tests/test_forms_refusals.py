"""Equations asked of rows that cannot answer: one line that says what is missing."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from laws_data import FEW, one_line_at_most
from test_forms_recovery import KNOWN, columns, observed, settings_table, table

from ditlaw.equations import CATALOGUE, fit_form
from ditlaw.errors import BadInput, Refused


def rows_of(count, **changed):
    held = {name: values[:count] for name, values in columns().items()}
    return observed(held | {name: np.asarray(v)[:count] for name, v in changed.items()})


def test_three_points_for_three_parameters_are_refused():
    with pytest.raises(Refused, match="three points for three parameters; at least 4"):
        fit_form(rows_of(3), "floor")


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("flor", {}, "did you mean 'floor'"),
        ("floor", {"x": "param"}, "did you mean 'params'"),
        ("kaplan", {"x": "flops"}, "has its own columns"),
        ("power", {"x": "loss"}, "an equation of itself"),
        ("power", {"metric": "frecket"}, "'frecket' is unknown"),
        ("batch", {"metric": "frechet"}, "leave --metric out"),
        ("power", {"level": 90.0}, "between 0 and 1"),
        ("power", {"draws": 5}, "too few"),
    ],
)
def test_what_is_asked_wrongly_is_said_in_one_line(name, options, says):
    rows, _ = table("power", "loss", KNOWN["power", "loss"])
    with pytest.raises(BadInput, match=says) as caught:
        fit_form(rows, name, **options)
    assert "\n" not in str(caught.value)


def test_a_point_without_a_column_or_below_zero_is_bad_input():
    fitted = fit_form(rows_of(40), "chinchilla", draws=50)
    with pytest.raises(BadInput, match="'tokens' is missing"):
        fitted.predict({"params": 1e9})
    with pytest.raises(BadInput, match="not a positive number"):
        fitted.predict({"params": -1.0, "tokens": 1e9})


def test_columns_that_only_vary_together_cannot_be_told_apart():
    params = np.geomspace(1e7, 1e10, 20)
    rows = rows_of(20, params=params, tokens=20 * params, flops=120 * params**2)
    with pytest.raises(Refused, match="params and tokens only vary together"):
        fit_form(rows, "chinchilla")


def test_a_column_that_does_not_vary_is_named():
    rows = rows_of(20, params=np.full(20, 1e8), flops=6e8 * columns()["tokens"][:20])
    rows.frame["tokens"] = np.geomspace(1e8, 1e10, 20)
    rows.frame["flops"] = 6e8 * rows.frame["tokens"]
    with pytest.raises(Refused, match="every row has the same params"):
        fit_form(rows, "kaplan-n")


def test_repeated_data_need_rows_that_repeat_them():
    with pytest.raises(Refused, match=r"no row repeats its data.*chinchilla"):
        fit_form(rows_of(40, epochs=np.ones(40)), "repeated")
    rows = rows_of(40)
    del rows.frame["epochs"]
    with pytest.raises(BadInput, match="'unique_tokens' \\(or 'epochs'\\) is missing"):
        fit_form(rows, "repeated")
    with pytest.raises(BadInput, match="row 3: epochs gives no positive number"):
        fit_form(rows_of(40, epochs=np.where(np.arange(40) == 2, np.nan, 2.0)), "repeated")


def test_unique_tokens_say_the_same_as_epochs():
    rows, _ = table("repeated", None, KNOWN["repeated", None])
    by_epochs = fit_form(rows, "repeated", draws=50)
    rows.frame["unique_tokens"] = rows.frame["tokens"] / rows.frame["epochs"]
    del rows.frame["epochs"]
    by_tokens = fit_form(rows, "repeated", draws=50)
    assert by_tokens.equation() == by_epochs.equation()


def test_a_law_of_the_learning_rate_needs_several_rates_at_a_size():
    with pytest.raises(BadInput, match="column 'learning_rate' is missing"):
        fit_form(rows_of(20), "learning-rate")
    renamed = rows_of(20, learning_rat=np.full(20, 1e-4))
    with pytest.raises(BadInput, match="is 'learning_rat' meant"):
        fit_form(renamed, "learning-rate")
    with pytest.raises(Refused, match="20 have fewer, 0 are best at an end"):
        fit_form(rows_of(20, learning_rate=np.full(20, 1e-4)), "learning-rate")


def test_sizes_whose_best_rate_is_at_the_end_of_the_grid_are_left_out_and_told():
    rows = settings_table(lambda n, d, c: 0.3 * c**-0.125, "learning_rate")
    smallest = rows.frame["params"] == rows.frame["params"].min()
    rows.frame.loc[smallest, "loss"] += 1e4 * rows.frame.loc[smallest, "learning_rate"]
    fitted = fit_form(rows, "learning-rate", x="flops")
    assert [note.code for note in fitted.warnings] == ["settings-at-edge"]
    assert len(fitted.sample.y) == 20


def test_a_score_of_one_or_more_is_dropped_with_its_reason():
    rows, _ = table("sigmoid", "flops", KNOWN["sigmoid", "flops"], sd=0.02)
    rows.frame.loc[5, "loss"] = 1.5
    fitted = fit_form(rows, "sigmoid")
    assert [(d.row, d.reason) for d in fitted.sample.dropped] == [(5, "loss is not below 1")]
    assert fitted.interval({"flops": 1e30}).high[0] <= 1


NUMBERS = st.floats(1e-3, 1e15)
VALUES = st.one_of(NUMBERS, st.sampled_from([0.5, 1.0, 1e-90, 1e90]))


@given(
    name=st.sampled_from(sorted(CATALOGUE)),
    cells=st.lists(st.tuples(NUMBERS, NUMBERS, VALUES, NUMBERS, NUMBERS), min_size=1, max_size=14),
)
@settings(FEW, max_examples=60, phases=[Phase.generate])
def test_any_numbers_give_an_answer_or_one_line(name, cells):
    names = ["params", "tokens", "loss", "learning_rate", "epochs"]
    frame = pd.DataFrame(cells, columns=names)
    held = {column: frame[column].to_numpy() for column in names}
    held |= {"flops": 6 * held["params"] * held["tokens"], "batch": held["learning_rate"]}
    held |= {"budget": np.resize([1e10, 1e12], len(frame))}
    with one_line_at_most():
        fitted = fit_form(observed(held), name, draws=50)
        fitted.result()
        fitted.interval(dict.fromkeys(fitted.form.columns, 3e9))
