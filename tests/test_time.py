"""Step times: what is timed, once a model and device, what a damaged file costs, and refusals."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from conftest import ditlaw, tiny_text
from test_cli import answered

from ditlaw.cli import run as command
from ditlaw.cli.tables import show
from ditlaw.errors import BadInput, Refused, RunsFailed
from ditlaw.executors import Ended
from ditlaw.locks import locked
from ditlaw.observations import load_observations, study_frame
from ditlaw.results import TimeResult
from ditlaw.step_times import (
    TIMES_FILE,
    StepTime,
    add_time,
    model_key,
    of_one_device,
    read_times,
    with_times,
)
from ditlaw.study import freeze_study, open_study, parse_study, study_runs
from ditlaw.timing import time_study
from ditlaw.training import timing
from ditlaw.training.folder import RunFolder
from ditlaw.training.run import train

CPU = torch.device("cpu")
SHAPES = [{"depth": 1, "width": 12, "heads": 2}, {"depth": 1, "width": 16, "heads": 2}]
PREPARED = {"source": "folder", "path": "pictures", "captions": "dense"}


def study_of(**changes):
    few = {"shapes": SHAPES, "seeds": [0, 1], "budgets": [2e7, 4e7]}
    evaluation = {"samples": 4, "pictures": 0, "sampler_steps": 2}
    return parse_study(tiny_text(**(few | {"evaluation": evaluation} | changes)), "study.yaml")


def frozen(folder, **changes):
    study = study_of(**changes)
    folder.mkdir(exist_ok=True)
    freeze_study(folder, study, yaml.safe_dump(study.model_dump(mode="json", exclude_none=True)))
    return folder


@pytest.fixture(scope="module")
def observed(tmp_path_factory):
    """Two shapes with two seeds each, a few steps long."""
    folder = frozen(tmp_path_factory.mktemp("timed") / "study")
    for spec in study_runs(open_study(folder)):
        run = RunFolder(folder / "runs" / spec.id)
        run.create(spec)
        train(run, CPU)
    return folder


@pytest.fixture
def folder(observed, tmp_path):
    return shutil.copytree(observed, tmp_path / "study")


def quickly(folder, rounds=3, **options):
    specs = study_runs(open_study(folder))
    return timing.time_models(specs, folder, rounds, device=CPU, round_seconds=0.01, **options)


def a_time(model="m", device="card", seconds=1.0, **changes):
    of = {"family": "in-context", "depth": 1, "width": 8, "heads": 1, "single_depth": 0}
    counts = {"params": 10, "batch": 2, "precision": "float32", "dataset": "d", "flops": 5.0}
    when = {"low": seconds, "high": seconds, "rounds": 5, "steps": 3, "threads": 1}
    line = of | counts | when | {"model": model, "device": device, "seconds": seconds}
    return StepTime(**(line | {"versions": {}} | changes))


def contents(folder):
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_command_times_each_model_once_and_leaves_the_runs_as_they_were(folder):
    before, runs = study_frame(folder, open_study(folder)), contents(folder / "runs")
    found = answered("time", folder, "--rounds", 3)
    assert contents(folder / "runs") == runs
    assert found["measured"] == 2  # of four runs, two seeds each
    for model, width in zip(
        sorted(found["models"], key=lambda m: m["width"]), (12, 16), strict=True
    ):
        assert (model["width"], model["batch"], model["rounds"]) == (width, 2, 3)
        assert 0 < model["low"] <= model["seconds"] <= model["high"]
        assert model["device"].endswith(", 1 thread")
        spec = next(s for s in study_runs(open_study(folder)) if s.width == width)
        assert model["flops_per_second"] == pytest.approx(spec.flops(1) / model["seconds"])
    after = study_frame(folder, open_study(folder))
    assert list(after.columns) == [
        *before.columns,
        "step_seconds",
        "step_seconds_standard_error",
        "device_seconds",
        "device",
    ]
    pd.testing.assert_frame_equal(after[before.columns], before)
    assert (after["device_seconds"] == after["steps"] * after["step_seconds"]).all()
    assert after.groupby("width")["step_seconds"].nunique().eq(1).all()
    kept = pd.read_csv(folder / "observations.csv")
    assert kept["device_seconds"].to_numpy() == pytest.approx(after["device_seconds"].to_numpy())


def test_what_was_timed_is_not_timed_again_and_a_torn_line_costs_itself(folder):
    assert quickly(folder) == 2
    path = folder / TIMES_FILE
    whole = path.read_text()
    assert quickly(folder) == 0
    assert path.read_text() == whole
    path.write_text(whole[:-40])
    assert len(read_times(folder)) == 1
    assert quickly(folder) == 1
    lines = path.read_text().splitlines()
    assert len(lines) == 3
    assert lines[0] == whole.splitlines()[0]
    assert len(read_times(folder)) == 2
    path.unlink()
    assert quickly(folder) == 2


def test_lines_that_are_no_times_are_passed_over(tmp_path):
    add_time(tmp_path, a_time())
    good = json.loads((tmp_path / TIMES_FILE).read_text())
    with (tmp_path / TIMES_FILE).open("a") as file:
        for change in ({"seconds": -1}, {"seconds": "NaN"}, {"rounds": 0}, {"device": ""}):
            file.write(json.dumps(good | change) + "\n")
        file.write("[1]\n\n" + json.dumps(good | {"model": "n", "of a later version": 1}) + "\n")
    assert [time.model for time in read_times(tmp_path)] == ["m", "n"]


def test_a_larger_batch_takes_longer(tmp_path):
    recipe = {"batch": 64, "learning_rate": {"value": 1e-3}}
    small, large = frozen(tmp_path / "a"), frozen(tmp_path / "b", recipe=recipe, budgets=[1e9])
    for folder in (small, large):
        quickly(folder)
    assert read_times(large)[0].seconds > 2 * read_times(small)[0].seconds


def test_rounds_go_forwards_and_backwards_over_all_models(folder, monkeypatch):
    visited = []

    def visit(spec, device, root, steps, round_seconds):
        visited.append((spec.width, steps))
        return timing.Block(7, float(len(visited)), 0.5)

    monkeypatch.setattr(timing, "_visit", visit)
    quickly(folder)
    assert visited == [(12, None), (16, None), (16, 7), (12, 7), (12, 7), (16, 7)] or visited == [
        (16, None), (12, None), (12, 7), (16, 7), (16, 7), (12, 7)
    ]  # fmt: skip
    times = read_times(folder)
    assert [time.seconds for time in times] == [4.0, 3.0]
    assert [(time.low, time.high, time.steps) for time in times] == [(2.5, 4.5, 7), (2.5, 4.5, 7)]


def test_a_step_of_several_resolutions_is_their_mean(tmp_path, monkeypatch):
    """Whatever part of a period the block falls on: here a step takes as long as its FLOPs say."""
    buckets = [{"height": 16, "width": 16, "weight": 3}, {"height": 32, "width": 32, "weight": 1}]
    geometry = yaml.safe_load(tiny_text())["geometry"] | {"buckets": buckets}
    spec = study_runs(study_of(geometry=geometry))[0]

    def instant(trunk, until):
        flops = spec.mix().flops(until) - spec.mix().flops(trunk.step)
        trunk.step = until
        return flops * 1e-9

    monkeypatch.setattr(timing, "_run", instant)
    for steps in (1, 2, 3, 5, 8):
        block = timing._visit(spec, CPU, tmp_path, steps, 1.0)
        assert block.seconds == pytest.approx(
            spec.recipe.batch * spec.mix().flops_per_sample * 1e-9
        )


def test_runs_whose_steps_cost_the_same_are_one_model_and_no_others():
    def keys(**changes):
        return [model_key(spec) for spec in study_runs(study_of(**changes))]

    plain = keys()
    assert len(set(plain)) == 2
    assert keys(budgets=[9e7], seeds=[5, 6]) == plain
    rate = {"value": 1e-4, "exponent": 0.5}
    assert keys(recipe={"batch": 2, "learning_rate": rate, "warmup_steps": 7}) == plain
    cases = [
        {"recipe": {"batch": 4, "learning_rate": {"value": 1e-3}}},
        {"recipe": {"batch": 2, "learning_rate": {"value": 1e-3}, "precision": "bfloat16"}},
        {"family": "cross-attention"},
        {"family": "mmdit"},
        {"data": {"source": "scenes", "captions": "sparse"}},
        {"geometry": yaml.safe_load(tiny_text())["geometry"] | {"patch": 4}},
        {"shapes": [{"depth": 2, "width": 12, "heads": 2}, {"depth": 1, "width": 12, "heads": 1}]},
    ]
    found = [key for case in cases for key in set(keys(**case))]
    assert len({*found, *plain}) == 2 + 2 * len(cases)


def test_the_error_of_a_median_is_what_medians_scatter_by():
    random = np.random.default_rng(0)
    for rounds, within in ((3, 0.25), (5, 0.1), (9, 0.1), (40, 0.1)):
        rows = 1 + 0.05 * random.standard_normal((4000, rounds))
        low, middle, high = np.quantile(rows, [0.25, 0.5, 0.75], axis=1)
        errors = [
            a_time(seconds=m, low=a, high=b, rounds=rounds).standard_error
            for a, m, b in zip(low, middle, high, strict=True)
        ]
        assert np.mean(errors) == pytest.approx(middle.std(), rel=within)
        assert np.mean(errors) > 0.97 * middle.std()  # never less than it is


def test_of_several_devices_the_one_with_most_models_is_taken_then_the_newest():
    both = [a_time("m", "old"), a_time("n", "old"), a_time("m", "new")]
    assert {t.device for t in of_one_device(both, "mn").values()} == {"old"}
    assert of_one_device([*both, a_time("n", "new")], "mn")["n"].device == "new"
    assert of_one_device([*both, a_time("x", "new"), a_time("y", "new")], "mn")["m"].device == "old"
    again = [a_time(seconds=1.0), a_time(seconds=2.0)]
    assert of_one_device(again, "m")["m"].seconds == 2.0
    assert of_one_device(both, "x") == {}


def test_rows_of_a_model_that_was_not_timed_stay_without(tmp_path):
    one, other = study_runs(study_of(seeds=[0]))
    rows = [{"run": one.id, "steps": 10}, {"run": other.id, "steps": 10}]
    specs = {one.id: one, other.id: other}
    assert with_times(rows, specs, tmp_path) == rows
    add_time(tmp_path, a_time("another study's"))
    assert with_times(rows, specs, tmp_path) == rows
    add_time(tmp_path, a_time(model_key(one), seconds=0.5))
    timed, bare = with_times(rows, specs, tmp_path)
    assert (timed["device_seconds"], timed["device"]) == (5.0, "card")
    assert bare == rows[1]


def test_a_law_of_a_timed_study_reads_its_speed(folder):
    for spec in study_runs(open_study(folder)):
        add_time(folder, a_time(model_key(spec), seconds=2.0))
    rows = study_frame(folder, open_study(folder)).assign(note="", steps=200)
    rows.to_csv(folder / "rows.csv", index=False)
    speed = load_observations(str(folder / "rows.csv")).speed
    assert speed.devices == ("card",)
    assert len(speed.log_n) == 2
    assert speed.steps.tolist() == [2.0, 2.0]


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"data": {"source": "described", "name": "x"}}, Refused, "planned with, not trained on"),
        ({"data": {"source": "files", "path": "nothing"}}, BadInput, "data.json"),
    ],
)
def test_data_that_no_step_can_read_are_refused(tmp_path, changes, error, said):
    with pytest.raises(error, match=said) as raised:
        time_study(frozen(tmp_path / "study", **changes), 3)
    assert "\n" not in str(raised.value)


def test_a_users_module_that_is_gone_or_counts_otherwise_is_one_line(written, tmp_path):
    family = written()
    folder = frozen(tmp_path / "study", family=family.path, budgets=[1e8])
    for spec in study_runs(open_study(folder)):
        RunFolder(folder / "runs" / spec.id).create(spec)
    assert quickly(folder) == 2
    spec = tmp_path / "study" / "runs" / study_runs(open_study(folder))[0].id / "spec.json"
    content = json.loads(spec.read_text())
    content["counted"][0]["params_total"] += 1
    spec.write_text(json.dumps(content))
    with pytest.raises(BadInput, match="counted otherwise"):
        time_study(folder, 3)


def test_wrong_usage_is_one_line(folder, tmp_path, capsys):
    for arguments, code, said in (
        ((tmp_path / "none",), 2, "not a study folder"),
        ((folder, "--rounds", 2), 2, "not a number from 3 to 1000"),
        ((folder, "--rounds", 2000), 2, "not a number from 3 to 1000"),
    ):
        assert command(["time", *map(str, arguments)]) == code
        told = capsys.readouterr().err
        assert said in told
        assert told.count("\n") == 1
    with locked(folder / ".lock", "x"), pytest.raises(Refused, match="another ditlaw process"):
        time_study(folder, 3)


class Fake:
    """An executor that times nothing, or writes lines of its own."""

    def __init__(self, state="done", lines=()):
        self.state, self.lines = state, lines

    def run(self, jobs, **_):
        for line in self.lines:
            add_time(jobs[0].folder, line)
        return [Ended(jobs[0].folder, self.state, None if self.state == "done" else "no memory")]


def test_a_worker_that_fails_is_told_of(folder):
    with pytest.raises(RunsFailed, match="no memory"):
        time_study(folder, 3, executor=Fake("failed"))


def test_a_busy_machine_is_warned_of_and_tables_fit_80_columns(folder, capsys):
    keys = {model_key(spec): spec for spec in study_runs(open_study(folder))}
    uneven = [a_time(key, seconds=1.0, low=0.7, high=1.2, width=s.width) for key, s in keys.items()]
    result = time_study(folder, 3, executor=Fake(lines=uneven))
    assert result.measured == 2
    (note,) = result.warnings
    assert note.code == "busy-machine"
    assert "50% of its time apart" in note.text
    assert "core" not in note.text
    even = [a_time(key, device="other", seconds=1.0, low=0.9, high=1.1) for key in keys]
    result = time_study(folder, 3, executor=Fake(lines=even))
    assert isinstance(result, TimeResult)
    assert result.warnings == []
    waiting = [a_time(key, device="third", core=0.5) for key in keys]
    (note,) = time_study(folder, 3, executor=Fake(lines=waiting)).warnings
    assert "a core for 50% of its time" in note.text
    threads = [a_time(key, device="fourth", core=0.5, threads=8) for key in keys]
    assert time_study(folder, 3, executor=Fake(lines=threads)).warnings == []
    assert {model.device for model in result.models} == {"card", "other"}
    show(result)
    printed = capsys.readouterr().out
    assert "other\n" in printed
    assert "2 timed now" in printed
    for line in printed.splitlines():
        assert len(line) <= 80 or " " not in line, line  # a path stays whole


def test_the_command_asks_for_the_training_extra_and_is_listed():
    assert "Measure what a training step of each model costs" in " ".join(
        ditlaw("time", "--help").out.split()
    )
