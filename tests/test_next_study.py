"""The next runs of a study folder: what it can train, and what is said on the terminal."""

import io
import json
import shutil
from dataclasses import replace
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
from adaptive_cases import InProcess
from conftest import ditlaw
from laws_data import frame
from rich.console import Console

from ditlaw import laws
from ditlaw.cli import main, next_table
from ditlaw.errors import Refused
from ditlaw.observations import load_observations
from ditlaw.planner import expect
from ditlaw.planner.adaptive import run_adaptive
from ditlaw.planner.answer import next_of
from ditlaw.planner.gain import near_best
from ditlaw.planner.goal import Goal
from ditlaw.planner.pool import Trunk
from ditlaw.planner.study_pool import study_pool
from ditlaw.study import open_study, used_seeds, verification_seeds
from ditlaw.training.folder import RunFolder, folder_runs

SPEND = 1.2e10


@pytest.fixture(autouse=True, scope="module")
def _few():
    """Simulated studies behind what is expected: fewer, which is rougher and as good a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(expect, "STUDIES", 3)
        yield


@pytest.fixture(scope="module")
def answered(trained):
    """Of the tiny study, at its own target."""
    law = laws.fit(load_observations(str(trained)), draws=100)
    return next_of(law, trained, 1.2e10, SPEND), law


def test_a_study_is_told_runs_that_it_can_train(trained, answered):
    (found, _) = answered
    there = {run.id: run for run in folder_runs(trained, open_study(trained))}
    assert found.result.verdict == "run"
    assert [run.id for run in found.result.runs] == [spec.id for spec in found.specs]
    cost = 0
    for run, spec in zip(found.result.runs, found.specs, strict=True):
        before = there.get(spec.id)
        assert run.extends == (before.id if before else None)
        if before:
            assert spec.extends(before)
            assert spec != before
        else:
            assert spec.seed not in used_seeds(trained) or spec.shape not in {
                run.shape for run in there.values()
            }
        took = spec.trained_flops - (before.trained_flops if before else 0)
        assert run.flops == took
        assert run.steps == spec.steps - (before.steps if before else 0)
        assert run.budgets == [s.budget for s in spec.stops[len(before.stops) if before else 0 :]]
        assert all(stop.step >= 100 for stop in spec.stops if stop.budget in run.budgets)
        cost += took
    assert cost == pytest.approx(found.result.total.flops)
    assert cost <= SPEND
    assert not found.result.assumed_hardware


def test_the_command_trains_what_was_told(trained, answered, tmp_path):
    (found, _) = answered
    spent = sum(r.trained_flops for r in folder_runs(trained, open_study(trained)))
    word, _, path, *options = found.result.command.split()
    assert (word, Path(path)) == ("ditlaw", trained / "study.yaml")
    assert options == ["--target", "1.2e10", "--spend", f"{spent + SPEND:.6g}".replace("e+", "e")]
    folder = Path(shutil.copytree(trained, tmp_path / "tiny"))
    once = iter([found, replace(found, specs=[])])
    summary = run_adaptive(
        folder / "study.yaml",
        folder,
        Goal(1.2e10, None, spent + SPEND),
        executor=InProcess(),
        choose=lambda *args, **options: next(once),
    )
    assert summary.failures == {}
    grown = load_observations(str(folder)).frame
    new = len(load_observations(str(trained)).frame) + sum(
        len(r.budgets) for r in found.result.runs
    )
    assert len(grown) == new


def test_a_run_that_checks_a_forecast_keeps_its_seed(trained, answered, tmp_path):
    folder = Path(shutil.copytree(trained, tmp_path / "tiny"))
    frozen = folder / "verify" / "1e10" / "forecast.json"
    frozen.parent.mkdir(parents=True)
    frozen.write_text(json.dumps({"runs": [{"seed": 0}, {"seed": 1}, {"seed": 2}]}))
    assert verification_seeds(folder) == {0, 1, 2}  # 0, which the study has too, among them
    pool = study_pool(folder, answered[1], SPEND, 1.2e10).pool
    assert {trunk.seed for trunk in pool.able() if trunk.reached < 0} == {3}


def test_a_size_too_large_for_a_budget_has_no_row_there(trained, answered, tmp_path):
    found = study_pool(trained, answered[1], SPEND, 1.2e10)
    counts = found.pool.counts
    assert counts.shape == (len(found.shapes), len(found.budgets))
    for size, last in enumerate(counts.argmax(axis=1)):
        spec = found.spec(Trunk(size, 7, len(found.budgets) - 1))
        assert spec.stops[0].budget == found.budgets[last]


def test_a_run_that_diverged_is_not_trained_on(trained, answered, tmp_path):
    folder = Path(shutil.copytree(trained, tmp_path / "tiny"))
    name = sorted((folder / "runs").iterdir())[0]
    RunFolder(name).log("diverged", reason="loss is not finite")
    found = study_pool(folder, answered[1], SPEND, 1.2e10)
    (stuck,) = (trunk for trunk in found.pool.trunks.values() if trunk.stuck)
    assert found.runs[stuck.size, stuck.seed].id == name.name
    assert stuck not in set(found.pool.able())


def test_a_run_trained_on_is_simulated_as_the_seed_it_is(trained, answered, monkeypatch):
    (_, law) = answered
    found = study_pool(trained, law, SPEND, 1.2e10)
    near = near_best(law, found.pool)
    trunk = next(t for t in found.pool.trunks.values() if near[t.size, t.reached + 1])
    seen = []

    def fitted(rows, **settings):
        seen.append(set(rows.frame["trunk"]))
        return laws.fit(rows, **settings)

    monkeypatch.setattr(expect, "fit", fitted)
    there = {key: run.id for key, run in found.runs.items()}
    steps = [found.pool.step(trunk, trunk.reached + 1)]
    expect.expected_half_width(law, found.pool, steps, 1.2e10, 0, there)
    assert seen
    assert all(trunks == set(law.observations.frame["trunk"]) for trunks in seen)


def test_a_study_that_is_not_done(trained, answered, tmp_path):
    folder = Path(shutil.copytree(trained, tmp_path / "tiny"))
    name = sorted((folder / "runs").iterdir())[0]
    RunFolder(name).log("failed", reason="broken")
    with pytest.raises(Refused, match=r"1 of 6 runs are not done; 'ditlaw run .* completes them"):
        study_pool(folder, answered[1], SPEND, 1.2e10)


def printed(answer):
    """What the terminal shows, 80 columns wide; notes are wrapped by the terminal itself."""
    console = Console(width=80, record=True, file=io.StringIO())
    next_table.show_next(console, answer)
    return console.export_text()


def test_the_answer_on_the_terminal(answered):
    (found, _) = answered
    shown = printed(found.result)
    table = [line for line in shown.splitlines() if line.startswith("in-context-")]
    assert len(table) == len(found.result.runs)
    assert all(len(line.rstrip()) <= 80 for line in table)
    assert found.result.command in shown
    assert "expected after these runs" in shown
    assert ("on to" in shown) == any(run.extends for run in found.result.runs)
    other = found.result.model_copy(update={"verdict": "no-help", "runs": [], "command": None})
    assert "no runs for 1.2e10 FLOPs would narrow it much" in printed(other)


def test_the_answer_as_json(trained):
    done = ditlaw("next", trained, "--spend", "100%", "--json")
    assert done.code == 0, done.err
    schema = resources.files("ditlaw").joinpath("schemas/next.schema.json").read_text()
    jsonschema.validate(done.json, json.loads(schema))
    assert (done.json["target"], done.json["spend"]) == (1.2e10, 1.2e10)


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["published:llama3", "--target", "1e25"], 2, "published:llama3"),
        (["{}", "--target", "-1"], 2, "--target: -1 is not a number of FLOPs"),
        (["{}", "--spend", "5e3"], 2, "--spend: 5e3 FLOPs is below the cheapest run (2.2e9)"),
        (["{}", "--spend", "0%"], 2, "--spend: '0%' is not a positive number or percentage"),
        (["{}", "--spend", "much"], 2, "--spend: 'much' is not a positive number or percentage"),
        (["{}", "--target", "1e30"], 3, "more than 1e+12 times beyond"),
        (["nowhere.csv", "--target", "1e20"], 2, "nowhere.csv"),
    ],
)
def test_what_cannot_be_answered_is_one_line(trained, capsys, options, code, said):
    arguments = [option.format(trained) for option in options]
    with pytest.raises(SystemExit) as ended:
        main(["next", *arguments])
    error = capsys.readouterr().err
    assert (ended.value.code, error.count("\n")) == (code, 1)
    assert said in error


def test_a_table_has_no_target_of_its_own(tmp_path, capsys):
    frame(sd=0.01).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(SystemExit) as ended:
        main(["next", str(tmp_path / "t.csv")])
    assert ended.value.code == 2
    assert "--target: give the FLOPs of the run" in capsys.readouterr().err
