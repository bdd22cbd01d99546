"""A running training is held against its law: false alarms at the stated rate, real ones told."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from laws_data import ALPHA, BETA, A, B, E, best_params, frame
from test_cli import answered
from two_sets import SETS, simulated

from ditlaw.cli import run
from ditlaw.errors import BadInput, Refused
from ditlaw.forecasting import law_of
from ditlaw.laws.conditioning import possible
from ditlaw.results import WatchResult
from ditlaw.training.folder import RunFolder
from ditlaw.watching import follow, watch
from ditlaw.watching.trajectory import LOOKS, trajectory

END = 1e20  # three times beyond the fitted budgets
SIZE = float(best_params(END))


def truth(flops, params=SIZE):
    return E + A / params**ALPHA + B / (flops / 6 / params) ** BETA


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("watch") / "small.csv"
    frame(sd=0.002, seeds=2, shared=True).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def way(table):
    return trajectory(law_of(str(table)), SIZE, END)


def log(path, flops, off=1.0, **columns):
    rows = pd.DataFrame({"flops": flops, "loss": truth(flops) * off}).assign(**columns)
    rows.to_csv(path, index=False)
    return path


def looked(table, path, **options):
    return watch(str(table), path, **({"flops": END, "params": SIZE} | options)).look()


def test_of_runs_that_follow_the_law_the_stated_share_leaves_its_band(way):
    # New runs under the same uncertainty and scatter, by another seed than the band's own.
    centres = np.exp((way.edges[:-1] + way.edges[1:]) / 2)
    expected = way.law.draws_at(SIZE, centres)
    trunk = np.zeros(LOOKS, dtype=int)
    runs = np.exp(possible(way.law, expected, np.log(centres), trunk, seed=7))
    outside = [way.outside(way.cells(centres, each)).any() for each in runs[::4]]
    assert np.mean(outside) == pytest.approx(0.1, abs=0.03)
    # One at a time, looks leave it far less often.
    single = np.mean([way.outside(way.cells(centres, each))[-1] != 0 for each in runs[::4]])
    assert single < 0.06


def test_runs_of_a_known_truth_seldom_leave_it_and_one_that_leaves_the_law_does(way):
    random = np.random.default_rng(0)
    flops = np.geomspace(way.start, END, 5 * LOOKS)
    which = way.which(flops)
    left, found = 0, 0
    for _ in range(60):
        luck = np.sqrt(0.5) * (random.standard_normal() + random.standard_normal(LOOKS)[which])
        loss = truth(flops) * np.exp(0.002 * luck)
        left += way.outside(way.cells(flops, loss)).any()
        found += way.outside(way.cells(flops, loss * np.where(flops > 5e19, 1.03, 1.0)))[-1] == 1
    assert left <= 12  # 10 % is stated; more than 20 % of 60 has odds of one in a hundred
    assert found == 60


def test_however_often_a_run_is_logged_it_is_looked_at_as_often(way):
    few = way.cells(*(each := np.geomspace(way.start, END, LOOKS), truth(each)))
    many = way.cells(*(each := np.geomspace(way.start, END, 5000), truth(each)))
    assert len(few[0]) <= LOOKS
    assert many[0].tolist() == list(range(LOOKS))


def test_on_course_then_above_then_back(table, way, tmp_path):
    flops = np.geomspace(1e18, 5e19, 200)
    well = looked(table, log(tmp_path / "a.csv", flops))
    assert (well.verdict, well.left, well.over) == ("on course", None, False)
    assert well.from_flops == pytest.approx(way.start)
    assert sum(look.points for look in well.looks) == np.sum(flops >= way.start)
    assert well.false_alarm == pytest.approx(0.1)
    assert well.projected.low < truth(END) < well.projected.high
    assert well.forecast.value == pytest.approx(truth(END), rel=0.01)
    off = looked(table, log(tmp_path / "b.csv", flops, np.where(flops > 3e19, 1.05, 1.0)))
    assert off.verdict == off.left.side == "above"
    assert off.left.flops == pytest.approx(3.2e19, rel=0.1)
    assert "learning rate" in " ".join(off.meaning)
    worse = looked(table, log(tmp_path / "c.csv", flops, 1.05))
    # What the run was off by so far, it will be off by at its end.
    assert worse.projected.value / worse.forecast.value == pytest.approx(1.05, abs=0.01)
    assert worse.projected.low > well.projected.high
    bump = np.where((flops > 1.5e19) & (flops < 2.5e19), 0.95, 1.0)
    back = looked(table, log(tmp_path / "d.csv", flops, bump))
    assert (back.verdict, back.left.side) == ("on course", "below")
    assert "after it was below" in back.meaning[0]


def test_too_early_and_out_of_the_laws_reach(table, tmp_path):
    path = log(tmp_path / "a.csv", np.geomspace(1e15, 1e16, 5))
    early = looked(table, path)
    assert (early.verdict, early.looks, early.projected) == ("too early", [], None)
    assert "says nothing of this run before" in early.meaning[0]
    with pytest.raises(Refused, match="further above it than any fitted run"):
        looked(table, path, params=300 * SIZE)
    with pytest.raises(Refused, match="below the smallest that was fitted"):
        looked(table, path, flops=1e17)
    small = looked(table, path, params=SIZE / 100)
    assert "small-for-its-budget" in {note.code for note in small.warnings}
    for wrong in ({"params": -1}, {"flops": float("nan")}, {"flops_per_token": 0.0}):
        with pytest.raises(BadInput, match="not a positive number"):
            looked(table, path, **wrong)


def test_what_was_spent_may_be_tokens_images_or_steps(tmp_path):
    small = frame(sd=0.002).assign(images=lambda rows: rows["tokens"] / 250)
    table = tmp_path / "t.csv"
    small.to_csv(table, index=False)
    flops = np.geomspace(4e18, 5e19, 60)
    tokens = flops / 6 / SIZE
    told = []
    for name, columns in {
        "flops": {"flops": flops},
        "tokens": {"tokens": tokens, "params": SIZE},
        "images": {"images": tokens / 250},
        "step": {"step": tokens / 250 / 64, "batch": 64},
        "steps": {"steps": tokens / 250 / 64, "batch": 64},
    }.items():
        path = tmp_path / f"{name}.csv"
        pd.DataFrame(columns | {"loss": truth(flops)}).to_csv(path, index=False)
        told.append(looked(table, path, params=None if "params" in columns else SIZE))
    for other in told[1:]:
        assert other.seen == pytest.approx(told[0].seen, rel=1e-6)
        assert other.verdict == "on course"
    twice = looked(table, tmp_path / "tokens.csv", flops_per_token=12 * SIZE)
    assert twice.seen == pytest.approx(2 * told[0].seen)


def test_a_log_is_read_while_it_is_written(table, tmp_path):
    flops = np.geomspace(4e18, 5e19, 40)
    path = log(tmp_path / "a.csv", flops)
    whole = looked(table, path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines) + "6e19,2.")  # torn inside a number
    assert looked(table, path).looks == whole.looks
    shuffled = [lines[0], *np.random.default_rng(0).permutation(lines[1:])]
    path.write_text("".join(shuffled))
    assert looked(table, path).looks == whole.looks
    # Run again from a checkpoint: what it says last counts.
    path.write_text(lines[0] + "4e18,9.9\n5e19,9.9\n" + "".join(lines[1:]))
    assert looked(table, path).verdict == "on course"
    rows = [
        dict(zip(("flops", "loss"), map(float, line.split(",")), strict=True)) for line in lines[1:]
    ]
    told = tmp_path / "a.jsonl"
    told.write_text(
        "".join(json.dumps(row) + "\n" for row in [{"lr": 1e-3}, *rows]) + '{"flops": 6e1'
    )
    assert looked(table, told).looks == whole.looks


@pytest.mark.parametrize("loss", ["nan", "inf", "-1", "diverged"])
def test_a_loss_that_is_no_number_is_told(table, tmp_path, loss):
    path = log(tmp_path / "a.csv", np.geomspace(4e18, 5e19, 40))
    with path.open("a") as file:
        file.write(f"6e19,{loss}\n")
    found = looked(table, path)
    (note,) = found.warnings
    assert note.code == "unusable-points"
    assert "row 41" in note.text
    assert "has the run diverged?" in note.text
    assert found.verdict == "on course"


def test_rows_without_a_loss_are_no_faults(table, tmp_path):
    path = log(tmp_path / "a.csv", np.geomspace(4e18, 5e19, 40))
    rows = pd.read_csv(path)
    rows.loc[rows.index % 3 > 0, "loss"] = np.nan
    rows.to_csv(path, index=False)
    assert looked(table, path).warnings == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("flops,los\n1e19,2\n", "is 'los' meant for 'loss'"),
        ("flop,loss\n1e19,2\n", "is 'flop' meant for 'flops'"),
        ("a,loss\n1,2\n", "no column of what was spent"),
        ("step,loss\n1,2\n", "add a column batch"),
        ("images,loss\n1,2\n", "tokens an image has is not known"),
        ("", "empty"),
    ],
)
def test_a_log_that_cannot_be_read_is_one_line(table, tmp_path, capsys, text, said):
    path = tmp_path / "log.csv"
    path.write_text(text)
    assert run(["watch", str(table), str(path), "--params", "1e9", "--flops", "1e20"]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_what_the_log_does_not_say_has_to_be_given(table, tmp_path, capsys):
    path = log(tmp_path / "a.csv", np.array([1e19]))
    for arguments, said in (
        (["--params", "1e9"], "give its last FLOPs as --flops"),
        (["--flops", "1e20"], "give --params"),
        (["--flops", "1e20", "--params", "1e9", "--metric", "nll"], "no such metric"),
        (["--flops", "1e20", "--params", "1e9", "--follow", "--json"], "leave out --json"),
    ):
        assert run(["watch", str(table), str(path), *arguments]) in (2, 3), arguments
        assert said in capsys.readouterr().err
    assert run(["watch", "published:chinchilla", str(path), "--flops", "1e20"]) == 2
    assert run(["watch", str(table), str(tmp_path / "no.csv")]) == 2


def test_another_quantity_is_told(table, tmp_path):
    flops = np.geomspace(4e18, 5e19, 40)
    path = log(tmp_path / "a.csv", flops).rename(tmp_path / "b.csv")
    rows = pd.read_csv(path).rename(columns={"loss": "train_loss"})
    rows.to_csv(path, index=False)
    assert {note.code for note in looked(table, path).warnings} == {"training-loss"}
    # Rows with a training loss of their own: its law is the one to stay with.
    both = tmp_path / "both.csv"
    small = pd.read_csv(table).assign(train_loss=lambda rows: 1.1 * rows["loss"])
    small.assign(timesteps="uniform", cooldown=0.0).to_csv(both, index=False)
    found = looked(both, path)
    assert (found.metric, found.warnings, found.verdict) == ("train_loss", [], "below")
    named = log(tmp_path / "c.csv", flops, timesteps="logit-normal(0, 1)")
    (note,) = looked(both, named).warnings
    assert note.code == "different-quantities"
    assert "timesteps (uniform; logit-normal(0, 1))" in note.text
    cooled = tmp_path / "cooled.csv"
    small.assign(cooldown=0.2).to_csv(cooled, index=False)
    (note,) = looked(cooled, log(tmp_path / "d.csv", flops)).warnings
    assert note.code == "before-cooldown"
    assert (
        looked(table, log(tmp_path / "e.csv", flops), flops=3e19).warnings[0].code == "past-the-end"
    )


def test_a_run_of_ditlaws_own_is_watched_by_its_folder(tmp_path):
    folder = simulated(tmp_path / "one", SETS[:1])
    spec = RunFolder(folder / "runs" / "in-context-d1w60h2-s0").spec()
    new = spec.model_copy(update={"id": "new", "seed": 9})
    going = RunFolder(tmp_path / "new")
    going.create(new)
    going.log("start", step=0)
    steps = np.unique(np.geomspace(200, 0.9 * new.steps, 60).astype(int))
    law = law_of(str(folder), metric="train_loss")
    for step in steps:
        spent = float(new.flops(int(step)))
        loss = float(np.exp(law.losses_at(new.counts().params, spent)[0]))
        going.log("progress", step=int(step), train_loss=loss)
    for path in (going.path, going.log_path):
        found = answered("watch", folder, path)
        assert (found["metric"], found["verdict"], found["over"]) == (
            "train_loss",
            "on course",
            False,
        )
        assert found["flops"] == new.flops(new.steps)
        assert found["params"] == new.counts().params
        assert found["warnings"] == []
    going.log("diverged", step=int(steps[-1]))
    ended = watch(str(folder), going.path).look()
    assert ended.over
    assert "The run has ended: diverged." in ended.meaning
    # One that the law was fitted to says nothing of the law; its validation loss is there too.
    own = watch(str(folder), folder / "runs" / spec.id, metric="loss").look()
    assert "run-in-fit" in {note.code for note in own.warnings}
    assert own.looks[-1].points == 1


def test_following_tells_of_changes_and_ends_with_the_run(table, tmp_path):
    flops = np.geomspace(1e18, END, 100)
    off = np.where(flops > 6e19, 1.05, 1.0)
    path = tmp_path / "a.csv"
    told = []
    lengths = iter([10, 60, 60, 70, 95, 100])

    def grow(_seconds=0.0):
        n = next(lengths)
        log(path, flops[:n], off[:n])
        os.utime(path, ns=(n, n))  # the clock of a file system may be coarse

    grow()
    watching = watch(str(table), path, flops=END, params=SIZE)
    last = follow(watching, told.append, wait=grow)
    assert [found.verdict for found in told] == ["too early", "on course", "above", "above"]
    assert last.over
    assert last is told[-1]


def test_an_interrupt_ends_following_in_one_line(table, tmp_path):
    path = log(tmp_path / "a.csv", np.geomspace(4e18, 5e19, 40))
    command = [sys.executable, "-P", "-W", "error", "-m", "ditlaw", "watch", str(table), str(path)]
    command += ["--flops", "1e20", "--params", str(SIZE), "--follow"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=os.environ | {"PYTHONUNBUFFERED": "1"}, **pipes) as process:
        while not process.stdout.readline().startswith("At 1e20"):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err.count("\n") == 1


def test_text_fits_a_narrow_terminal(table, tmp_path):
    found = looked(table, log(tmp_path / "a.csv", np.geomspace(4e18, 5e19, 100), 1.05))
    assert isinstance(found, WatchResult)
    text = str(found)
    assert "above" in text
    assert "Next: look at the learning rate" in " ".join(text.split())
