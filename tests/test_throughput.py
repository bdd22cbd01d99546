"""What a run's time was spent on, and how what was measured feeds the next plan."""

import json
import math

import pytest
import torch
import yaml
from conftest import TINY, tiny_text
from typer.testing import CliRunner

from ditlaw.cli.app import app
from ditlaw.compute import ACCELERATORS
from ditlaw.compute.devices import SHARE_VARIABLE
from ditlaw.errors import BadInput
from ditlaw.measured import hours_of, measured_hours, require_measured
from ditlaw.study import freeze_study, parse_study, plan_study, study_runs
from ditlaw.sweep import study_status
from ditlaw.training.folder import RunFolder
from ditlaw.training.run import train
from ditlaw.training.throughput import FIRST_STEPS, Throughput

H100, PEAK = "NVIDIA H100 80GB HBM3", ACCELERATORS["h100"].peak_flops


class Clock:
    """Seconds that pass when told."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def spec():
    return study_runs(parse_study(tiny_text(), "s"))[0]


def of(spec, clock, device=H100, step=0, already=0.0, **more):
    return Throughput(spec, device, step, already, clock=clock, **more)


def test_mfu_is_flops_over_training_time_and_peak(spec, clock):
    """Start-up and first steps are no part of it, nor is an evaluation; all are wall time."""
    speed = of(spec, clock)
    clock.now += 60  # compiles
    before = speed.progress(FIRST_STEPS)
    assert before["mfu"] is before["tokens_per_second"] is None
    clock.now += 2
    with speed.not_training():
        clock.now += 30
        during = speed.progress(FIRST_STEPS + 40)
    after = speed.progress(FIRST_STEPS + 40)
    assert during == after
    flops = spec.flops(FIRST_STEPS + 40) - spec.flops(FIRST_STEPS)
    assert after["mfu"] == pytest.approx(flops / (2 * PEAK), rel=1e-3)
    tokens = spec.mix().tokens(FIRST_STEPS + 40) - spec.mix().tokens(FIRST_STEPS)
    assert after["tokens_per_second"] == pytest.approx(tokens / 2, rel=1e-3)
    assert after["seconds"] == 92
    assert after["flops"] == spec.flops(FIRST_STEPS + 40)


def test_sessions_add_up_in_seconds_and_not_in_the_rate(spec, clock):
    speed = of(spec, clock, step=500, already=1000.0)
    clock.now += 5
    speed.progress(500 + FIRST_STEPS)
    clock.now += 1
    line = speed.progress(600)
    assert line["seconds"] == 1006
    steps = (spec.flops(600) - spec.flops(500 + FIRST_STEPS)) / PEAK
    assert line["mfu"] == pytest.approx(steps, rel=1e-3)


def test_gpu_seconds_are_of_the_devices_that_each_session_had(spec, clock, monkeypatch):
    """On 8 devices, then on a quarter of one, then on none that is known."""

    def session(before, **how):
        speed = of(spec, clock, already=before["seconds"], gpu_already=before["gpu_seconds"], **how)
        assert speed.times() | {"gpus": 0} == before | {"gpus": 0}
        clock.now += 10
        return speed.times()

    nothing = {"seconds": 0.0, "gpu_seconds": None}
    assert session(nothing, device="a CPU") == {"seconds": 10, "gpu_seconds": None, "gpus": None}
    first = session(nothing | {"gpu_seconds": 0.0}, devices=8)
    assert first == {"seconds": 10, "gpu_seconds": 80, "gpus": 8}
    monkeypatch.setenv(SHARE_VARIABLE, "0.25")
    second = session(first)
    assert second == {"seconds": 20, "gpu_seconds": 82.5, "gpus": 0.25}
    assert session(second, device="a CPU") == {"seconds": 30, "gpu_seconds": 82.5, "gpus": None}


def test_a_part_of_a_device_is_used_as_a_whole_one_is(spec, clock, monkeypatch):
    monkeypatch.setenv(SHARE_VARIABLE, "0.25")
    speed = of(spec, clock)
    assert speed.facts()["device_share"] == 0.25
    speed.progress(FIRST_STEPS)
    clock.now += 1e-6
    shared = speed.progress(100)["mfu"]
    alone = (spec.flops(100) - spec.flops(FIRST_STEPS)) / (1e-6 * PEAK)
    assert shared == pytest.approx(4 * alone, rel=1e-3)


def test_several_devices_have_several_peaks(spec, clock):
    one, two = of(spec, clock), of(spec, clock, devices=2)
    for speed in (one, two):
        speed.progress(FIRST_STEPS)
    clock.now += 1e-6
    assert one.progress(100)["mfu"] == pytest.approx(2 * two.progress(100)["mfu"], rel=1e-3)


@pytest.mark.parametrize("device", ["NVIDIA H100 NVL", "AMD EPYC 9454 48-Core Processor"])
def test_a_device_without_a_known_peak_has_no_mfu(spec, clock, device):
    speed = of(spec, clock, device)
    facts = speed.facts()
    assert facts["device"] == device
    assert facts["accelerator"] is facts["peak_flops"] is facts["peak_source"] is None
    speed.progress(FIRST_STEPS)
    clock.now += 1
    line = speed.progress(100)
    assert line["mfu"] is line["accelerator"] is None
    assert line["tokens_per_second"] > 0


def test_the_peak_has_its_source(spec, clock):
    facts = of(spec, clock).facts()
    assert facts["peak_flops"] == PEAK
    assert facts["peak_source"] == ACCELERATORS["h100"].source


def test_a_runs_log_says_what_its_time_was_spent_on(trained):
    """As much as a processor without a known peak allows."""
    run = next(iter((trained / "runs").iterdir()))
    events = list(RunFolder(run).events())
    start, done = events[0], events[-1]
    assert start["event"] == "start"
    assert start["device_share"] == start["devices"] == 1
    assert start["peak_flops"] is None
    spec = RunFolder(run).spec()
    assert done["flops"] == spec.flops(spec.steps)
    assert done["mfu"] is None
    rates = [e["tokens_per_second"] for e in events if e.get("tokens_per_second")]
    assert all(rate > 0 for rate in rates)
    assert done["tokens_per_second"] == rates[-1]
    assert done["seconds"] > 0


# What is measured feeds the next plan.


def measured(folder, mfus, accelerator="h100", **changes):
    """A study folder whose runs, smallest first, say that they reached those MFUs."""
    content = yaml.safe_load(TINY) | changes
    del content["hardware"]
    text = yaml.safe_dump(content)
    study = parse_study(text, "s")
    freeze_study(folder, study, text)
    runs = sorted(study_runs(study), key=lambda run: run.counts().params)
    for spec, mfu in zip(runs, mfus, strict=False):
        run = RunFolder(folder / "runs" / spec.id)
        run.create(spec)
        run.log("progress", step=20, mfu=mfu, accelerator=accelerator)
        run.log("done", step=spec.steps, mfu=None, accelerator=accelerator)
    return study, runs


def test_hours_are_of_the_mfu_that_models_of_that_size_reached(tmp_path):
    study, runs = measured(tmp_path, [0.01, 0.04])
    sizes = [run.counts().params for run in runs]
    hours = hours_of(study, tmp_path)
    assert hours.source == "measured"
    assert hours.at(sizes[0]).mfu == pytest.approx(0.01)
    assert hours.at(sizes[1]).mfu == pytest.approx(0.04)
    assert hours.at(math.sqrt(sizes[0] * sizes[1])).mfu == pytest.approx(0.02)
    assert hours.at(1e9).mfu == pytest.approx(0.04)  # held beyond the largest

    plan = plan_study(study, hours)
    assert (plan.gpu, plan.mfu_source, plan.assumed_hardware) == ("h100", "measured", False)
    first = next(run for run in plan.runs if run.params == sizes[0])
    assert first.gpu_hours == pytest.approx(first.flops / (0.01 * PEAK * 3600))
    spent = plan.total.gpu_hours * 3600 * PEAK * plan.mfu
    assert spent == pytest.approx(plan.total.flops)


def test_a_trained_run_is_what_its_like_are_planned_with(tmp_path, monkeypatch):
    """The whole way: the log of a run on a device that says it is an H100, to the next plan."""
    monkeypatch.setattr("ditlaw.training.session.device_name", lambda device: H100)
    study, runs = measured(tmp_path, [])
    run = RunFolder(tmp_path / "runs" / runs[0].id)
    run.create(runs[0])
    assert train(run, torch.device("cpu")) == "done"
    said = [event["mfu"] for event in run.events() if event.get("mfu")][-1]
    hours = hours_of(study, tmp_path)
    assert hours.source == "measured"
    assert hours.at(runs[0].counts().params).mfu == pytest.approx(said)


def test_status_counts_on_what_was_measured(tmp_path):
    measured(tmp_path, [0.01, 0.04, 0.1])
    done = [run for run in study_status(tmp_path) if run.state != "pending"]
    mfus = {run.flops / (run.gpu_hours * PEAK * 3600) for run in done}
    assert sorted(mfus) == pytest.approx([0.01, 0.04, 0.1])


def test_what_a_study_states_stands(tmp_path):
    measured(tmp_path, [0.01, 0.04])
    stated = parse_study(tiny_text(), "s")
    assert hours_of(stated, tmp_path).source == "stated"
    assert hours_of(stated, tmp_path).hardware == stated.hardware


def test_what_was_not_measured_is_assumed(tmp_path):
    study, _ = measured(tmp_path, [None, None])
    assert measured_hours(tmp_path) is None
    assert hours_of(study, tmp_path).source == "assumed"
    with pytest.raises(BadInput, match="no run measured an MFU"):
        require_measured(tmp_path)
    with pytest.raises(BadInput, match="not a study folder"):
        require_measured(tmp_path / "elsewhere")


def test_a_study_is_planned_with_what_another_measured(tmp_path):
    measured(tmp_path / "before", [0.01, 0.04])
    (tmp_path / "next.yaml").write_text(tiny_text(name="next", forecast=None))
    command = ["plan", str(tmp_path / "next.yaml"), "--json"]
    stated = json.loads(CliRunner().invoke(app, command).stdout)
    assert (stated["mfu_source"], stated["mfu"]) == ("stated", 0.4)
    command += ["--measured", str(tmp_path / "before")]
    plan = json.loads(CliRunner().invoke(app, command).stdout)
    assert plan["mfu_source"] == "measured"
    assert 0.01 <= plan["mfu"] <= 0.04
    slower = plan["total"]["gpu_hours"] / stated["total"]["gpu_hours"]
    assert slower == pytest.approx(0.4 / plan["mfu"])
