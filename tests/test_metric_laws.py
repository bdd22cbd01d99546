"""A law for each metric, where the truth is known: offsets, exponents, ranks, disagreement."""

import json
from dataclasses import replace

import numpy as np
import pytest
from laws_data import best_loss, frame, observed
from scipy.stats import spearmanr
from test_cli import answered

from ditlaw import text
from ditlaw.cli import run
from ditlaw.cli.tables import show
from ditlaw.laws import fit, save_law
from ditlaw.metric_laws import metric_laws
from ditlaw.metric_laws.agree import disagreements
from ditlaw.metric_laws.paired import paired
from ditlaw.metric_laws.ranks import rank_correlation
from ditlaw.observations import load_observations
from ditlaw.results import MetricsResult

LOW, HIGH = 1e18, 3e19  # the budgets of the tables
FALL = float(np.log(best_loss(LOW) / best_loss(HIGH)) / np.log(HIGH / LOW))  # the loss's exponent


def frechet(loss, power=2.2):
    return 30 * (loss - 1.2) ** power


def exponent(power=2.2):
    ends = frechet(best_loss(np.array([LOW, HIGH])), power)
    return float(np.log(ends[0] / ends[1]) / np.log(HIGH / LOW))


def rows(sd=0.004, seed=0, **columns):
    """Rows of one surface; each column is made from the loss and a generator."""
    data, random = frame(sd=sd, seed=seed, shared=True), np.random.default_rng(seed)
    return data.assign(**{name: make(data, random) for name, make in columns.items()})


def scattered(value, sd):
    return lambda data, random: value(data) * np.exp(sd * random.standard_normal(len(data)))


def told(data, **options):
    result = metric_laws(observed(data), **options).result
    return {entry.name: entry for entry in result.metrics}, result


@pytest.fixture(scope="module")
def both():
    data = rows(
        train_loss=lambda d, r: d["loss"] - 0.05 + 0.001 * r.standard_normal(len(d)),
        loss_out_of_domain=lambda d, r: (
            d["loss"] + 0.2 + 0.03 * np.log(d["flops"] / LOW) + 0.002 * r.standard_normal(len(d))
        ),
        frechet=scattered(lambda d: frechet(d["loss"]), 0.01),
    )
    return told(data)


def test_every_known_metric_has_its_law(both):
    entries, result = both
    assert list(entries) == ["loss", "train_loss", "loss_out_of_domain", "frechet"]
    assert {entry.basis for entry in entries.values()} == {"law"}
    loss, distance = entries["loss"], entries["frechet"]
    assert loss.exponent.low < FALL < loss.exponent.high
    assert distance.exponent.low < exponent() < distance.exponent.high
    assert distance.exponent_difference.value == pytest.approx(exponent() - FALL, abs=0.01)
    assert not distance.parallel
    assert distance.at_largest.value == pytest.approx(frechet(best_loss(HIGH)), rel=0.03)
    assert loss.rank is loss.offset is loss.exponent_difference is None
    assert not result.warnings


def test_a_constant_offset_is_told_from_one_that_grows(both):
    entries, _ = both
    still, grows = entries["train_loss"].offset, entries["loss_out_of_domain"].offset
    assert still.constant
    assert still.at_largest.low < -0.05 < still.at_largest.high
    assert not grows.constant
    assert grows.change.low < 0.03 * np.log(HIGH / LOW) < grows.change.high
    assert grows.at_smallest.value == pytest.approx(0.2, abs=0.01)
    assert entries["frechet"].offset is None  # of another unit


def test_the_interval_of_a_change_holds_it_about_as_often_as_it_says():
    held, wrong = 0, 0
    for seed in range(16):
        data = rows(seed=seed)
        law = fit(observed(data), draws=50)
        random = np.random.default_rng(seed)
        trunk = random.standard_normal(100)[law.table.trunk]
        offset = 0.2 + 0.002 * trunk + 0.002 * random.standard_normal(len(law.table))
        still = paired(law, offset, "offset").change(0.9)
        grown = paired(law, offset + 0.01 * law.table.log_c, "offset").change(0.9)
        held += still.low <= 0 <= still.high
        wrong += not grown.low <= 0.01 * np.log(HIGH / LOW) <= grown.high
    assert held >= 12
    assert wrong <= 4


def test_an_exact_offset_is_constant_and_an_exact_multiple_is_parallel():
    entries, _ = told(
        rows(nll=lambda d, r: 3 * d["loss"], vlb=lambda d, r: 3 * d["loss"] + 0.1, sd=0.004)
    )
    assert entries["nll"].parallel
    assert entries["nll"].exponent_difference.value == 0
    offset = entries["nll"].offset
    assert (offset.beside, offset.constant, offset.change.value) == ("vlb", True, 0)
    assert offset.at_largest.value == pytest.approx(-0.1)


def settings(powers):
    columns = {
        f"frechet:g{g}:s24": scattered(lambda d, g=g, p=p: g * frechet(d["loss"], p), 0.01)
        for g, p in powers.items()
    }
    data = rows(**columns)
    return data.assign(frechet=data[list(columns)].min(axis=1))


def test_settings_of_one_exponent_agree_and_another_is_named():
    entries, result = told(settings({1: 2.2, 2: 2.2}))
    (verdict,) = result.settings
    assert verdict.agree
    assert "2 settings agree" in verdict.text
    assert list(entries)[1:] == ["frechet", *(f"frechet:g{g}:s24" for g in (1, 2))]
    _, result = told(settings({1: 2.2, 2: 2.2, 4: 1.5}))
    (verdict,) = result.settings
    assert not verdict.agree
    assert "frechet:g4:s24 -0.0" in verdict.text
    assert "frechet:g2:s24" not in verdict.text
    # All three together hold their truth at 90 %, so each does at more.
    assert verdict.differences["frechet:g4:s24"].level == pytest.approx(1 - 0.1 / 3)


def test_one_setting_is_not_shown_twice():
    data = rows(frechet=lambda d, r: frechet(d["loss"]))
    data["frechet:g2:s24"] = data["frechet"]
    entries, result = told(data)
    assert list(entries) == ["loss", "frechet"]
    assert not result.settings


def test_a_metric_that_is_noise_disagrees_with_the_loss():
    entries, result = told(rows(fid=lambda d, r: r.uniform(5, 50, len(d))))
    assert entries["fid"].rank.overall.low < 0.7
    (note,) = [n for n in result.warnings if "rank" in n.text]
    assert note.code == "loss-metric-disagree"
    assert "fid" in note.text
    assert "\n" not in note.text


def test_a_metric_with_another_best_size_disagrees_with_the_loss():
    entries, result = told(
        rows(frechet=scattered(lambda d: frechet(d["loss"]) * (d["params"] / 1e8) ** 0.05, 0.002))
    )
    assert entries["frechet"].best_params.high < entries["loss"].best_params.low
    (note,) = [n for n in result.warnings if "params" in n.text]
    assert note.code == "loss-metric-disagree"
    assert "3e19 FLOPs the loss is best at" in note.text


def test_a_best_size_that_no_run_came_to_is_not_put_in_numbers():
    data = rows(
        frechet=scattered(lambda d: frechet(d["loss"]) * (d["params"] / 1e8) ** 0.12, 0.002)
    )
    found = metric_laws(observed(data), ["frechet"]).fitted
    law = found["frechet"].law
    larger = replace(law, table=law.table.where(law.table.log_n > np.log(3e8)))
    cut = found | {"frechet": replace(found["frechet"], law=larger)}
    smallest = np.exp(larger.table.log_n.min())
    for metrics, said in (
        (found, f"frechet at {text.count(law.optimum(HIGH).params.value)}"),
        (cut, f"frechet below {text.count(smallest)}, the smallest that was run"),
    ):
        notes = disagreements(metrics, found["loss"].law)
        assert said in next(note.text for note in notes if "params" in note.text)


def test_a_few_rows_get_a_power_law_through_the_best_runs_and_say_why():
    data = rows(frechet=scattered(lambda d: frechet(d["loss"]), 0.01))
    best = data.groupby("budget")["loss"].idxmin()
    data["frechet"] = data["frechet"].where(data.index.isin(best))
    entries, result = told(data)
    found = entries["frechet"]
    assert (found.basis, found.rows) == ("equation", 6)
    assert "isoFLOP laws need 3" in found.reason
    assert found.exponent.low < exponent() < found.exponent.high
    assert found.best_params is None
    # Six in perfect order are not certain, and no two share a budget.
    assert found.rank.overall.value == 1
    assert found.rank.overall.low < 0.7
    assert found.rank.within_budgets is None
    assert "loss-metric-disagree" in {note.code for note in result.warnings}


def test_what_has_no_law_says_why_in_a_line():
    data = rows(kid=lambda d, r: d["loss"] - 3, geneval=lambda d, r: 1 - d["loss"] / 10)
    data["nll"] = np.nan
    data.loc[data.index[:2], "nll"] = [3.0, 2.0]
    entries, _ = told(data)
    assert entries["kid"].basis is None
    assert "kid is 0 or less in" in entries["kid"].reason
    assert entries["nll"].basis is None
    assert entries["nll"].rank is None
    assert all("\n" not in (entry.reason or "") for entry in entries.values())
    # A score is fitted by what it lacks of 1.
    assert entries["geneval_error"].exponent.value == pytest.approx(FALL, abs=0.005)
    assert "geneval" not in entries


def test_a_table_without_a_law_of_the_loss_still_ranks():
    data = rows(frechet=lambda d, r: frechet(d["loss"]))
    entries, _ = told(data[data["budget"] < 3 * LOW])
    assert entries["loss"].basis is None or entries["loss"].basis == "equation"
    assert entries["frechet"].rank.overall.value == pytest.approx(1)
    assert entries["frechet"].exponent_difference is None


def test_rank_correlations_are_spearmans():
    random = np.random.default_rng(0)
    x = random.standard_normal(40).round(1)  # with ties
    y = (x + random.standard_normal(40)).round(1)
    one = np.zeros(40, dtype=np.int64)
    found = rank_correlation(x, y, np.arange(40), one, level=0.9)
    assert found.value == pytest.approx(spearmanr(x, y).statistic)
    assert found.low < found.value < found.high
    assert found == rank_correlation(x, y, np.arange(40), one, level=0.9)
    # Rows of one run are one run: fewer of them say less.
    fewer = rank_correlation(x, y, np.arange(40) // 8, one, level=0.9)
    assert fewer.high - fewer.low >= 0.9 * (found.high - found.low)
    lone = rank_correlation(x, y, one, one, level=0.9)
    assert (lone.low, lone.high) == (-1, 1)
    assert rank_correlation(x, np.ones(40), one, one, level=0.9) is None
    assert rank_correlation(x[:2], y[:2], one[:2], one[:2], level=0.9) is None


def test_within_budgets_a_trend_over_budgets_does_not_count():
    random = np.random.default_rng(1)
    group = np.repeat(np.arange(6), 8)
    x, y = random.standard_normal((2, 48)) * 0.1 + group
    trunk = np.arange(48)
    overall = rank_correlation(x, y, trunk, np.zeros(48, dtype=np.int64), level=0.9)
    within = rank_correlation(x, y, trunk, group, level=0.9)
    assert overall.low > 0.9
    assert within.low < 0 < within.high


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    path = tmp_path_factory.mktemp("metrics") / "runs.csv"
    data = settings({1: 2.2, 4: 1.5}).assign(
        train_loss=lambda d: d["loss"] - 0.1, kid=lambda d: d["loss"] - 3
    )
    data.to_csv(path, index=False)
    return path


def test_the_command_prints_one_object_and_tables_of_80_columns(csv, capsys):
    found = answered("metrics", csv)
    names = ["loss", "train_loss", "frechet", "frechet:g1:s24", "frechet:g4:s24", "kid"]
    assert [entry["name"] for entry in found["metrics"]] == names
    show(MetricsResult.model_validate(found))
    printed = capsys.readouterr().out
    assert "frechet: the exponent depends on the setting" in printed
    assert "constant" in printed
    for line in printed.splitlines():
        assert len(line) <= 80 or ": " in line, line


def test_some_metrics_of_a_saved_law(csv, tmp_path, capsys):
    law = tmp_path / "x.law.json"
    save_law(fit(load_observations(str(csv)), draws=50), law)
    assert run(["metrics", str(law), "--metric", "kid", "--level", "0.5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in found["metrics"]] == ["loss", "kid"]
    assert found["metrics"][0]["exponent"]["level"] == 0.5


def test_one_line_for_every_wrong_usage(csv, capsys):
    for options, says in (
        (("--metric", "frechett"), "did you mean 'frechet'"),
        (("--level", "2"), "is not between 0 and 1"),
        (("--where", "run=none"), "no row has run=none"),
    ):
        assert run(["metrics", str(csv), *options]) == 2
        told = capsys.readouterr().err
        assert says in told
        assert told.count("\n") == 1
