"""``ditlaw audit``: flags that fire where the fault is, a verdict that follows, and mends."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import ditlaw
from laws_data import ALPHA, BETA, A, B, E, best_params, frame, observed

from ditlaw import laws
from ditlaw.audit import audit, audit_law
from ditlaw.cli.output import emit
from ditlaw.errors import Refused
from ditlaw.results import AuditResult


def audited(data=None, method="isoflop", **options):
    return audit_law(laws.fit(observed(data, **options), method=method, draws=50))


def item(found, name):
    return next(check for check in found.checks if check.item == name)


@pytest.fixture(scope="module")
def clean():
    """A law of exact FLOPs with seeds: 6·N·D is less in small models."""
    rows = frame(budgets=6, seeds=2, sd=0.002, seed=1)
    rows["flops"] *= 1 + 0.5 * (rows["params"] / 1e8) ** -0.3
    rows["budget"] = rows["flops"].groupby(rows["budget"]).transform("median")
    return audited(rows)


def test_a_sound_table_is_defensible_as_far_as_it_was_tested(clean):
    assert clean.reach == max(test.beyond for test in clean.backtests if test.loss_covered)
    assert clean.verdict.startswith(f"Defensible up to {clean.reach:.3g} times")
    states = {check.item: check.state for check in clean.checks}
    held = ("enough budgets", "optimum inside the sizes", "noise known from seeds", "rows used")
    assert {states[name] for name in held} == {"met"}
    assert states["FLOPs counted exactly"] == "met"
    assert states["learning rate tuned at each size"] == "unknown"


def test_what_holds_needs_no_mend_and_what_fails_has_one(clean):
    for check in clean.checks:
        assert (check.mend is None) == (check.state == "met"), check.item


def test_both_counts_of_flops_are_fitted(clean):
    other = next(refit for refit in clean.refits if refit.name == "6·params·tokens")
    own = clean.refits[0]
    said = item(clean, "exponent alike by 6·N·D").text
    assert f"C^{own.exponent:.2f}" in said
    assert f"C^{other.exponent:.2f}" in said
    assert abs(own.exponent - other.exponent) > 0.005  # the count tilts it


def test_flops_that_are_6nd_are_called_so_though_a_column_has_them():
    found = audited(sd=0.002)
    assert item(found, "FLOPs counted exactly").state == "not met"
    assert item(found, "exponent alike by 6·N·D").state == "unknown"


def test_four_budgets_are_too_few_whatever_they_say():
    found = audited(budgets=4, sd=0.001)
    assert found.reach is None
    assert found.verdict.startswith("Not defensible: there are too few budgets (4 usable of 4")
    assert "1 more" in item(found, "enough budgets").mend


@pytest.mark.parametrize("chosen", [False, True])
def test_few_sizes_at_larger_budgets_are_judged_as_the_joint_form_uses_them(chosen):
    rows = frame(budgets=6, sd=0.002, seed=1)
    budgets = np.sort(rows["budget"].unique())
    lone = rows["budget"] > budgets[3]
    near = np.abs(np.log(rows["params"] / best_params(rows["budget"]))) < 0.2
    rows["round"] = lone.astype(int) if chosen else 0
    found = audited(rows[~lone | near], method="auto")
    enough, inside = item(found, "enough budgets"), item(found, "optimum inside the sizes")
    assert (enough.state, inside.state) == ("met", "met")
    assert enough.text.startswith("6 usable of 6 (2 larger have few sizes, ")
    assert ("on purpose" in inside.text) == chosen
    assert item(found, "losses forecast").state == "not met"
    assert "'ditlaw verify'" in item(found, "losses forecast").mend
    assert found.verdict.startswith("Not defensible: forecasts of held-out budgets")


def test_a_minimum_at_the_edge_is_named_with_the_sizes_that_would_mend_it():
    rows = frame(budgets=6, sd=0.001)
    last = rows["budget"] == rows["budget"].max()
    sizes = np.sort(rows.loc[last, "params"].unique())
    rows = rows[~last | (rows["params"] > sizes[3])].reset_index(drop=True)
    found = item(audited(rows), "optimum inside the sizes")
    assert found.state == "not met"
    assert "3e19" in found.text


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [(2.0, 2.0, "sizes centred"), (0.5, 2.0, "centre does not drift")],
)
def test_grids_beside_the_best_sizes_are_seen(first, last, name):
    rows = frame(budgets=6, sizes=9, sd=0.0005)
    off = np.exp(np.interp(np.log(rows["budget"]), np.log([1e18, 3e19]), np.log([first, last])))
    place = rows.groupby("budget")["params"].rank(method="dense") - 5
    rows["params"] = best_params(rows["budget"]) * off * 1.4**place
    rows["tokens"] = rows["budget"] / 6 / rows["params"]
    noise = np.random.default_rng(0).standard_normal(len(rows))
    loss = E + A / rows["params"] ** ALPHA + B / rows["tokens"] ** BETA
    rows["loss"] = loss * np.exp(0.0005 * noise)
    found = audited(rows)
    both = {n: item(found, n).state for n in ("sizes centred", "centre does not drift")}
    assert both.pop(name) == "not met"
    assert set(both.values()) == {"met"}


def test_runs_read_twice_are_no_seeds():
    rows = frame(budgets=6, sd=0.002)
    twice = rows.assign(run=rows["run"] + "-again", trunk=rows["trunk"] + "-again")
    both = pd.concat([rows, twice], ignore_index=True)
    found = item(audited(both), "noise known from seeds")
    assert found.state == "not met"
    assert "read twice" in found.text


def test_a_loss_that_does_not_fall_is_not_defended():
    rows = frame(budgets=6, sd=0.001)
    rows["loss"] *= (rows["budget"] / 1e18) ** 0.3
    assert audited(rows).reach is None


def test_rows_without_budgets_are_audited_as_what_they_are():
    rows = frame(budgets=6, sd=0.002).drop(columns="budget").assign(budget=np.nan)
    found = audited(rows, "surface")
    assert found.reach is None
    assert item(found, "optimum inside the sizes").state == "unknown"


def test_one_page_of_text_and_one_object(tmp_path, monkeypatch, capsys):
    path = tmp_path / "rows.csv"
    frame(budgets=5, sd=0.002).to_csv(path, index=False)
    printed = AuditResult.model_validate(json.loads(ditlaw("audit", path, "--json").out))
    monkeypatch.setenv("COLUMNS", "80")
    emit(printed, as_json=False)
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) <= 65
    assert max(map(len, shown.splitlines())) <= 80
    assert printed.verdict in " ".join(shown.split())


def test_what_has_no_law_says_what_is_missing(tmp_path):
    path = tmp_path / "rows.csv"
    frame(budgets=2, sd=0.002).to_csv(path, index=False)
    with pytest.raises(Refused, match=r"2 usable budgets.*nor do the rows tell learning_rate"):
        audit(str(path))
    with pytest.raises(Refused, match=r"published:kaplan: a published law has no rows"):
        audit("published:kaplan")
