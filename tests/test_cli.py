"""The commands as a user meets them: JSON held against its schema, one line for every error."""

import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest
from conftest import ditlaw, tiny_text

from ditlaw.results import ANSWERS, COMMANDS, json_schema


def shipped_schema(command: str) -> dict:
    file = resources.files("ditlaw.schemas") / f"{command}.schema.json"
    return json.loads(file.read_text())


@pytest.mark.parametrize("command", sorted(ANSWERS))
def test_shipped_schemas_are_up_to_date(command):
    assert shipped_schema(command) == json_schema(command), "run 'make schemas'"


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    """A table from a known surface: 5 budgets, 7 sizes, 0.3 % noise."""
    random = np.random.default_rng(0)
    rows = []
    for budget in (1e18, 2e18, 4e18, 8e18, 1.6e19):
        best = 0.1 * budget**0.5
        for params in best * np.geomspace(0.25, 4, 7):
            tokens = budget / (6 * params)
            loss = 1.7 + 400 / params**0.34 + 410 / tokens**0.28
            loss *= np.exp(random.normal(0, 0.003))
            rows.append((f"r{len(rows)}", params, tokens, budget, budget, loss))
    path = tmp_path_factory.mktemp("table") / "runs.csv"
    columns = ["run", "params", "tokens", "flops", "budget", "loss"]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    return path


def answered(command: str, *arguments) -> dict:
    """Run with --json; exactly one object, valid under the shipped schema, nothing else."""
    done = ditlaw(command, *arguments, "--json")
    assert done.code == 0, done.err
    jsonschema.validate(done.json, shipped_schema(command))
    return done.json


def test_budget_and_count_answer():
    assert answered("budget", "--gpus", "256xh100", "--days", 21)["flops"] > 1e23
    counted = answered("count", "--depth", 4, "--family", "in-context")
    assert counted["width"] == 256
    assert sum(counted["params_breakdown"].values()) == counted["params"]
    assert sum(counted["flops_breakdown"].values()) == counted["flops"]["train"]
    assert counted["ratio_6nd"] == counted["flops_6nd"] / counted["flops"]["train"]


def test_count_takes_what_a_family_has_of_its_own():
    """Single blocks, options, classes, and video: frames multiply the image tokens."""
    size = ("count", "--depth", 2, "--width", 64, "--heads", 2)
    flux = answered(*size, "--family", "flux", "--single-depth", 3)
    assert flux["single_depth"] == 3
    image, video = (
        answered(*size, "--family", "mmdit", "--latent", latent)
        for latent in ("16x16x4", "8x16x16x4")
    )
    assert image["tokens_per_sample"] == 64 + 120
    assert video["tokens_per_sample"] == 8 * 64 + 120
    assert image["params"] == video["params"]
    masked = ("--family", "masked", "--vocabulary", 11, "--text-tokens", 1)
    full, drop = answered(*size, *masked), answered(*size, *masked, "--option", "masking=drop")
    assert drop["family"] == "masked,masking=drop"
    assert drop["flops"]["train"] < full["flops"]["train"] / 2
    assert full["params_total"] == full["params"] + 11 * 64


def test_plan_answers(tmp_path):
    (tmp_path / "s.yaml").write_text(tiny_text(forecast=None))
    plan = answered("plan", tmp_path / "s.yaml")
    assert plan["expected"] is None
    assert plan["total"]["runs"] == len(plan["runs"]) == 6


def test_fit_forecast_and_a_saved_law_agree(table, tmp_path):
    law = tmp_path / "x.law.json"
    fitted = answered("fit", table, "--save", law)
    assert fitted["params"]["exponent"]["low"] < 0.47 < fitted["params"]["exponent"]["high"]
    from_table = answered("forecast", table, "--flops", 1e20)
    from_law = answered("forecast", law, "--flops", 1e20)
    assert from_table == from_law
    assert from_law["loss"]["low"] < from_law["loss"]["value"] < from_law["loss"]["high"]
    assert from_law["beyond"] == pytest.approx(6.25)
    bought = answered("forecast", law, "--gpus", "8xh100", "--days", 1, "--mfu", 0.4)
    assert bought["flops"] == pytest.approx(8 * 989.4e12 * 0.4 * 86400)
    narrow = answered("forecast", law, "--flops", 1e20, "--level", 0.5)["loss"]
    assert narrow["high"] - narrow["low"] < from_law["loss"]["high"] - from_law["loss"]["low"]
    assert answered("fit", law) == fitted
    slow = answered("forecast", law, "--flops", 1e20, "--mfu", 0.2)
    assert slow["gpu_hours"] == pytest.approx(2 * from_law["gpu_hours"])
    assert ditlaw("forecast", law, "--flops", 1e20, "--where", "a=b").code == 2
    assert ditlaw("fit", law, "--flops-as", "6nd").code == 2
    assert ditlaw("fit", table, "--level", 0).code == 2
    assert ditlaw("forecast", law, "--flops", 1e20, "--days", 3).code == 2


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_other_tables_give_the_same_law(table, tmp_path, suffix):
    frame = pd.read_csv(table)
    other = tmp_path / f"runs.{suffix}"
    if suffix == "jsonl":
        frame.to_json(other, orient="records", lines=True, double_precision=15)
    else:
        frame.to_parquet(other)
    first, second = answered("fit", table), answered("fit", other)
    assert first["params"]["exponent"]["value"] == pytest.approx(
        second["params"]["exponent"]["value"], rel=1e-9
    )


def test_a_table_with_images_is_answered_in_images(table, tmp_path):
    path = tmp_path / "images.csv"
    frame = pd.read_csv(table)
    frame.assign(images=frame.tokens / 376).to_csv(path, index=False)
    law = tmp_path / "images.law.json"
    assert all(b["images_opt"] for b in answered("fit", path, "--save", law)["budgets"])
    for source in (path, law):
        bought = answered("forecast", source, "--flops", 1e20)
        assert bought["images"]["value"] == pytest.approx(bought["tokens"]["value"] / 376)
    frame.assign(images=range(1, len(frame) + 1)).to_csv(path, index=False)
    assert answered("forecast", path, "--flops", 1e20)["images"] is None


def test_a_page_never_overwrites_a_table(table, tmp_path):
    copy = tmp_path / "a[red]b[[x].csv"
    copy.write_bytes(table.read_bytes())
    assert ditlaw("report", copy, "--out", copy).code == 2
    assert copy.read_bytes() == table.read_bytes()
    assert "a[red]b[[x].csv" in ditlaw("fit", copy).out.replace("\n", "")


def test_where_chooses_one_of_several(table, tmp_path):
    frame = pd.read_csv(table)
    both = pd.concat([frame.assign(family="a"), frame.assign(family="b", loss=frame.loss * 1.1)])
    path = tmp_path / "both.csv"
    both.to_csv(path, index=False)
    refused = ditlaw("fit", path)
    assert refused.code == 3
    assert "family" in refused.err
    assert "a, b" in refused.err
    chosen = answered("fit", path, "--where", "family=b")
    assert answered("fit", f"{path}@family=b")["loss"] == chosen["loss"]


def test_text_output_fits_a_narrow_terminal(table):
    env = os.environ | {"COLUMNS": "80"}
    for arguments in (["fit", table], ["forecast", table, "--flops", "1e20"]):
        done = subprocess.run(
            [sys.executable, "-m", "ditlaw", *map(str, arguments)],
            capture_output=True,
            text=True,
            env=env,
            check=True,
        )
        assert "[" in done.stdout
        tables = [line for line in done.stdout.splitlines() if ": " not in line]
        assert max(map(len, tables)) <= 80


BAD_TABLES = {
    "": "empty",
    "run,params,tokens,loss\n": "empty",
    "run,params,tokens\na,1,2\n": "column 'loss' is missing",
    "run,parms,tokens,loss\na,1,2,3\n": "is 'parms' meant?",
    "run,params,tokens,loss\na,x,2,3\n": "params is not a finite number: 'x'",
    "run,params,tokens,loss\na,1,2,nan\n": "loss is not a finite number",
    "run,params,tokens,loss\na,1,-2,3\n": "tokens is not positive",
}


@pytest.mark.parametrize(("text", "said"), BAD_TABLES.items())
def test_a_bad_table_is_one_line(tmp_path, text, said):
    path = tmp_path / "t.csv"
    path.write_text(text)
    done = ditlaw("fit", path)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_one_budget_is_refused_with_what_is_missing(table, tmp_path):
    frame = pd.read_csv(table)
    path = tmp_path / "one.csv"
    frame[frame.budget == 1e18].to_csv(path, index=False)
    done = ditlaw("fit", path)
    assert done.code == 3
    assert "budget" in done.err
    assert len(done.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["fit", "none.csv"], 2, "none.csv: no such file"),
        (["fit", "."], 2, "not a study folder"),
        (["fit", __file__], 2, "unknown kind of table"),
        (["fit"], 2, "SOURCE"),
        (["fit", "x.csv", "--method", "magic"], 2, "magic"),
        (["fit", "x.csv", "--levle", "0.5"], 2, "--levle"),
        (["fti", "x.csv"], 2, "fti"),
        (["forecast", "x.law.json", "--flops", "1e20"], 2, "x.law.json"),
        (["forecast", "x.csv", "--days", "3"], 2, "--flops"),
        (["plan", "none.yaml"], 2, "ditlaw init none.yaml"),
        (["run", "none.yaml"], 2, "none.yaml"),
        (["status", "."], 2, "not a study folder"),
        (["verify", ".", "--flops", "1e9"], 2, "not a study folder"),
        (["report", "none"], 2, "none"),
        (["count", "--depth", "1000000000"], 2, "depth"),
        (["count", "--depth", "1", "--width", "400000000000"], 2, "width"),
        (["init", "/proc/no/study.yaml"], 2, "cannot be written"),
        (["init", "s.yaml", "--preset", "papr"], 2, "did you mean 'paper'"),
        (["budget", "--gpus", "8xh10", "--days", "1"], 2, "did you mean"),
        (["count", "--depth", "0"], 2, "depth"),
        (["count", "--depth", "2", "--latent", "32"], 2, "HxWxC"),
        (["count", "--depth", "2", "--patch", "3"], 2, "patch: 3 does not divide"),
        (["count", "--depth", "2", "--latent", "1x2x3x4x5"], 2, "FxHxWxC"),
        (["count", "--depth", "2", "--width", "30"], 2, "width: 30 is not a multiple of 4; use 32"),
        (["count", "--depth", "2", "--family", "mdit"], 2, "did you mean 'mmdit'?"),
        (["count", "--depth", "2", "--option", "ratio"], 2, "--option: 'ratio' is not KEY=VALUE"),
        (["count", "--depth", "2", "--option", "a=["], 2, "a is no value of YAML; quote it"),
        (["count", "--depth", "2", "--option", "a=@b"], 2, "a is no value of YAML; quote it"),
        (["count", "--depth", "2", "--option", "a=1"], 2, "options.a: in-context has no options"),
        (["count", "--depth", "2", "--vocabulary", "9", "--pooled-dim", "8"], 2, "pooled_dim"),
    ],
)
def test_every_error_is_one_line_with_its_code(tmp_path, arguments, code, said):
    done = ditlaw(*arguments, cwd=tmp_path)
    assert done.code == code, done.err
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert done.out == ""
    assert list(tmp_path.iterdir()) == [], "something was left behind"


def test_a_budget_below_one_step_and_a_stated_limit(tmp_path):
    (tmp_path / "s.yaml").write_text(tiny_text(budgets=[5.0]))
    assert ditlaw("plan", tmp_path / "s.yaml").code == 2
    (tmp_path / "s.yaml").write_text(tiny_text(limits={"hours": 1e-9}))
    refused = ditlaw("run", tmp_path / "s.yaml", "--out", tmp_path / "out")
    assert refused.code == 3
    assert "limits.hours" in refused.err
    assert not (tmp_path / "out").exists()


def test_the_analysis_half_never_imports_torch(table):
    program = (
        "import sys; from ditlaw.cli import run\n"
        f"assert run(['fit', {str(table)!r}, '--json']) == 0\n"
        f"assert run(['forecast', {str(table)!r}, '--flops', '1e20', '--json']) == 0\n"
        f"assert run(['count', '--depth', '2']) == 0\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_without_the_training_extra_a_command_says_what_to_install(tmp_path):
    """A stand-in for an environment without torch: its name cannot be found."""
    program = (
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name: None if name == 'torch' else find(name)\n"
        "from ditlaw.cli import run\n"
        "sys.exit(run(['run', 'study.yaml']))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 2
    assert "pip install 'ditlaw[train]'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_help_lists_every_command():
    done = ditlaw("--help")
    assert done.code == 0
    for command in (*COMMANDS, "init"):
        assert command in done.out


def lines_of(*arguments) -> list[str]:
    done = ditlaw(*arguments)
    assert done.code == 0, done.err
    return done.out.splitlines()


def test_each_metric_is_told_once_a_way_and_by_its_own_name(table, tmp_path):
    path = tmp_path / "metrics.csv"
    rows = pd.read_csv(table)
    rows.assign(frechet=30 * (rows.loss - 1.2) ** 2).to_csv(path, index=False)
    told = [line for line in lines_of("forecast", path, "--flops", 1e20) if "frechet" in line]
    assert [line.split("  ")[0] for line in told] == [
        "frechet, by its own law",
        "frechet, through the loss",
    ]
    law = tmp_path / "frechet.law.json"
    fitted = lines_of("fit", path, "--metric", "frechet", "--save", law)
    assert not any("loss" in line for line in fitted)
    assert answered("fit", law)["metric"] == "frechet"
    assert "frechet of one new run" in "\n".join(lines_of("forecast", law, "--flops", 1e20))
    named = {
        line.split("  ")[0]
        for line in lines_of("forecast", "published:dit-in-context", "--flops", 1e20)
    }
    assert {"params", "tokens", "loss", "frechet"} <= named


def test_a_table_without_budgets_or_images_has_no_empty_columns(table, tmp_path):
    path = tmp_path / "bare.csv"
    rows = pd.read_csv(table)
    rows.drop(columns="budget").to_csv(path, index=False)
    assert not any(line.startswith("FLOPs") for line in lines_of("fit", path))
    assert not any("images" in line for line in lines_of("fit", table))
    done = ditlaw("fit", path, "--method", "akima")
    assert done.code == 3
    assert "which --method akima needs" in done.err


def test_a_misspelt_choice_and_a_longer_name_are_told_plainly(table, tmp_path):
    assert ditlaw("fit", table, "--method", "foo").err == (
        "ditlaw: Invalid value for '--method': 'foo' is not one of 'auto', 'isoflop', 'akima', "
        "'envelope', 'joint', 'surface'.\n"
    )
    path = tmp_path / "named.csv"
    pd.read_csv(table).rename(columns={"loss": "eval_loss"}).to_csv(path, index=False)
    assert "rename with --columns loss=eval_loss" in ditlaw("fit", path).err


def test_left_out_rows_are_named(table, tmp_path):
    rows = pd.read_csv(table).astype({"loss": object})
    rows.loc[[2, 4], "loss"] = "oops"
    path = tmp_path / "oops.csv"
    rows.to_csv(path, index=False)
    for options in ((), ("--form", "power")):
        told = "\n".join(lines_of("fit", path, *options))
        assert "2 × loss is not a finite number (row 3, 5)" in told
