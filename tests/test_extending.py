"""The worked examples of CONTRIBUTING do what they say: each is registered, then used."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import tiny_text
from family_cases import WORDS, batch, shape_of, stirred
from raw_data import caption, made, pixels, wish
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from ditlaw.data import raw
from ditlaw.data.cache import Stream
from ditlaw.equations import CATALOGUE, fit_form
from ditlaw.families import FAMILIES, get_family
from ditlaw.families.count import count_model
from ditlaw.models import MODULES
from ditlaw.observations import load_observations
from ditlaw.study import parse_study, plan_study
from ditlaw.sweep import run_study, study_status

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "examples" / "extending"
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.py"))


@pytest.fixture
def example(monkeypatch):
    """Imports an example; what it registered is gone afterwards."""
    monkeypatch.syspath_prepend(FOLDER)
    registries = (FAMILIES, MODULES, CATALOGUE, raw.READERS, raw.SUFFIXES)
    before = [dict(registry) for registry in registries]
    yield importlib.import_module
    for registry, held in zip(registries, before, strict=True):
        registry.clear()
        registry.update(held)
    for name in EXAMPLES:
        sys.modules.pop(name, None)


def test_the_guide_names_every_example():
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    assert EXAMPLES == ["data_source", "executor", "family", "law_form"]
    for name in EXAMPLES:
        assert f"(examples/extending/{name}.py)" in guide


def test_a_family_is_counted_as_torch_counts_it_and_planned(example):
    example("family")
    family = get_family("additive")
    shape, model = shape_of(family), stirred(family)
    found = count_model(family, shape, WORDS)
    assert sum(p.numel() for p in model.parameters()) == found.params_total
    x, t, condition, _ = batch()
    with FlopCounterMode(display=False) as counted, sdpa_kernel(SDPBackend.MATH):
        made_velocity = model(x, t, condition)
    assert counted.get_total_flops() == len(x) * found.flops.forward
    assert made_velocity.shape == x.shape
    with FlopCounterMode(display=False) as counted, sdpa_kernel(SDPBackend.MATH):
        model(x, t, condition).square().mean().backward()
    assert counted.get_total_flops() == len(x) * found.flops.train
    study = parse_study(tiny_text(family="additive"), "s.yaml")
    assert {run.family for run in plan_study(study).runs} == {"additive"}


def test_a_law_form_is_fitted_with_intervals(example, tmp_path):
    example("law_form")
    flops = np.geomspace(1e18, 1e21, 12)
    centre = np.exp(np.log(flops).mean())
    noise = 1 + 0.001 * np.random.default_rng(0).standard_normal(12)
    loss = 6 * (9 + np.log(flops / centre)) ** -0.5 * noise
    rows = [f"r{i},1e6,{c / 6e6},{c},{y}" for i, (c, y) in enumerate(zip(flops, loss, strict=True))]
    table = tmp_path / "runs.csv"
    table.write_text("run,params,tokens,flops,loss\n" + "\n".join(rows))
    fitted = fit_form(load_observations(str(table)), "log-power")
    power = fitted.parameters["p"]
    assert power.low < 0.5 < power.high
    assert power.value == pytest.approx(0.5, rel=0.02)
    assert fitted.equation().startswith("L = ")


def test_a_data_source_gives_batches(example, tmp_path):
    example("data_source")
    held = {
        "pictures": np.stack([pixels(i) for i in range(12)]),
        "captions": np.array([caption(i) for i in range(12)]),
    }
    np.savez(tmp_path / "a.npz", **held)
    cache = made(tmp_path / "cache", wish(tmp_path / "a.npz"))
    read = Stream(cache, 0.25, 0).read(0, 4)
    assert read.images.shape == (4, 3, 16, 16)
    assert read.text.shape == (4, 6)
    shown = {
        np.round((x.transpose(1, 2, 0) + 1) * 127.5).astype(np.uint8).tobytes()
        for x in np.asarray(read.images)
    }
    assert shown <= {picture.tobytes() for picture in held["pictures"]}
    assert len(shown) == 4


def test_an_executor_does_the_jobs_of_a_study(example, tmp_path):
    executor = example("executor").InThisProcess()
    shapes = [{"depth": 1, "width": 12, "heads": 2}]
    study = tmp_path / "study.yaml"
    study.write_text(tiny_text(shapes=shapes, budgets=[2.2e9], forecast=None))
    threads = torch.get_num_threads()
    try:
        done = run_study(study, tmp_path / "out", executor=executor)
    finally:
        torch.set_num_threads(threads)
    assert (done.runs.done, done.failures) == (1, {})
    assert [run.state for run in study_status(tmp_path / "out")] == ["done"]
