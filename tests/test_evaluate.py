"""Measuring finished runs: what is computed, what is not computed again, what goes wrong."""

import json
import math
import shutil
import types

import jsonschema
import pytest
import torch
from conftest import ditlaw
from evaluate_cases import CPU, FEATURES, LATENTS, PIXELS, RUNS, cached_run, few_runs

from ditlaw.data import open_held_out
from ditlaw.errors import BadInput, Refused
from ditlaw.metrics import base, density, drawing, measuring
from ditlaw.metrics.base import Key, Settings, Task, Value
from ditlaw.metrics.density import bits_per_dimension, dequantised
from ditlaw.metrics.drawing import draw
from ditlaw.metrics.measuring import measure_run
from ditlaw.metrics.rows import read_rows
from ditlaw.models import condition_of
from ditlaw.results import json_schema
from ditlaw.training.folder import RunFolder
from ditlaw.training.weights import load_model

BOTH = Settings(metrics=("vlb", "nll"), samples=3)


@pytest.fixture
def study(trained, tmp_path):
    return few_runs(trained, tmp_path / "tiny")


@pytest.fixture
def run(study) -> RunFolder:
    return RunFolder(study / "runs" / RUNS[0])


def install(monkeypatch, measure, keys):
    """A metric ``mine`` of a module of its own."""
    module = types.SimpleNamespace(
        check=lambda spec, settings, names: None,
        tasks=lambda bench, names: [Task(tuple(keys(bench.settings)), measure)],
    )
    monkeypatch.setitem(base.METRICS, "mine", "mine")
    monkeypatch.setattr(measuring.importlib, "import_module", lambda name: module)


def test_bytes_that_a_uniform_density_explains_cost_eight_bits():
    """255/127.5 + one level's width: the density is 127.5/256 over each value."""
    nats = torch.full((1,), -7 * math.log(127.5 / 256), dtype=torch.float64)
    assert float(bits_per_dimension(nats, 7, pixels=True)) == pytest.approx(8)
    assert float(bits_per_dimension(nats, 7, pixels=False)) == pytest.approx(math.log2(256 / 127.5))


def test_pixels_are_spread_over_one_level_each_by_noise_of_their_own():
    levels = torch.arange(256).float().repeat(6, 1).view(6, 1, 16, 16) / 127.5 - 1
    spread = dequantised(levels + 0.3 / 127.5, 5)  # a float picture is rounded first
    off = (spread - levels) * 127.5
    assert float(off.abs().max()) <= 0.5 + 1e-4
    assert float(off.std()) == pytest.approx(1 / 12**0.5, rel=0.02)
    assert torch.equal(dequantised(levels[2:4], 7), spread[2:4])
    assert not torch.equal(spread[0], spread[1])


def test_both_densities_are_those_of_the_held_out_samples(run):
    assert measure_run(run, BOTH, CPU) == 4
    rows = read_rows(run)
    assert [(row.metric, row.samples) for row in rows] == [("vlb", 3), ("nll", 3)] * 2
    seen = run.observations()
    assert [row.budget for row in rows] == [seen[0]["budget"]] * 2 + [seen[1]["budget"]] * 2
    batch = open_held_out(run.spec().data).read(0, 3)
    model, condition = load_model(run, seen[0]["budget"], CPU), condition_of(batch)
    x = dequantised(torch.from_numpy(batch.images), 0)
    for row, nats in (
        (rows[0], density.variational_bound(model, x, condition)),
        (rows[1], density.negative_log_likelihood(model, x, condition).mean(1)),
    ):
        bits = nats / (768 * math.log(2)) + math.log2(127.5)
        assert row.value == pytest.approx(float(bits.mean()), rel=1e-5)
        assert row.error == pytest.approx(float(bits.std()) / 3**0.5, rel=1e-3)
    assert rows[0].value > rows[1].value > 0  # a bound lies above


def test_what_is_there_is_not_computed_again(run, monkeypatch):
    measure_run(run, BOTH, CPU)
    before = run.metrics_path.read_bytes()
    monkeypatch.setattr(measuring, "load_model", None)  # nobody may ask for it
    assert measure_run(run, BOTH, CPU) == 0
    assert measure_run(run, BOTH.model_copy(update={"metrics": ("nll",)}), CPU) == 0
    assert run.metrics_path.read_bytes() == before
    monkeypatch.undo()
    assert measure_run(run, BOTH.model_copy(update={"unconditional": True}), CPU) == 4
    silent = [row for row in read_rows(run) if row.unconditional]
    assert len(silent) == 4
    assert silent[0].value != read_rows(run)[0].value
    assert measure_run(run, BOTH.model_copy(update={"samples": 2}), CPU) == 4


def test_a_torn_line_is_measured_again_and_an_observation_made_anew_too(run):
    measure_run(run, BOTH, CPU)
    lines = run.metrics_path.read_bytes().splitlines(keepends=True)
    run.metrics_path.write_bytes(b"".join(lines[:3]) + lines[3][:40])
    assert measure_run(run, BOTH, CPU) == 1
    assert run.metrics_path.read_bytes().splitlines()[-1] + b"\n" == lines[3]
    rows = [json.loads(line) for line in run.observations_path.read_text().splitlines()]
    rows[0]["loss"] += 1e-9
    run.observations_path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert measure_run(run, BOTH, CPU) == 2


def test_a_run_that_is_killed_while_measured_keeps_what_it_had(run, monkeypatch):
    calls = []

    def keys(settings):
        drawn = [(g, s) for g in settings.guidance for s in settings.steps]
        return [Key(metric="mine", samples=2, guidance=g, sampler_steps=s) for g, s in drawn]

    def measure(model, keys):
        for key in keys:
            calls.append((key.guidance, key.sampler_steps))
            if len(calls) == 4:
                raise KeyboardInterrupt
            yield key, Value(value=10 * key.guidance + key.sampler_steps)

    install(monkeypatch, measure, keys)
    asked = Settings(metrics=("mine",), guidance=(1.0, 2.0), steps=(3, 4))
    with pytest.raises(KeyboardInterrupt):
        measure_run(run, asked, CPU)
    assert len(read_rows(run)) == 3
    assert measure_run(run, asked, CPU) == 5
    assert calls == [*[(g, s) for g in (1, 2) for s in (3, 4)], (2, 4), *calls[5:]]
    assert len(calls) == 9
    assert len({(row.budget, row.key) for row in read_rows(run)}) == 8


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_no_number_is_refused_and_not_written(run, monkeypatch, value):
    key = Key(metric="mine", samples=2)
    install(monkeypatch, lambda model, keys: [(key, Value(value=value))], lambda settings: [key])
    with pytest.raises(Refused, match=r"mine at .* is not a finite number"):
        measure_run(run, Settings(metrics=("mine",)), CPU)
    assert read_rows(run) == []


def test_latents_have_a_density_without_levels_and_as_many_samples_as_are_held_out(tmp_path):
    latents = cached_run(tmp_path / "a", LATENTS, FEATURES)
    assert measure_run(latents, BOTH.model_copy(update={"samples": 500}), CPU) == 2
    held_out = open_held_out(latents.spec().data, tmp_path / "a" / "study")
    rows = read_rows(latents)
    assert {row.samples for row in rows} == {held_out.samples}
    assert all(row.detail.endswith("latents") for row in rows)
    # A velocity of 0, near which training begins, leaves a sample where it is: −log N(x; 0, 1), of
    # normal latents log2(2πe)/2 bits, of uniform bytes (log2(2π) + log2(e)/3)/2 + log2(127.5).
    assert rows[1].value == pytest.approx(2.05, abs=0.15)
    pixels = cached_run(tmp_path / "b", PIXELS, FEATURES)
    measure_run(pixels, BOTH, CPU)
    assert read_rows(pixels)[1].value == pytest.approx(8.56, abs=0.15)


def test_drawings_are_the_same_however_they_are_batched(run, monkeypatch):
    source = open_held_out(run.spec().data)
    model = load_model(run, run.observations()[0]["budget"], CPU)

    def drawn(**changes):
        how = {"samples": 5, "sampler": "heun", "steps": 2, "guidance": 2.0, "device": CPU}
        return torch.cat(list(draw(model, source, **how | changes)))

    whole = drawn()
    monkeypatch.setattr(drawing, "DRAWING_BATCH", 2)
    torch.testing.assert_close(drawn(), whole)
    torch.testing.assert_close(drawn(samples=3), whole[:3])
    assert not torch.allclose(drawn(guidance=1.0), whole)
    assert not torch.allclose(drawn(seed=1), whole)
    silent = drawn(unconditional=True)
    assert torch.equal(drawn(unconditional=True, guidance=1.0), silent)
    assert not torch.allclose(silent, whole)


def test_the_command_measures_every_run_and_says_what_it_could_not(study):
    lost = next((study / "runs" / RUNS[1] / "weights").glob("6e*"))
    lost.unlink()
    done = ditlaw("evaluate", study, "--metrics", "vlb", "--samples", 2, "--json")
    assert done.code == 0, done.err
    jsonschema.validate(done.json, json_schema("evaluate"))
    assert done.err.splitlines()[0] == "measuring 2 runs"
    rows = done.json["observations"]
    assert [row["run"] for row in rows] == [RUNS[0]] * 2 + [RUNS[1]] * 2
    assert [len(row["metrics"]) for row in rows] == [1, 1, 1, 0]
    assert rows[0]["metrics"][0]["metric"] == "vlb"
    [note] = done.json["warnings"]
    assert note["code"] == "no-weights"
    assert f"{RUNS[1]} at 6e+09" in note["text"]

    kept = {path: path.read_bytes() for path in study.glob("runs/*/metrics.jsonl")}
    shutil.rmtree(study / "runs" / RUNS[1] / "weights")
    shown = ditlaw("evaluate", study, "--metrics", "vlb", "--samples", 2)
    assert shown.code == 0, shown.err
    assert "vlb: 2 samples, t_min 0.001, 32 strata, dequantised pixels" in shown.out
    assert {path: path.read_bytes() for path in kept} == kept


def test_a_run_that_cannot_be_measured_does_not_stop_the_others(study):
    bad = next((study / "runs" / RUNS[0] / "weights").glob("4.2e*"))
    bad.write_bytes(b"not weights")
    log = study / "runs" / RUNS[0] / "log.jsonl"
    before = log.read_bytes()
    done = ditlaw("evaluate", study, "--metrics", "vlb", "--samples", 2, "--json")
    assert done.code == 4
    assert "damaged; remove the run's folder" in done.err.splitlines()[-1]
    assert list(done.json["failures"]) == [RUNS[0]]
    assert [len(row["metrics"]) for row in done.json["observations"]] == [0, 0, 1, 1]
    assert log.read_bytes() == before  # measuring says nothing of how the run ended
    logged = (study / "runs" / RUNS[0] / "measuring.jsonl").read_text()
    assert "Traceback" in logged


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--metrics", "vbl"], "--metrics: 'vbl' is unknown; did you mean 'vlb'?"),
        (["--guidance", "1,two"], "--guidance: 'two' is no scale"),
        (["--guidance", "-1"], "--guidance: '-1' is no scale"),
        (["--steps", "0"], "--steps: '0' is no number of steps"),
        (["--sampler", "heum"], "--sampler: 'heum' is unknown; did you mean 'heun'?"),
    ],
)
def test_what_cannot_be_asked_is_one_line(trained, arguments, said, capsys):
    from ditlaw.cli import run as run_command

    assert run_command(["evaluate", str(trained), *arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert said in lines[0]


def test_a_folder_without_observations_or_no_study_is_bad_input(trained, tmp_path):
    from ditlaw.evaluate import evaluate_study

    with pytest.raises(BadInput, match="not a study folder"):
        evaluate_study(tmp_path, BOTH)
    for name in ("study.yaml", "study.json"):
        shutil.copy(trained / name, tmp_path / name)
    with pytest.raises(BadInput, match="no observations yet"):
        evaluate_study(tmp_path, BOTH)
