"""Adaptive studies: rounds until the goal, wherever the process was killed, and why they stop."""

import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from adaptive_cases import ROUNDS, InProcess, chosen, three_rounds
from conftest import ditlaw, tiny_text

from ditlaw import machine
from ditlaw.errors import BadInput, Refused
from ditlaw.observations import load_observations, study_frame
from ditlaw.planner.adaptive import run_adaptive
from ditlaw.planner.goal import Goal, goal_of
from ditlaw.planner.stopping import allowances, is_reached
from ditlaw.study import (
    make_run,
    open_study,
    parse_study,
    read_outcome,
    read_rounds,
    study_runs,
    variants,
)
from ditlaw.study.schema import LearningRate
from ditlaw.sweep import study_status
from ditlaw.training.folder import folder_runs
from simulation import stopping as simulated


@pytest.fixture
def folder(trained, tmp_path):
    """The tiny study with its own grid trained."""
    return Path(shutil.copytree(trained, tmp_path / "tiny"))


def go(
    folder, until=None, spend=1e11, choose=three_rounds, executor=None, target=1.2e10, said=None
):
    return run_adaptive(
        folder / "study.yaml",
        folder,
        Goal(target, until, spend),
        executor=executor or InProcess(),
        choose=choose,
        tell=(said if said is not None else []).append,
    )


def written(folder):
    """What an adaptive study leaves that is a function of the study alone."""
    names = ("rounds/*.json", "runs/*/observations.jsonl", "runs/*/spec.json", "observations.csv")
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for name in names
        for path in sorted(folder.glob(name))
    }


@pytest.fixture(scope="module")
def whole(trained, tmp_path_factory):
    """Three rounds without a stop."""
    folder = tmp_path_factory.mktemp("whole") / "tiny"
    shutil.copytree(trained, folder)
    lines = []
    summary = go(folder, said=lines)
    return folder, summary, lines


def test_rounds_are_chosen_until_more_would_not_help(whole):
    folder, summary, lines = whole
    found = summary.adaptive
    assert (summary.failures, summary.runs.done) == ({}, 7)
    assert (found.verdict, found.reason) == ("no-help", "nothing narrows it")
    assert [made.number for made in found.rounds] == [1, 2, 3]
    assert [[run.trained_on for run in made.runs] for made in found.rounds] == [
        [True, True],
        [True],
        [False],
    ]
    # What a round is to bring is set beside what came of it.
    intervals = [made.interval for made in found.rounds]
    assert [made.after for made in found.rounds] == [*intervals[1:], found.interval]
    statuses = study_status(folder)
    assert found.spent == sum(run.flops for run in statuses)
    rounds = read_rounds(folder)
    assert [made.spent + made.flops for made in rounds] == [
        *(m.spent for m in rounds[1:]),
        found.spent,
    ]
    assert len(lines) == 4
    assert lines[0].startswith(
        f"round 1: interval ±{intervals[0]:.1%}, ±50.0% expected; 2 runs for"
    )


def test_each_choice_says_which_rows_it_was_made_from(whole, trained):
    folder, *_ = whole
    first, *_, last = read_rounds(folder)
    assert first.data_digest == load_observations(str(trained)).digest()
    outcome = read_outcome(folder)
    assert outcome.data_digest == load_observations(str(folder)).digest() != last.data_digest


def test_the_rows_say_which_round_added_them(whole):
    folder, *_ = whole
    frame = study_frame(folder, open_study(folder))
    assert frame["round"].value_counts().to_dict() == {0: 24, 1: 2, 2: 1, 3: 1}
    on = frame[frame["run"] == study_status(folder)[0].id]
    assert on["round"].tolist() == [0, 0, 0, 0, 1, 2]


def test_a_goal_that_is_asked_for_again_changes_nothing(whole):
    folder, summary, _ = whole
    before = written(folder)
    executor = InProcess()
    assert go(folder, executor=executor) == summary
    assert executor.trained == []
    assert written(folder) == before


class Cut(BaseException):
    """The process ends here."""


def cut_at(monkeypatch, owner, name, call, *, after):
    calls, function = [0], getattr(owner, name)

    def counted(*args, **kwargs):
        calls[0] += 1
        if calls[0] == call and not after:
            raise Cut
        found = function(*args, **kwargs)
        if calls[0] == call:
            raise Cut
        return found

    monkeypatch.setattr(owner, name, counted)


@pytest.mark.parametrize(
    ("place", "call", "after"),
    [
        ("ditlaw.planner.adaptive.write_round", 1, False),
        ("ditlaw.planner.adaptive.write_round", 2, True),
        ("ditlaw.training.folder.write_json", 2, False),  # of one of a round's two runs
        ("ditlaw.training.folder.RunFolder.observe", 2, True),
        ("ditlaw.sweep.write_table", 3, False),
        ("ditlaw.planner.adaptive.write_outcome", 1, False),
    ],
)
def test_a_study_that_is_cut_anywhere_goes_on_to_the_same_bytes(
    whole, folder, monkeypatch, place, call, after
):
    import importlib

    module, _, name = place.rpartition(".")
    owner = (
        importlib.import_module("ditlaw.training.folder").RunFolder
        if module.endswith("RunFolder")
        else importlib.import_module(module)
    )
    with monkeypatch.context() as patch:
        cut_at(patch, owner, name, call, after=after)
        with pytest.raises(Cut):
            go(folder)
    assert read_outcome(folder) is None
    go(folder)
    assert written(folder) == written(whole[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    "where", ["rounds/0001.json:1", "checkpoints/step:3", "rounds/0003.json:1", "outcome.json:1"]
)
def test_a_process_that_is_killed_goes_on_to_the_same_bytes(whole, folder, where):
    script = Path(__file__).with_name("adaptive_cases.py")
    asked = [sys.executable, str(script), str(folder), "1e11", where]
    done = subprocess.run(asked, capture_output=True, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    go(folder)
    assert written(folder) == written(whole[0])


# --- why it stops -------------------------------------------------------------------------------


def nothing(source, target, spend, *, seed=0):
    raise AssertionError("a study that is to stop asks for no more runs")


def test_the_simulated_studies_are_stopped_by_that_rule():
    rng = np.random.default_rng(0)
    widths = rng.uniform(0.1, 0.2, (40, 1)) + 0.02 * rng.standard_normal((40, 8))
    rows = pd.DataFrame(
        [
            {"truth": "t", "study": i, "round": n, "width": width}
            for i, path in enumerate(widths)
            for n, width in enumerate(path)
        ]
    )
    until = np.quantile(widths.min(axis=1), 0.75)
    expected = {}
    for i, path in enumerate(widths):
        reached = [n for n in range(8) if is_reached(path[n], until)]
        expected |= {i: reached[0]} if reached else {}
    found = simulated.stops(rows, 0.75, simulated.CHOSEN)
    assert 5 < len(found) < 40
    assert dict(zip(found["study"], found["round"], strict=True)) == expected


def test_a_round_takes_a_share_of_what_was_spent_or_is_left_and_the_last_all_that_is():
    assert allowances(30.0, 300.0) == [10.0, 270.0]
    assert allowances(210.0, 300.0) == [30.0, 90.0]
    assert allowances(275.0, 300.0) == [25.0]
    assert allowances(300.0, 300.0) == []


def test_it_stops_where_the_interval_is_reached(folder):
    summary = go(folder, until=0.9, choose=nothing)
    assert (summary.adaptive.verdict, summary.adaptive.rounds) == ("interval", [])
    assert summary.adaptive.reason.endswith("is within the ±90.0% asked for")
    # Asked for more, it goes on from there.
    assert len(go(folder, until=1e-3).adaptive.rounds) == ROUNDS
    # Asked for less again, it stops at once, and says so for what there is now.
    assert go(folder, until=0.9, choose=nothing).adaptive.verdict == "interval"


def test_it_stops_where_the_spend_is_used_up(folder):
    spent = sum(run.flops for run in study_status(folder))
    summary = go(folder, spend=spent, choose=nothing)
    assert (summary.adaptive.verdict, summary.adaptive.rounds) == ("spend", [])
    assert summary.adaptive.reason.startswith("3.6e10 of 3.6e10 FLOPs are spent")


def test_it_asks_with_all_that_is_left_before_it_says_that_no_run_can_be_had(folder):
    asked = []

    def dear(source, target, spend, *, seed=0):
        asked.append(spend)
        return chosen([], "every run takes more")

    summary = go(folder, spend=1e11, choose=dear)
    assert summary.adaptive.verdict == "unaffordable"
    left = 1e11 - sum(run.flops for run in study_status(folder))
    assert asked == pytest.approx([(1e11 - left) / 3, left])
    assert "no run that would help can be had for the rest" in summary.adaptive.reason


def test_limits_of_the_study_hold_for_rounds(folder):
    study = folder / "study.yaml"
    study.write_text(study.read_text() + "limits: {memory_gb: 0.1, hours: 1.0e-6}\n")
    with pytest.raises(Refused, match=r"limits\.hours"):
        go(folder)
    hours = sum(run.flops for run in study_status(folder)) / 2e10 / machine.cores() / 3600
    text = study.read_text().replace("hours: 1.0e-6", f"hours: {1.001 * hours}")
    study.write_text(text)
    summary = go(folder)
    assert summary.adaptive.verdict == "limit"
    assert summary.adaptive.reason.startswith("limits.hours: the plan needs")
    assert summary.adaptive.rounds == []


def test_a_failed_run_ends_it_and_the_round_stays_open(folder):
    broken = folder_runs(folder, open_study(folder))[0].id
    summary = go(folder, executor=InProcess(broken=[broken]))
    assert summary.failures == {broken: "broken"}
    assert summary.adaptive.verdict is None
    assert summary.adaptive.reason.startswith("round 1 is the last so far")
    assert summary.adaptive.rounds[0].after is None
    assert len(go(folder).adaptive.rounds) == ROUNDS


def test_a_diverged_run_is_passed_over_and_not_chosen_again(folder):
    hot = make_run(*hot_study(folder), 3, [7e8])
    asked = []

    def stubborn(source, target, spend, *, seed=0):
        asked.append(seed)
        cool = three_rounds(source, target, spend, seed=1).specs[:1] if seed == 2 else []
        return chosen([hot, *cool], "hotter")

    summary = go(folder, choose=stubborn)
    assert list(summary.failures) == [hot.id]
    assert "learning rate too high?" in summary.failures[hot.id]
    first, second = summary.adaptive.rounds
    assert [run.id for run in first.runs] == [hot.id]
    assert hot.id not in [run.id for run in second.runs]
    assert asked == [1, 2, 3, 3]
    assert summary.adaptive.verdict == "unaffordable"


def hot_study(folder):
    variant = variants(open_study(folder))[0]
    recipe = variant.study.recipe.model_copy(update={"learning_rate": LearningRate(value=1e4)})
    hot = variant.study.model_copy(update={"recipe": recipe})
    return replace(variant, study=hot), hot.shape(hot.shapes[0])


# --- what is asked ------------------------------------------------------------------------------


def asked(target=None, until=None, spend=None, **changes):
    return goal_of(parse_study(tiny_text(**changes), "s"), target, until, spend)


def test_a_goal_is_read_as_percentages_or_numbers():
    grid = sum(run.trained_flops for run in study_runs(parse_study(tiny_text(), "s")))
    assert asked(until="10%") == asked(until="0.1") == Goal(1.2e10, 0.1, 2 * grid)
    assert asked(target=1e12, spend="5%") == asked(target=1e12, spend="5e10")
    assert asked(target=1e12, spend="5%").spend == pytest.approx(5e10)


@pytest.mark.parametrize(
    ("options", "changes", "error", "said"),
    [
        ({"until": "ten"}, {}, BadInput, r"--until-interval: 'ten' is not a positive number"),
        ({"until": "0"}, {}, BadInput, r"--until-interval: '0' is not a positive number"),
        ({"until": "150%"}, {}, BadInput, r"--until-interval: '150%' is no share of a loss"),
        ({"spend": "-3"}, {}, BadInput, r"--spend: '-3' is not a positive number"),
        ({"spend": "nan"}, {}, BadInput, r"--spend: 'nan' is not a positive number"),
        ({"spend": "1e9"}, {}, Refused, r"--spend: 1e9 FLOPs is below what the study's own runs"),
        ({"target": -1.0}, {}, BadInput, r"--target: -1 is not a budget"),
        ({"until": "10%"}, {"forecast": None}, BadInput, r"--target: the study states no forecast"),
        (
            {"until": "10%"},
            {"family": ["in-context", "mmdit"]},
            Refused,
            r"compares several families",
        ),
    ],
)
def test_a_goal_that_cannot_be_is_one_line(options, changes, error, said):
    with pytest.raises(error, match=said) as raised:
        asked(**options, **changes)
    assert "\n" not in str(raised.value)


# --- what is shown ------------------------------------------------------------------------------


def test_status_and_report_tell_every_round_and_why_it_stopped(whole):
    folder, summary, _ = whole
    status = ditlaw("status", folder, "--json")
    assert status.json["adaptive"] == summary.adaptive.model_dump(mode="json")
    shown = ditlaw("status", folder)
    assert "Stopped, more runs would not help: nothing narrows it" in shown.out
    assert "in-context-d1w12h2-s0 on to 6.2e9" in " ".join(shown.out.split())
    done = ditlaw("report", folder, "--out", folder / "page.html")
    assert done.code == 0, done.err
    page = (folder / "page.html").read_text()
    for made in summary.adaptive.rounds:
        assert made.reason in page
        assert f"±{made.after:.1%}" in page
    assert "Stopped, more runs would not help" in page


def test_a_study_of_its_grid_alone_tells_of_no_rounds(trained):
    assert ditlaw("status", trained, "--json").json["adaptive"] is None


def test_a_plain_run_of_an_adaptive_study_adds_nothing(whole):
    folder, summary, _ = whole
    before = written(folder)
    done = ditlaw("run", folder / "study.yaml", "--json")
    assert done.json["adaptive"] == summary.adaptive.model_dump(mode="json")
    assert written(folder) == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--until-interval", "ten"], "--until-interval: 'ten' is not a positive number or perc"),
        (["--target", "1e12"], "--target: is for a study that adds runs; give --until-interval"),
    ],
)
def test_options_that_cannot_be_are_one_line_before_anything_is_written(tmp_path, options, said):
    (tmp_path / "s.yaml").write_text(tiny_text())
    done = ditlaw("run", tmp_path / "s.yaml", "--out", tmp_path / "tiny", *options)
    assert done.code == 2
    (line,) = done.err.strip().splitlines()
    assert line.startswith(f"ditlaw: {said}")
    assert not (tmp_path / "tiny").exists()
