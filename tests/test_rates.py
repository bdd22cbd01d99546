"""'ditlaw rates' on sweeps whose best rates are known."""

import json

import numpy as np
import pandas as pd
import pytest
from rates_data import (
    PARAMS_EXPONENT,
    RATES,
    TOKENS_EXPONENT,
    ZERO,
    best_rate,
    excess,
    sweep,
    written,
)
from typer.testing import CliRunner

from ditlaw import laws
from ditlaw.cli.app import app
from ditlaw.errors import BadInput, Refused
from ditlaw.laws.settings import WORSE, keep_best
from ditlaw.observations import load_observations
from ditlaw.report import write_report
from ditlaw.tuning import curve, rates_of

FEW = {"budgets": 2, "sizes": 3}


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """The full sweep, read once."""
    data = sweep()
    return data, rates_of(written(data, tmp_path_factory.mktemp("sweep"))).result


def test_the_law_of_the_best_rate_and_each_optimum_are_found(answered):
    _, result = answered
    (group,) = result.groups
    law = group.law
    for found, truth in (
        (law.params_exponent, PARAMS_EXPONENT),
        (law.tokens_exponent, TOKENS_EXPONENT),
    ):
        assert found.low < truth < found.high
        assert found.high - found.low < 0.15
    held = 0
    for cell in group.cells:
        assert cell.status == "inside"
        truth = best_rate(cell.params, cell.tokens)
        held += cell.optimum.low < truth < cell.optimum.high
        assert cell.optimum.value == pytest.approx(truth, rel=0.25)
        assert cell.near[0] < cell.optimum.value < cell.near[1]
    assert held >= 15  # of 20, at 90 %
    assert group.run_noise.source == "seeds"
    assert group.run_noise.sd.value == pytest.approx(0.002, rel=0.35)


def test_intervals_of_exponents_hold_the_truth_as_often_as_they_say(tmp_path):
    held = {"params": 0, "tokens": 0}
    for seed in range(12):
        path = written(sweep(sd=0.004, seed=seed, budgets=2, sizes=3), tmp_path, f"{seed}.csv")
        law = rates_of(path).result.groups[0].law
        held["params"] += law.params_exponent.low < PARAMS_EXPONENT < law.params_exponent.high
        held["tokens"] += law.tokens_exponent.low < TOKENS_EXPONENT < law.tokens_exponent.high
    assert min(held.values()) >= 9  # of 12 at 90 %: fewer has a chance under 3 %


def test_the_sensitivity_is_the_mean_excess_capped_at_the_initial_loss(tmp_path):
    data = sweep(**FEW, sd=0.0, seeds=1)
    cell = data[(data["budget"] == data["budget"].max())].groupby("params")["loss"]
    zero = float(cell.max().min()) - 0.1  # below what the highest rate reached
    gone = data["learning_rate"] == RATES[-1]
    noted = data.assign(loss_zero=zero, note=np.where(gone, "diverged", ""))
    noted.loc[gone, "loss"] = np.nan
    (group,) = rates_of(written(noted, tmp_path)).result.groups
    for found in group.cells:
        rows = data[np.isclose(data["params"], found.params)]
        losses = np.minimum(rows["loss"].to_numpy(), zero)
        losses[-1] = zero  # the rate that diverged counts as no training
        expected = losses.mean() - rows["loss"].min()
        assert found.sensitivity.value == pytest.approx(expected, rel=1e-9)
        assert found.sensitivity_range == pytest.approx((RATES[0], RATES[-1]), rel=1e-5)
        assert found.diverged == pytest.approx([RATES[-1]], rel=1e-5)
    without = rates_of(written(noted.drop(columns="loss_zero"), tmp_path, "w.csv")).result
    assert [note.code for note in without.warnings if note.code == "no-initial-loss"]
    assert without.groups[0].sensitivity_trend is None  # its sizes cannot be compared


def test_a_run_that_diverged_later_counts_with_the_loss_it_had(tmp_path):
    data = sweep(**FEW, sd=0.0, seeds=2)
    late = (data["learning_rate"] == RATES[-1]) & (data["seed"] == 1)
    noted = data.assign(note=np.where(late, "run diverged", ""))
    lost = late & (data["budget"] == data["budget"].max())
    noted.loc[lost, "loss"] = np.nan
    for cell in rates_of(written(noted, tmp_path)).result.groups[0].cells:
        rows = data[np.isclose(data["params"], cell.params)]
        losses = rows.groupby("learning_rate")["loss"].mean()
        if cell.flops == data["budget"].max():
            losses.iloc[-1] = (rows["loss"].iloc[-1] + ZERO) / 2  # one of two seeds
        expected = losses.mean() - rows["loss"].min()
        assert cell.sensitivity.value == pytest.approx(expected, rel=1e-9)
        assert cell.diverged == pytest.approx([RATES[-1]], rel=1e-5)


def test_a_rate_that_is_too_low_fakes_a_small_optimum(tmp_path):
    # The best rate rises with size here: what is low for all is far too low for the large.
    data = sweep(exponent=0.3)
    (group,) = rates_of(written(data, tmp_path)).result.groups
    rules = {(r.rule, r.setting): r for r in group.rules}
    low = min(s for r, s in rules if r == "constant" and rules[(r, s)].params)
    fake, best = rules[("constant", low)], rules[("best of each", None)]
    assert fake.params.high < 0.7 * best.params.low
    assert fake.exponent.value < best.exponent.value - 0.1
    truth = laws.fit(
        load_observations(written(_tuned(data), tmp_path, "t.csv")), method="isoflop", draws=60
    )
    largest = group.rules_at
    assert best.params.value == pytest.approx(truth.optimum(largest).params.value, rel=0.08)
    power = rules[("power law", None)]
    assert power.params.value == pytest.approx(best.params.value, rel=0.08)
    chosen = next(r for r in group.rules if r.rule == "best constant")
    assert (
        chosen.setting
        == min(
            (r for r in group.rules if r.rule == "constant" and r.loss), key=lambda r: r.loss.value
        ).setting
    )


def test_all_rules_are_fitted_alike(tmp_path):
    # Where every cell's best is one rate, that constant and the best tried are the same rule.
    data = sweep(rates=(1e-3, 2e-3))
    best = best_rate(data["params"], data["tokens"])
    data["loss"] /= np.exp(excess(np.log(data["learning_rate"] / best)))
    data.loc[data["learning_rate"] == 1e-3, "loss"] *= 1.1
    (group,) = rates_of(written(data, tmp_path)).result.groups
    rules = {(r.rule, r.setting): r for r in group.rules}
    constant, each = rules[("constant", 2e-3)], rules[("best of each", None)]
    assert constant.exponent == each.exponent
    assert constant.params == each.params
    assert constant.loss == each.loss


def test_a_rate_that_follows_the_width_says_why_there_is_no_constant(tmp_path):
    data = sweep()
    data["learning_rate"] *= (data["width"] / data["width"].min()).round(3) ** -1
    path = written(data, tmp_path)
    (group,) = rates_of(path).result.groups
    (rule,) = (r for r in group.rules if "constant" in r.rule)
    assert rule.setting is rule.loss is None
    assert "no value was tried in three quarters" in rule.reason
    assert "constant: no value was tried" in CliRunner().invoke(app, ["rates", path]).stdout


def _tuned(data):
    """One row a size and budget, at the very best rate."""
    rows = data.drop_duplicates(["budget", "params"]).copy()
    gap = excess(np.log(rows["learning_rate"] / best_rate(rows["params"], rows["tokens"], 0.3)))
    return rows.assign(loss=rows["loss"] / np.exp(gap))


def test_flags_name_the_rows_that_give_away_more_than_the_tolerance(answered):
    data, result = answered
    gap = np.expm1(
        excess(np.log(data["learning_rate"] / best_rate(data["params"], data["tokens"])))
    )
    flagged = {flag.row: flag for flag in result.flagged}
    surely, surely_not = data.index[gap > 0.02], data.index[gap < 0.003]
    assert set(surely) <= set(flagged)
    assert not set(surely_not) & set(flagged)
    for row in surely:
        assert flagged[row].how == "measured"
        assert flagged[row].beyond_noise or gap[row] < 0.03  # a bound that all pairs hold is wide
        assert flagged[row].excess == pytest.approx(gap[row], abs=0.012)
        assert flagged[row].run == data.loc[row, "run"]


@pytest.mark.parametrize("seeds", [1, 2])
def test_where_no_rate_matters_few_cells_have_a_flag_beyond_noise(tmp_path, seeds):
    flat, cells, hit = {"rates": RATES, "seeds": seeds, "sd": 0.03}, 0, 0
    for seed in range(6):
        data = sweep(**flat, seed=seed)
        best = best_rate(data["params"], data["tokens"])
        data["loss"] /= np.exp(excess(np.log(data["learning_rate"] / best)))
        result = rates_of(written(data, tmp_path), tolerance=1e-6).result
        (group,) = result.groups
        assert len(result.flagged) > 0.5 * len(data)  # by the estimate most are worse than the best
        beyond = [flag.row for flag in result.flagged if flag.beyond_noise]
        cells += len(group.cells)
        hit += len(data.loc[beyond].drop_duplicates(["budget", "params"]))
    assert cells == 120
    assert hit <= 0.16 * cells  # at level 0.9


def test_a_real_excess_is_flagged_beyond_noise(tmp_path):
    data = sweep(sd=0.01)
    best = best_rate(data["params"], data["tokens"])
    data["loss"] /= np.exp(excess(np.log(data["learning_rate"] / best)))
    bad = data["learning_rate"] == data["learning_rate"].min()
    data.loc[bad, "loss"] *= 1.1
    flags = {f.row: f.beyond_noise for f in rates_of(written(data, tmp_path)).result.flagged}
    assert np.mean([bool(flags.get(row)) for row in data.index[bad]]) > 0.9
    assert np.mean([bool(flags.get(row)) for row in data.index[~bad]]) < 0.05


def test_unswept_rows_are_judged_by_the_law(tmp_path):
    data = sweep()
    smallest = data["params"] == data["params"].min()
    kept = data[~smallest | (data["learning_rate"] == RATES[0])]
    result = rates_of(written(kept, tmp_path)).result
    predicted = [flag for flag in result.flagged if flag.how == "predicted"]
    assert result.groups[0].unswept_cells == 1
    assert len(predicted) == 2  # its two seeds at the lowest rate
    row = kept.loc[smallest[kept.index]].iloc[0]
    assert predicted[0].best == pytest.approx(best_rate(row["params"], row["tokens"]), rel=0.25)
    assert predicted[0].excess > 0.05


def test_terms_that_the_design_does_not_determine_are_left_out(tmp_path):
    data = sweep()
    one_budget = data[data["budget"] == data["budget"].max()]
    law = rates_of(written(one_budget, tmp_path, "b.csv")).result.groups[0].law
    assert law.tokens_exponent is None
    assert "vary together" in law.note
    # Along a budget D falls as 1/N.
    along = PARAMS_EXPONENT - TOKENS_EXPONENT
    assert law.params_exponent.low < along < law.params_exponent.high
    two = one_budget[one_budget["params"].isin(np.sort(one_budget["params"].unique())[:2])]
    group = rates_of(written(two, tmp_path, "two.csv")).result.groups[0]
    assert group.law is None
    assert "a law needs 3" in group.no_law
    assert [r.reason for r in group.rules if r.rule == "power law"] == [
        "there is no law of the best setting"
    ]


def test_optima_at_an_edge_or_a_cliff_are_not_interpolated(tmp_path):
    data = sweep(**FEW)
    low = data[data["learning_rate"] < RATES[3]]
    below = rates_of(written(low, tmp_path, "low.csv")).result
    (group,) = below.groups
    assert {c.status for c in group.cells} == {"edge"}
    (note,) = [n for n in below.warnings if n.code == "sweep-at-edge"]
    assert f"(try higher: {len(group.cells)})" in note.text
    assert group.advice.by == "size"
    assert group.advice.setting.value == pytest.approx(RATES[2], rel=1e-5)
    gone = data["learning_rate"] > RATES[2]
    cliff = data.assign(note=np.where(gone, "diverged", ""))
    cliff.loc[gone, "loss"] = np.nan
    result = rates_of(written(cliff, tmp_path, "cliff.csv")).result
    assert {c.status for c in result.groups[0].cells} == {"cliff"}
    (note,) = [n for n in result.warnings if n.code == "sweep-at-edge"]
    assert f"(between it and one that diverged: {len(group.cells)})" in note.text
    for cell in result.groups[0].cells:
        assert cell.optimum is None
        assert cell.near[1] is None
        assert cell.best_tried == pytest.approx(RATES[2], rel=1e-5)


def test_mup_is_a_group_of_its_own_whose_base_rate_stays(tmp_path):
    standard = sweep().assign(parametrization="standard", family="mmdit")
    still = sweep(exponent=0.0, seed=1).assign(parametrization="mup:64", family="mmdit")
    path = written(pd.concat([standard, still], ignore_index=True), tmp_path)
    groups = {g.parametrization: g for g in rates_of(path).result.groups}
    moved, held = groups["standard"].transfer, groups["mup:64"].transfer
    assert held.of == "width"
    assert held.at_fixed_tokens
    assert held.factor.low < 1 < held.factor.high
    assert moved.factor.high < 0.6
    rule = next(r for r in groups["mup:64"].rules if r.rule == "transferred")
    best = next(r for r in groups["mup:64"].rules if r.rule == "best of each")
    assert rule.params.value == pytest.approx(best.params.value, rel=0.1)
    assert "transferred" not in {r.rule for r in groups["standard"].rules}
    with pytest.raises(Refused, match="parametrization"):
        load_observations(path)
    said = CliRunner().invoke(app, ["rates", path]).stdout
    assert "the best base rate moves by a factor" in said


def test_a_move_is_over_width_only_where_width_alone_grows(tmp_path):
    data = sweep()
    (same,) = rates_of(written(data.assign(depth=4), tmp_path)).result.groups
    assert same.transfer.of == "width"
    deeper = np.where(data["params"] > data["params"].median(), 8, 4)
    (both,) = rates_of(written(data.assign(depth=deeper), tmp_path)).result.groups
    assert both.transfer.of == "params"
    assert both.transfer.over == pytest.approx(data["params"].max() / data["params"].min())
    assert both.transfer.factor.value == pytest.approx(
        both.transfer.over**both.law.params_exponent.value
    )


def test_batches_are_swept_too_each_rate_at_its_best_batch(tmp_path):
    data = sweep(**FEW, seeds=1)
    other = pd.concat(
        [
            data.assign(
                batch=batch,
                run=data["run"] + f"-{batch}",
                loss=data["loss"] * np.exp(0.02 * np.log(batch / 64) ** 2),
            )
            for batch in (16, 32, 64, 128, 256)
        ],
        ignore_index=True,
    )
    path = written(other, tmp_path)
    batches = rates_of(path, setting="batch").result
    for cell in batches.groups[0].cells:
        assert cell.optimum.value == pytest.approx(64, rel=0.15)
    plain = rates_of(written(data, tmp_path, "plain.csv")).result
    best = rates_of(path).result
    for one, two in zip(plain.groups[0].cells, best.groups[0].cells, strict=True):
        assert two.optimum.value == pytest.approx(one.optimum.value, rel=0.1)
        assert two.loss.value == pytest.approx(one.loss.value, rel=0.005)


def test_a_fit_uses_the_best_setting_of_each_cell(tmp_path):
    data = sweep(sd=0.004)
    alone = data["params"] == data["params"].max()
    single = data[~alone | (data["learning_rate"] == RATES[0])]  # a cell of one poor rate
    table = load_observations(written(single, tmp_path))
    kept = keep_best(table)
    cells = kept.frame.groupby(["budget", "params"])
    assert len(cells) == 20
    assert (cells.size() == 2).all()  # both seeds of one rate
    assert (cells["learning_rate"].nunique() == 1).all()
    lone = kept.frame[kept.frame["params"] == data["params"].max()]
    assert set(lone["learning_rate"]) == {RATES[0]}
    worse = [d for d in kept.dropped if d.reason.startswith(WORSE)]
    assert len(worse) == len(single) - 40
    named = kept.frame.set_index("budget").loc[data["budget"].min(), "learning_rate"]
    assert f"learning_rate {named.iloc[0]:.6g}" in worse[0].reason
    law = laws.fit(table, method="isoflop", draws=60)
    (note,) = [n for n in law.result().warnings if n.code == "best-settings-used"]
    assert "19 of 20 sizes and budgets" in note.text
    assert "190 rows" in note.text
    assert law.result().run_noise < 0.01  # the spread of rates is no noise
    again = laws.from_json(laws.to_json(law))
    assert note in again.result().warnings
    assert keep_best(kept) is kept  # nothing is left to choose


def test_the_law_of_the_form_still_sees_every_row(tmp_path):
    path = written(sweep(), tmp_path)
    asked = ["fit", path, "--form", "learning-rate", "--json"]
    form = json.loads(CliRunner().invoke(app, asked).stdout)
    assert form["rows"]["used"] > 0
    assert not any(d["reason"].startswith(WORSE) for d in form["rows"]["dropped"])
    surface = json.loads(
        CliRunner().invoke(app, ["fit", path, "--form", "chinchilla", "--json"]).stdout
    )
    assert surface["rows"]["used"] == 40
    assert "best-settings-used" in {note["code"] for note in surface["warnings"]}


def test_what_cannot_be_answered_says_so_in_a_line(tmp_path):
    data = sweep(**FEW)
    path = written(data, tmp_path)
    with pytest.raises(BadInput, match="column 'batch' is missing"):
        rates_of(path, setting="batch")
    with pytest.raises(BadInput, match="tolerance"):
        rates_of(path, tolerance=0)
    with pytest.raises(BadInput, match="level"):
        rates_of(path, level=1.0)
    one = written(data[data["learning_rate"] == RATES[0]], tmp_path, "one.csv")
    with pytest.raises(Refused, match="two values of learning_rate"):
        rates_of(one)
    with pytest.raises(BadInput, match="saved law"):
        rates_of("x.law.json")
    with pytest.raises(BadInput, match="no positive number"):
        rates_of(written(data.assign(learning_rate=0.0), tmp_path, "zero.csv"))


def test_without_known_noise_there_are_no_intervals(tmp_path):
    data = sweep(budgets=1, sizes=3, seeds=1)
    result = rates_of(written(data, tmp_path)).result
    assert result.groups[0].run_noise is None
    assert "no-run-noise" in {note.code for note in result.warnings}
    assert all(c.optimum.low is None and c.loss.high is None for c in result.groups[0].cells)
    assert {flag.beyond_noise for flag in result.flagged} == {None}


def test_the_curve_is_exact_at_the_settings_and_finds_a_leaning_minimum():
    x = np.log(RATES)
    for truth in (-6.2, -5.9, -5.5):
        y = excess(x - truth)
        assert [curve.value(x, y[None], at)[0] for at in x] == pytest.approx(list(y))
        (at,), (lowest,) = curve.minimum(x, y[None])
        assert at == pytest.approx(truth, abs=0.2)  # a step is 1.15
        assert abs(lowest) < 0.002
        low, high = curve.near(x, y, 0.01)
        assert low < at < high
        assert curve.value(x, y[None], low)[0] <= lowest + 0.01


def test_a_best_at_an_end_is_in_its_own_range_which_is_open_there():
    # The spline dips beside the lowest setting; the next one is as good.
    x, y = np.log([1.0, 2.0, 4.0, 8.0]), np.array([0.0, 0.001, 0.3, 1.0])
    low, high = curve.near(x, y, 0.01)
    assert low is None
    assert x[1] < high < x[2]
    low, high = curve.near(x, y[::-1], 0.01)
    assert high is None
    assert x[1] < low < x[2]


def test_which_rate_to_set_comes_first(answered):
    data, result = answered
    (group,) = result.groups
    advice = group.advice
    assert advice.by == "law"
    assert advice.at_best_size
    assert advice.flops == data["budget"].max()
    best = next(r for r in group.rules if r.rule == "best of each")
    assert advice.params == pytest.approx(best.params.value)
    law = group.law
    said = law.coefficient.value * advice.params**law.params_exponent.value
    said *= advice.tokens**law.tokens_exponent.value
    assert advice.setting.value == pytest.approx(said, rel=1e-6)
    truth = best_rate(advice.params, advice.tokens)
    assert advice.setting.low < advice.setting.value < advice.setting.high
    assert advice.setting.value == pytest.approx(truth, rel=0.15)


def test_tables_put_conclusions_first_and_say_what_is_not_known(tmp_path):
    path = written(sweep(budgets=1, sizes=3, seeds=1), tmp_path)
    shown = CliRunner().invoke(app, ["rates", path]).stdout
    assert shown.partition("intervals")[2].lstrip().startswith("Learning rate 0.")
    assert shown.index("can be fitted under any rule") < shown.index("within 1 %")
    assert "exponent of N*" not in shown  # no table of dashes
    assert "noise not" in shown
    assert "within noise" not in shown
    misspelt = CliRunner().invoke(app, ["rates", path, "--setting", "learning-rte"])
    assert isinstance(misspelt.exception, BadInput)
    assert "did you mean 'learning_rate'?" in str(misspelt.exception)
    flags = rates_of(path).result.flagged
    assert flags
    assert {flag.budget for flag in flags} == {rates_of(path).result.groups[0].cells[0].flops}


def test_the_report_shows_the_sweep_and_only_where_there_is_one(tmp_path):
    data = sweep(sd=0.003)
    page = tmp_path / "page.html"
    write_report(written(data, tmp_path), page)
    shown = page.read_text()
    assert 'id="rates-learning-rate"' in shown
    assert "best of each" in shown
    assert "rows have a learning rate that gives away" in shown
    best = data.loc[data.groupby(["budget", "params"])["loss"].idxmin()]
    write_report(written(best, tmp_path, "best.csv"), page)
    assert 'id="rates-' not in page.read_text()
