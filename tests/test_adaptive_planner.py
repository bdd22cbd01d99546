"""Adaptive studies with the real planner: how they end, and that checks and rounds keep apart."""

import pytest
from two_sets import SETS, TARGET, Trained, simulated

from ditlaw.observations import load_observations
from ditlaw.planner import expect
from ditlaw.planner.adaptive import run_adaptive
from ditlaw.planner.answer import BelowOneRun, next_runs
from ditlaw.planner.goal import Goal
from ditlaw.study import STUDY_FILE, open_study, read_rounds
from ditlaw.sweep import study_status
from ditlaw.training.folder import folder_runs
from ditlaw.verification import verify


@pytest.fixture
def folder(tmp_path):
    """A plain study of two seeds whose own grid is done."""
    return simulated(tmp_path / "one", SETS[:1])


def go(folder, times, until=None, executor=None):
    """On to so many times what was spent."""
    spent = sum(run.flops for run in study_status(folder))
    goal = Goal(TARGET, until, times * spent)
    return run_adaptive(folder / STUDY_FILE, folder, goal, executor=executor or Trained())


def added(folder):
    """Every run that a round added or trained on, by its id: which tells its shape and seed."""
    return {run.spec.id: run.spec for made in read_rounds(folder) for run in made.runs}


def test_what_is_left_of_the_spend_ends_a_study_and_is_no_mistake(folder):
    spent = sum(run.flops for run in study_status(folder))
    with pytest.raises(BelowOneRun, match="is below the cheapest run"):
        next_runs(str(folder), TARGET, 0.012 * spent)
    summary = go(folder, 1.012)
    assert (summary.adaptive.verdict, summary.adaptive.rounds) == ("unaffordable", [])
    assert "no run that would help can be had for the rest" in summary.adaptive.reason
    assert go(folder, 1.001).adaptive.verdict == "spend"


@pytest.mark.slow
def test_rounds_and_checks_never_share_a_run(folder, monkeypatch):
    """One shape and seed is one run: fitted, or a check of what was fitted."""
    monkeypatch.setattr(expect, "STUDIES", 1)  # what is expected is not asked here
    first, second = Trained(), Trained()
    checks = {run.id for run in verify(folder, TARGET, executor=first).runs}
    go(folder, 1.4)
    new = [spec for spec in added(folder).values() if spec.seed not in (0, 1)]
    assert new
    assert {spec.seed for spec in new}.isdisjoint(first.seeds)
    # A later check has a seed that no run of a round and no earlier check has.
    checks |= {run.id for run in verify(folder, 2 * TARGET, executor=second).runs}
    own = folder_runs(folder, open_study(folder))
    assert {spec.id for spec in new} <= {run.id for run in own}
    assert set(second.seeds).isdisjoint({run.seed for run in own} | set(first.seeds))
    # A round after it keeps off both; and no fit reads a check.
    go(folder, 1.1)
    assert checks.isdisjoint(added(folder))
    rows = load_observations(str(folder)).frame
    assert {spec.id for spec in new} <= set(rows["run"])
    assert set(rows["seed"]).isdisjoint([*first.seeds, *second.seeds])
