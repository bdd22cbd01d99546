"""A user's own family through the command line, the worked example as it is written."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Finished, ditlaw, tiny_text
from own_cases import counted
from safetensors.torch import load_file

from ditlaw.study import parse_study, plan_study

EXAMPLE = Path(__file__).parent.parent / "examples" / "own_family"


def ran(*arguments, cwd) -> Finished:
    done = ditlaw(*arguments, cwd=cwd)
    assert done.code == 0, done.err
    return done


@pytest.mark.slow
def test_the_worked_example_runs_as_it_is_written(tmp_path):
    here = tmp_path / "own_family"
    shutil.copytree(EXAMPLE, here)
    plan = ran("plan", "study.yaml", "--json", cwd=here).json
    assert {run["family"] for run in plan["runs"]} == {"my_dit:make,mlp=2.5"}
    assert all(0 < run["flops"] <= 4.2e9 for run in plan["runs"])
    done = ran("run", "study.yaml", "--json", cwd=here).json
    assert done["runs"] == {"done": 6, "failed": 0, "pending": 0}
    status = ran("status", "my-dit", "--json", cwd=here)
    assert [r["flops"] for r in status.json["runs"]] == [r["flops"] for r in plan["runs"]]
    fitted = ran("fit", "my-dit", "--json", cwd=here)

    sized = next((here / "my-dit" / "runs").iterdir())
    exported = ran("export", sized, "--out", "weights", "--json", cwd=here).json
    assert "my_dit:make is a model of your own" in exported["notes"][0]["text"]
    weights = load_file(here / "weights" / "model.safetensors")
    assert weights["model.patches.weight"].shape[1:] == (3, 2, 2)

    # Elsewhere, where the module cannot be found: what only reads a study needs neither.
    away = tmp_path / "away"
    away.mkdir()
    (here / "my_dit.py").rename(here / "gone.py")
    folder = here / "my-dit"
    assert ran("status", folder, "--json", cwd=away).json == status.json
    again = ran("fit", folder, "--json", cwd=away).json
    assert again | {"source": None} == fitted.json | {"source": None}
    without_torch = (
        "import sys; sys.modules['torch'] = None; from ditlaw.cli import run; "
        "sys.exit(run(sys.argv[1:]))"
    )
    for command in ("status", "fit", "forecast"):
        told = [sys.executable, "-P", "-c", without_torch, command, str(folder)]
        assert subprocess.run(told, cwd=away, capture_output=True).returncode == 0, command
    assert ran("forecast", folder, "--json", cwd=away).json["recipe"] is None
    ran("report", folder, "--out", "page.html", cwd=away)
    refused = ditlaw("plan", folder / "study.yaml", cwd=away)
    assert refused.code == 2
    assert refused.err.startswith("ditlaw: family: my_dit:make: no module 'my_dit' in the current")
    assert len(refused.err.splitlines()) == 1


@pytest.mark.slow
def test_a_study_of_a_diffusers_class_runs(tmp_path):
    shutil.copy(EXAMPLE / "pixart.yaml", tmp_path)
    done = ran("run", "pixart.yaml", "--json", cwd=tmp_path).json
    assert done["runs"] == {"done": 2, "failed": 0, "pending": 0}
    rows = (tmp_path / "pixart" / "observations.csv").read_text()
    assert rows.count('"diffusers:PixArt,attention_bias=false"') == 4


def test_count_takes_own_families_and_their_options(tmp_path):
    shutil.copy(EXAMPLE / "my_dit.py", tmp_path)
    sample = ["--latent", "16x16x3", "--text-tokens", "16", "--vocabulary", "17", "--json"]
    shape = ["--depth", "2", "--width", "16", "--heads", "2"]
    one, two = (
        ran("count", "--family", "my_dit:make", "--option", o, *shape, *sample, cwd=tmp_path).json
        for o in ("mlp=2.5", "mlp=4")
    )
    assert one["family"] == "my_dit:make,mlp=2.5"
    # Up twice, gate and values, and down once, in 2 blocks.
    assert two["params_breakdown"]["blocks"] - one["params_breakdown"]["blocks"] == 2 * (
        24 * (2 * 17 + 16)
    )
    flux = ["--family", "diffusers:FluxTransformer2DModel", "--option", "axes_dims_rope=[2,2,4]"]
    assert ran("count", *flux, *shape, *sample, cwd=tmp_path).json["params"] > 0
    wrong = ditlaw("count", "--family", "my_dit:mkae", *shape, cwd=tmp_path)
    assert wrong.code == 2
    assert "did you mean 'make'" in wrong.err


def test_what_a_module_prints_is_no_part_of_an_answer(tmp_path):
    loud = (EXAMPLE / "my_dit.py").read_text().replace("def make(", "print('read')\n\ndef make(")
    (tmp_path / "loud.py").write_text(loud)
    shape = ["--depth", "2", "--width", "16", "--heads", "2", "--vocabulary", "9"]
    done = ran("count", "--family", "loud:make", *shape, "--json", cwd=tmp_path)
    assert done.json["params"] > 0
    assert done.err == "read\n"


def test_a_bad_module_is_said_at_the_plan_before_anything_is_written(tmp_path):
    (tmp_path / "broken.py").write_text("def make(depth, width, heads, geometry):\n  return 3\n")
    (tmp_path / "study.yaml").write_text(tiny_text(family="broken:make"))
    for command in ("plan", "run"):
        done = ditlaw(command, "study.yaml", cwd=tmp_path)
        assert done.code == 2
        assert done.err == (
            "ditlaw: family: broken:make makes a int; it must return an nn.Module\n"
        )
    assert not (tmp_path / "tiny").exists()


def test_a_plan_from_python_needs_only_sys_path(written, tmp_path):
    family = written()
    text = tiny_text(family=family.path, shapes=[{"depth": 1, "width": 7, "heads": 1}])
    plan = plan_study(parse_study(text, "s"))
    geometry = parse_study(text, "s").geometry.geometry()
    assert plan.runs[0].params == counted(family, geometry, 1, 7, 1).params
