"""Studies laid out for a target, and what their fit can be expected to say before anything runs."""

import json
from dataclasses import replace

import jsonschema
import numpy as np
import pytest
import yaml
from conftest import TINY, tiny_text
from laws_data import best_params, observed
from typer.testing import CliRunner

from ditlaw import laws
from ditlaw.cli.app import app
from ditlaw.design import expect, halve
from ditlaw.design.centre import ASSUMED, Centre, law_centre, preset_centre, study_centre
from ditlaw.design.expect import expected_interval, expected_of
from ditlaw.design.propose import cost, propose
from ditlaw.design.simulate import draw_truths, planned_rows
from ditlaw.design.truths import draw
from ditlaw.design.write import init_designed
from ditlaw.errors import BadInput, Refused
from ditlaw.laws.isoflop import OK, parabolas
from ditlaw.laws.kappa import Kappa, shapes_along
from ditlaw.laws.noise import Noise
from ditlaw.laws.table import prepare
from ditlaw.observations import MIN_STEPS, Observations, load_observations
from ditlaw.results import PlanResult, json_schema
from ditlaw.study import load_study, parse_study, plan_study, preset_text, study_runs

CASES = [
    ("quickstart", 2e13, 2e12),
    ("quickstart", 1e21, 5e19),
    ("paper", 1.5e21, 7.5e19),
    ("paper-512", 1.5e21, 3e19),
    ("paper-small", 1e17, 5e15),
]


def base(preset="quickstart"):
    return parse_study(preset_text(preset), preset)


@pytest.fixture
def few(monkeypatch):
    """Few simulations, for tests of what is done with them."""
    monkeypatch.setattr(expect, "STUDIES", 4)
    monkeypatch.setattr(halve, "STUDIES", 2)


@pytest.mark.parametrize(("preset", "target", "spend"), CASES)
def test_a_proposal_shows_a_minimum_in_every_budget_for_no_more_than_the_spend(
    preset, target, spend
):
    """Four sizes or more near each expected best one, on both sides, with steps that count."""
    centre = preset_centre(preset)
    study = propose(base(preset), target, spend, centre)
    assert 0.75 * spend < plan_study(study).total.flops <= spend
    assert len(study.budgets) >= 3
    assert study.budgets[-1] < target
    for budget in study.budgets:
        best = centre.params(budget)
        sizes = [
            run.counts().params / best
            for run in study_runs(study)
            for stop in run.stops
            if stop.budget == budget and stop.step >= MIN_STEPS
        ]
        assert sum(1 / 6 < size < 6 for size in sizes) >= 4
        assert sum(size < 1 for size in sizes) >= 2
        assert sum(size > 1 for size in sizes) >= 2


def test_noiseless_runs_of_a_proposal_give_every_budget_a_usable_minimum():
    centre = preset_centre("paper")
    study = propose(base("paper"), 1.5e21, 7.5e19, centre)
    rows = planned_rows(study)
    for truth in draw_truths(study, rows, centre, 20):
        truth = replace(truth, log_n0=centre.log_n(truth.log_c0))
        loss = truth.loss(np.log(rows["params"].to_numpy()), np.log(rows["tokens"].to_numpy()))
        table = prepare(Observations(rows.assign(loss=loss), "r", study=study), "loss")[1]
        assert {curve.status for curve in parabolas(table)} == {OK}


def test_a_size_is_one_run_that_ends_with_the_last_budget_that_wants_it():
    study = propose(base("paper"), 1.5e21, 7.5e19, preset_centre("paper"))
    runs = study_runs(study)
    assert len(runs) == len({run.shape for run in runs})
    assert any(run.stops[-1].budget < study.budgets[-1] for run in runs)
    assert all(run.stops[0].budget == study.budgets[0] for run in runs)


def test_more_spend_buys_larger_budgets():
    largest = [
        propose(base(), 1e15, spend, preset_centre("quickstart")).budgets[-1]
        for spend in (2e12, 8e12, 3.2e13)
    ]
    assert largest == sorted(set(largest))


def test_sizes_follow_the_law_that_is_named(tmp_path):
    law = tmp_path / "x.law.json"
    laws.save_law(laws.fit(observed(sd=0.002, seeds=2)), law)
    centre = law_centre(str(law))
    assert centre.params(1e19) == pytest.approx(best_params(1e19), rel=0.1)
    assert 0.001 < centre.scatter.sd < 0.003
    file = tmp_path / "s.yaml"
    study = init_designed(file, "paper", 1e21, like=str(law))
    assert study.forecast.like == str(law)
    top = [r.counts().params for r in study_runs(study) if r.stops[-1].budget == study.budgets[-1]]
    middle = np.sqrt(min(top) * max(top))
    assert middle == pytest.approx(best_params(study.budgets[-1]), rel=0.4)
    assert study_centre(load_study(file), tmp_path / "none").scatter == centre.scatter


def test_a_designed_study_is_a_commented_file_that_loads_and_is_never_overwritten(tmp_path):
    file = tmp_path / "mine.yaml"
    study = init_designed(file, "paper-small", 1e17, 5e15)
    assert load_study(file) == study
    assert study.name == "mine"
    assert study.recipe == base("paper-small").recipe
    assert study.forecast.flops == 1e17
    told = file.read_text()
    assert "# choice" in told
    assert "published:dit-in-context" in told
    with pytest.raises(BadInput, match="left alone"):
        init_designed(file, "paper-small", 1e17, 5e15)
    assert file.read_text() == told


@pytest.mark.parametrize(
    ("target", "spend", "error", "said"),
    [
        (2e13, 1e6, Refused, "below one run: the smallest model, d2w16h4, takes"),
        (2e13, 3e11, Refused, "do not pay for 3 budgets"),
        (1e10, 9e9, Refused, "no 3 budgets below 1e10 FLOPs"),
        (2e13, 2e13, BadInput, "would pay for the target itself"),
        (-1.0, 1e6, BadInput, "--target: -1 is not a budget"),
        (float("inf"), 1e6, BadInput, "--target: inf"),
        (2e13, 0.0, BadInput, "--spend: 0 is not a number of FLOPs"),
        (2e13, float("nan"), BadInput, "--spend: nan"),
    ],
)
def test_a_spend_or_target_that_buys_no_study_is_one_line(target, spend, error, said):
    with pytest.raises(error, match=said) as raised:
        propose(base(), target, spend, preset_centre("quickstart"))
    assert "\n" not in str(raised.value)


def test_the_least_spend_that_is_named_pays():
    centre = preset_centre("quickstart")
    with pytest.raises(Refused) as raised:
        propose(base(), 2e13, 3e11, centre)
    named = float(str(raised.value).rpartition(" ")[2])
    assert cost(propose(base(), 2e13, named, centre)) <= named


def test_a_law_without_sizes_centres_nothing():
    centre = law_centre("published:dit-in-context-sparse")
    with pytest.raises(Refused, match="does not say which size is best"):
        propose(base("paper"), 1e21, 5e19, centre)


def test_init_says_in_one_line_what_options_lack(tmp_path):
    def refused(*options):
        done = CliRunner().invoke(app, ["init", str(tmp_path / "s.yaml"), *options])
        assert isinstance(done.exception, BadInput)
        return str(done.exception)

    assert "--spend: is of a study for a target" in refused("--spend", "1e12")
    assert "--gpus with --days" in refused("--gpus", "8xh100")
    assert "--gpus with --days" in refused("--target", "1e20", "--gpus", "8xh100", "--days", "1")
    assert "mfu: 1.4" in refused("--gpus", "8xh100", "--days", "1", "--mfu", "1.4")
    assert "days: -2" in refused("--gpus", "8xh100", "--days", "-2")
    assert "did you mean 'h100'" in refused("--gpus", "8xh10", "--days", "1")
    assert not (tmp_path / "s.yaml").exists()


def test_a_share_of_the_target_may_be_spent(tmp_path):
    texts = []
    for spend in ("20%", "2e12"):
        file = tmp_path / spend / "s.yaml"
        file.parent.mkdir()
        options = ["init", str(file), "--target", "1e13", "--spend", spend]
        assert CliRunner().invoke(app, options).exit_code == 0
        texts.append(file.read_text())
    assert texts[0] == texts[1]


def test_gpus_and_days_are_a_target_and_what_hours_are_counted_on(tmp_path):
    file = tmp_path / "s.yaml"
    options = ["--preset", "paper", "--gpus", "64xb200", "--days", "7", "--mfu", "0.3"]
    assert CliRunner().invoke(app, ["init", str(file), *options]).exit_code == 0
    study = load_study(file)
    assert study.forecast.flops == pytest.approx(64 * 2.25e15 * 0.3 * 7 * 86400)
    assert (study.hardware.gpu, study.hardware.mfu) == ("b200", 0.3)
    assert plan_study(study).total.flops <= 0.05 * study.forecast.flops


def test_depths_in_proportion_go_on_in_proportion():
    shapes = shapes_along(base("paper-small"))
    assert {(s.width // s.depth, s.width // s.heads) for s in shapes} == {(16, 16)}


@pytest.mark.parametrize("seed", range(6))
def test_a_truth_is_best_where_it_was_drawn(seed):
    kappa = Kappa(np.array([0.0]), np.array([np.log(6.0)]))
    truth = draw(np.random.default_rng(seed), np.log(1e8), np.log(1e19), kappa)
    log_n, loss = truth.optimum(1e19)
    assert log_n == pytest.approx(truth.log_n0, abs=1e-3)
    assert loss == pytest.approx(1.0, abs=1e-6)
    of_size = truth.beta / (truth.alpha + truth.beta)
    later, _ = truth.optimum(1e21)
    assert (later - log_n) / np.log(100) == pytest.approx(of_size, abs=0.01)


def test_noise_and_distance_widen_what_is_expected(few):
    """And the same plan is told the same."""
    study = parse_study(TINY, "tiny")

    def log_n(log_c):
        return np.log(9e3) + 0.5 * (log_c - np.log(6e9))

    def expected(sd, target):
        centre = Centre(log_n, "a law", None, Noise(sd, 0.5, np.inf, ""))
        return expected_interval(study, target, centre, halving=False)

    quiet, loud, far = (expected(*at) for at in ((0.003, 1.2e10), (0.03, 1.2e10), (0.003, 1.2e12)))
    assert quiet.beyond == pytest.approx(2)
    assert 2 * quiet.loss_half_width < loud.loss_half_width
    assert quiet.loss_half_width < far.loss_half_width
    assert quiet.params_half_width < far.params_half_width
    assert expected(0.003, 1.2e10) == quiet


def test_more_budgets_go_on_upwards_and_keep_every_row_of_the_plan():
    centre = preset_centre("quickstart")
    study = propose(base(), 1e14, 5e12, centre)
    larger = halve.more_budgets(study, 2, 1.7, centre)
    before, after = planned_rows(study), planned_rows(larger)
    cells = [set(zip(rows["params"], rows["budget"], strict=True)) for rows in (before, after)]
    assert cells[0] < cells[1]
    for budget in larger.budgets[-2:]:
        assert after[after["budget"] == budget]["params"].nunique() >= 5
    old = {run.id: run.stops[-1].budget for run in study_runs(study)}
    new = {run.id: run.stops[-1].budget for run in study_runs(larger)}
    assert all(new[run] >= last for run, last in old.items())
    assert halve.more_seeds(study, 3).seeds == [0, 1, 2, 3]


def test_a_plan_says_what_to_expect_and_what_would_halve_it(tmp_path, few):
    (tmp_path / "s.yaml").write_text(tiny_text(forecast={"flops": 6e11}))
    done = CliRunner().invoke(app, ["plan", str(tmp_path / "s.yaml"), "--json"])
    assert done.exit_code == 0, done.exception
    plan = json.loads(done.stdout)
    jsonschema.validate(plan, json_schema("plan"))
    expected = plan["expected"]
    assert expected["beyond"] == pytest.approx(100)
    assert 0 < expected["loss_half_width"] < 1
    assert expected["more_seeds"]["flops"] > 0
    assert expected["more_budgets"]["flops"] > 0
    assert any("1 %" in line for line in expected["assumptions"])
    told = str(PlanResult.model_validate(plan))
    assert "At 6e11 FLOPs, 100× the largest budget, expect a loss to within ±" in told
    assert "To halve ±" in told


def test_what_gives_no_one_law_is_not_simulated(tmp_path):
    several = parse_study(tiny_text(family=["in-context", "adaln"]), "s")
    assert expected_of(several, tmp_path) is None
    content = yaml.safe_load(TINY)
    del content["forecast"]
    assert expected_of(parse_study(yaml.safe_dump(content), "s"), tmp_path) is None


def test_a_plan_that_gives_no_law_is_told_so(tmp_path, few):
    """One budget or two are no law."""
    assert expected_of(parse_study(tiny_text(budgets=[6.0e9]), "s"), tmp_path).refused == 4
    expected = expected_of(parse_study(tiny_text(budgets=[4.2e9, 6.0e9]), "s"), tmp_path)
    assert expected.loss_half_width is None
    assert expected.refused == expected.simulated == 4
    assert expected.more_budgets is None


def test_runs_that_are_there_say_how_they_scatter(trained):
    """Their law is believed before the assumptions."""
    study = load_study(trained / "study.yaml")
    assert study_centre(study, trained / "elsewhere").scatter == ASSUMED
    centre, law = study_centre(study, trained), laws.fit(load_observations(str(trained)))
    assert centre.source == str(trained)
    assert centre.scatter.sd == law.result().run_noise
    assert centre.params(6e9) == pytest.approx(law.optimum(6e9).params.value, rel=0.05)


def test_a_law_that_is_gone_is_named_by_its_field(tmp_path):
    study = parse_study(tiny_text(forecast={"flops": 1e10, "like": "gone.law.json"}), "s")
    with pytest.raises(BadInput, match=r"forecast\.like: .*gone\.law\.json"):
        expected_of(study, tmp_path)
