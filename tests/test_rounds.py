"""Rounds of an adaptive study: what is kept of them, and trunks that are trained on."""

import shutil
from pathlib import Path

import pytest
import torch
from conftest import ditlaw, tiny_text
from test_trunks import BUDGETS, CPU, KINDS, made, newest, rows, spec

from ditlaw.errors import BadInput
from ditlaw.observations import load_observations
from ditlaw.study import (
    Outcome,
    Round,
    freeze_study,
    open_study,
    parse_study,
    read_outcome,
    read_rounds,
    study_runs,
    write_outcome,
    write_round,
)
from ditlaw.study.rounds import Added
from ditlaw.sweep import study_status
from ditlaw.training.folder import RunFolder, folder_runs
from ditlaw.training.run import train


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def a_round(number, *runs):
    return Round(
        number=number,
        target=1e9,
        until=0.1,
        spend=1e9,
        spent=1e8,
        allowed=5e7,
        data_digest="0" * 64,
        interval=0.3,
        expected=0.2,
        reason="it narrows the forecast",
        runs=[Added(had=had, spec=run) for had, run in runs],
    )


def an_outcome(rounds):
    known = {"target": 1e9, "until": 0.1, "spend": 1e9, "spent": 1e8, "data_digest": "0" * 64}
    return Outcome(rounds=rounds, interval=0.09, verdict="interval", reason="reached", **known)


# --- trunks that are trained on -----------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_trunk_that_is_trained_on_has_the_bytes_of_a_longer_one(tmp_path, kind):
    at_once = rows(tmp_path / "once", spec(BUDGETS, **KINDS[kind]))
    first = spec(BUDGETS[:1], **KINDS[kind])
    assert rows(tmp_path / "on", first) == at_once[:1]
    assert rows(tmp_path / "on", spec(BUDGETS[:2], **KINDS[kind])) == at_once[:2]
    assert rows(tmp_path / "on", spec(BUDGETS, **KINDS[kind])) == at_once
    on, once = (RunFolder(tmp_path / name / first.id) for name in ("on", "once"))
    states = [newest(folder, folder.checkpoints) for folder in (on, once)]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    # It went on from where it stood, and did not begin anew.
    starts = [event["step"] for event in on.events() if event["event"] == "start"]
    assert starts == [0, first.steps, spec(BUDGETS[:2], **KINDS[kind]).steps]


def test_a_trunk_whose_states_are_gone_is_trained_anew_to_the_same_bytes(tmp_path):
    at_once = rows(tmp_path / "once", spec(BUDGETS))
    rows(tmp_path / "on", spec(BUDGETS[:2]))
    folder = RunFolder(tmp_path / "on" / spec(BUDGETS).id)
    for path in folder.checkpoints.iterdir():
        path.unlink()
    assert rows(tmp_path / "on", spec(BUDGETS)) == at_once


def test_only_a_longer_run_of_the_same_training_takes_a_runs_folder(tmp_path):
    folder = made(tmp_path, spec(BUDGETS[:2]))
    others = [
        spec(BUDGETS[:1]),  # shorter
        spec(BUDGETS[1:]),  # other budgets first
        spec([BUDGETS[0], 3.5e7, *BUDGETS[1:]]),  # one between: it has been passed
        spec(BUDGETS, recipe={"learning_rate": {"value": 9e-3}}),
        spec(BUDGETS, evaluation={"samples": 9, "pictures": 0}),
    ]
    for other in others:
        with pytest.raises(BadInput, match="describes another run"):
            folder.create(other)
    assert folder.spec() == spec(BUDGETS[:2])
    folder.create(spec(BUDGETS))
    assert folder.spec() == spec(BUDGETS)


def test_a_run_that_ends_in_a_cooldown_is_not_trained_on(tmp_path):
    folder = made(tmp_path, spec(BUDGETS[:2], 0.4))
    with pytest.raises(BadInput, match="describes another run"):
        folder.create(spec(BUDGETS, 0.4))


def test_a_run_that_waits_to_be_trained_on_is_pending_and_says_how_far(tmp_path):
    folder = made(tmp_path, spec(BUDGETS[:2]))
    train(folder, CPU)
    assert folder.status().state == "done"
    longer = spec(BUDGETS)
    folder.create(longer)
    status = folder.status()
    assert (status.state, status.reason) == ("pending", "to be trained on, to 9e7 FLOPs")
    assert status.progress == spec(BUDGETS[:2]).steps / longer.steps
    assert status.flops_left == longer.trained_flops - spec(BUDGETS[:2]).trained_flops
    train(folder, CPU)
    assert folder.status().state == "done"


# --- what is kept -------------------------------------------------------------------------------


def test_a_round_reads_back_and_its_number_is_taken(tmp_path):
    first = a_round(1, (2, spec(BUDGETS)))
    write_round(tmp_path, first)
    assert read_rounds(tmp_path) == [first]
    with pytest.raises(BadInput, match=r"0001\.json: exists already"):
        write_round(tmp_path, a_round(1, (0, spec(BUDGETS))))
    run = first.runs[0]
    assert run.budgets == [9e7]
    assert run.flops == first.flops == spec(BUDGETS).trained_flops - spec(BUDGETS[:2]).trained_flops


def test_a_round_that_was_changed_or_lost_is_refused_by_name(tmp_path):
    for number in (1, 2):
        write_round(tmp_path, a_round(number, (0, spec(BUDGETS))))
    path = tmp_path / "rounds" / "0001.json"
    whole = path.read_text()
    for text in (whole.replace('"spent": 100000000.0', '"spent": 1.0'), whole[:-9], "[]", ""):
        path.write_text(text)
        with pytest.raises(BadInput, match=r"rounds/0001\.json: damaged, or changed after"):
            read_rounds(tmp_path)
    path.unlink()
    with pytest.raises(BadInput, match=r"0002\.json: round 1 is missing before it"):
        read_rounds(tmp_path)


def test_what_a_killed_write_left_is_no_round(tmp_path):
    write_round(tmp_path, a_round(1, (0, spec(BUDGETS))))
    (tmp_path / "rounds" / ".0002.json.4711.tmp").write_text('{"digest": "')
    assert [made.number for made in read_rounds(tmp_path)] == [1]


def test_an_outcome_is_of_the_rounds_that_there_were(tmp_path):
    write_outcome(tmp_path, an_outcome(0))
    assert read_outcome(tmp_path) == an_outcome(0)
    write_round(tmp_path, a_round(1, (0, spec(BUDGETS))))
    assert read_outcome(tmp_path) is None
    write_outcome(tmp_path, an_outcome(1))
    assert read_outcome(tmp_path) == an_outcome(1)


# --- a study folder -----------------------------------------------------------------------------

SMALL = {
    "budgets": [8e8, 1.2e9],
    "shapes": [{"depth": 1, "width": 12, "heads": 2}, {"depth": 1, "width": 16, "heads": 2}],
    "evaluation": {"samples": 8, "pictures": 0},
}


def small(**changes):
    return parse_study(tiny_text(**SMALL | changes), "s")


@pytest.fixture
def folder(tmp_path):
    """A study whose grid has not run, with a round that trains one run on and adds another."""
    (tmp_path / "study.yaml").write_text(tiny_text(**SMALL))
    folder = tmp_path / "tiny"
    freeze_study(folder, small(), tiny_text(**SMALL))
    on = study_runs(small(budgets=[8e8, 1.2e9, 1.6e9]))[0]
    new = study_runs(small(budgets=[1.6e9], seeds=[7]))[1]
    write_round(folder, a_round(1, (2, on), (0, new)))
    return folder


def test_run_finishes_the_open_round_and_adds_no_other(folder):
    ids = [run.id for run in folder_runs(folder, small())]
    assert ids == ["in-context-d1w12h2-s0", "in-context-d1w16h2-s0", "in-context-d1w16h2-s7"]
    assert [run.state for run in study_status(folder)] == ["pending"] * 3
    done = ditlaw("run", folder.parent / "study.yaml", "--out", folder, "--json")
    assert done.code == 0, done.err
    assert done.json["runs"] == {"done": 3, "failed": 0, "pending": 0}
    assert [made.number for made in read_rounds(folder)] == [1]
    assert [(run.id, run.state) for run in study_status(folder)] == [(id, "done") for id in ids]
    table = load_observations(str(folder))
    assert table.planned_rows == 6
    seen = table.frame[["run", "budget", "round"]].to_numpy().tolist()
    grid = [[id, budget, 0] for id in ids[:2] for budget in (8e8, 1.2e9)]
    assert seen == [*grid[:2], [ids[0], 1.6e9, 1], *grid[2:], [ids[2], 1.6e9, 1]]
    csv = (folder / "observations.csv").read_bytes()
    again = ditlaw("run", folder / "study.yaml", "--json")
    assert again.json == done.json
    assert (folder / "observations.csv").read_bytes() == csv


def test_a_study_without_rounds_has_no_such_column(trained):
    assert "round" not in load_observations(str(trained)).frame


def test_a_check_waits_for_the_runs_that_a_round_added(trained, tmp_path):
    folder = Path(shutil.copytree(trained, tmp_path / "tiny"))
    declared = open_study(folder)
    seed = study_runs(declared.model_copy(update={"seeds": [5]}))[0]
    write_round(folder, a_round(1, (0, seed)))
    done = ditlaw("verify", folder)
    assert done.code == 3
    assert "1 of 7 runs are not done" in done.err


def test_a_damaged_round_is_one_line_wherever_it_is_read(folder):
    path = folder / "rounds" / "0001.json"
    path.write_text(path.read_text()[:-9])
    for command in (["status", folder], ["run", folder / "study.yaml"], ["fit", folder]):
        done = ditlaw(*command)
        assert done.code == 2
        (line,) = done.err.strip().splitlines()
        assert line.endswith("0001.json: damaged, or changed after it was written; restore it")
