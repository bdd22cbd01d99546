"""The Python API: the commands' answers, light to import, typed, in and out of pandas."""

import doctest
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import TINY, ditlaw
from laws_data import frame

import ditlaw as api
from ditlaw.laws import save_law

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def table():
    """Two recipes, of which the second is worse by 2 %."""
    one, other = (frame(sd=0.003, seed=seed).assign(recipe=name) for seed, name in enumerate("ab"))
    other = other.assign(
        loss=1.02 * other["loss"], run=other["run"] + "-b", trunk=other["trunk"] + "-b"
    )
    return pd.concat([one, other], ignore_index=True)


@pytest.fixture(scope="module")
def law(table):
    return api.fit(table, where="recipe=a")


@pytest.fixture(scope="module")
def file(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("api") / "runs.csv"
    table.to_csv(path, index=False)
    return path


def test_the_import_is_light():
    heavy = {"torch", "pandas", "scipy", "numpy", "pydantic"}
    code = f"import ditlaw, sys; print(*{heavy} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_name_is_there_and_no_other():
    for name in api.__all__:
        assert getattr(api, name).__doc__, name
    assert set(api.__all__) <= set(dir(api))
    with pytest.raises(AttributeError, match="forcast"):
        _ = api.forcast


def test_the_functions_are_not_hidden_by_modules():
    import ditlaw.cli.app
    import ditlaw.comparison
    import ditlaw.forecasting

    for name in ("load", "fit", "forecast", "compare", "plan", "run"):
        assert callable(getattr(ditlaw, name))


@pytest.mark.slow
def test_a_users_file_is_checked_strictly(tmp_path):
    snippet = tmp_path / "theirs.py"
    snippet.write_text(
        "import ditlaw\n"
        "law: ditlaw.Law = ditlaw.fit('runs.csv', where='family=mmdit', level=0.8)\n"
        "best: float = ditlaw.forecast(law, gpus='64xh100', days=14).gpu_hours\n"
        "rows: ditlaw.Observations = ditlaw.load('runs.csv')\n"
        "pairs = ditlaw.compare(rows, by='recipe', at=1e21).pairs\n"
        "reveal_type(pairs[0].a_name)\n"
        "ditlaw.fit(rows, levle=0.8)\n"
        "ditlaw.forcast(law)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=pyproject.toml", str(snippet)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"MYPYPATH": str(ROOT / "src")},
    )
    said = done.stdout
    assert 'Revealed type is "str"' in said.replace("builtins.str", "str"), said + done.stderr
    assert ":7: error" in said
    assert ":8: error" in said
    assert "Found 2 errors in 1 file" in said


def test_a_fit_is_the_same_by_path_frame_rows_law_and_command(table, law, file, tmp_path):
    rows = api.load(table)
    assert len(rows) == len(table)
    save_law(law, tmp_path / "saved.law.json")
    want = law.result().loss
    for source in (file, str(file), rows):
        assert api.fit(source, where="recipe=a").result().loss == want
    assert api.fit(law) is law
    assert api.fit(tmp_path / "saved.law.json").result().loss == want
    assert len(api.load(tmp_path / "saved.law.json")) == len(law.observations)
    said = ditlaw("fit", file, "--where", "recipe=a", "--json").json
    assert said["loss"] == want.model_dump()


def test_a_forecast_is_the_commands(law, file):
    answer = api.forecast(law, gpus="8xh100", days=0.001, price=2.0)
    said = ditlaw(
        "forecast",
        file,
        "--where",
        "recipe=a",
        "--gpus",
        "8xh100",
        "--days",
        "0.001",
        "--price",
        "2",
        "--json",
    ).json
    said["source"] = answer.source
    assert said == json.loads(answer.model_dump_json())
    assert answer.gpus == 8


def test_published_laws_answer_too():
    assert api.forecast("published:chinchilla", flops=5.76e23).params.value == pytest.approx(
        7e10, rel=0.5
    )


def test_groups_of_a_frame_are_compared(table, law):
    at = 1e20
    by = api.compare(table, by="recipe", at=at)
    assert [(p.a_name, p.b_name) for p in by.pairs] == [("a", "b")]
    assert by.pairs[0].at[0].verdict == "a"
    assert api.compare(api.load(table), by="recipe", at=[at]).pairs == by.pairs
    other = api.fit(table, where="recipe=b")
    for named in ({"ours": law, "theirs": other}, {"ours": law, "theirs": "published:chinchilla"}):
        found = api.compare(named, at=at).pairs[0]
        assert (found.a_name, found.b_name) == ("ours", "theirs")
    # Two tables in memory have one name.
    split = [table[table["recipe"] == name] for name in "ab"]
    found = api.compare(*split, at=at).pairs[0]
    assert (found.a_name, found.b_name) == ("DataFrame (a)", "DataFrame (b)")


def test_rows_of_several_kinds_load_and_do_not_fit(table):
    with pytest.raises(api.Refused, match="column 'recipe' holds a, b"):
        api.fit(api.load(table))


def test_rows_keep_their_numbers_and_reasons(table):
    rows = api.load(table.assign(loss=table["loss"].mask(table.index == 2)), where="recipe=a")
    assert [d.row for d in rows.dropped] == [3]
    assert 3 not in rows.to_frame().index
    assert "dropped: 1 rows, loss is not a finite number" in str(rows)
    assert "<script" not in rows._repr_html_()
    again = api.fit(rows).observations
    assert again.dropped == rows.dropped
    assert list(again.frame.index) == list(rows.frame.index)


def test_what_pandas_may_hold_is_read(table):
    for made in (
        table.convert_dtypes(),
        table.set_index("run", drop=False),
        table.astype({"params": object}),
        table.rename(columns={"loss": " loss "}),
    ):
        assert len(api.load(made)) == len(table)
    missing = table.convert_dtypes()
    missing.loc[0, "loss"] = pd.NA
    assert len(api.load(missing)) == len(table) - 1


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda t, f: api.load(t.iloc[:0]), "DataFrame: empty"),
        (lambda t, f: api.load("nowhere.csv"), "nowhere.csv: no such file"),
        (lambda t, f: api.load(t, where="colour=red"), "DataFrame: --where: no column 'colour'"),
        (lambda t, f: api.load(t, where="recipe"), "'recipe' is not COL=VALUE"),
        (lambda t, f: api.load(t, columns="params"), "'params' is not NAME=COLUMN"),
        (lambda t, f: api.load(pd.concat([t, t["loss"]], axis=1)), "'loss' is there twice"),
        (lambda t, f: api.fit(t, where="recipe=a", level=2), "level: 2 is not between"),
        (lambda t, f: api.fit(t, where="recipe=a", metric="fdi"), "fdi"),
        (lambda t, f: api.fit(api.load(t), flops_as="6nd"), "was read with exact FLOPs"),
        (lambda t, f: api.fit(api.load(t), columns="loss=recipe"), "was read before"),
        (lambda t, f: api.forecast("published:chinchila", flops=1e21), "chinchilla"),
        (lambda t, f: api.forecast(f, where="recipe=a"), "give one of --flops"),
        (lambda t, f: api.forecast(f, days=2), "--days: of which GPUs"),
        (lambda t, f: api.compare(f, at=1e20), "give two sources"),
        (lambda t, f: api.compare({"a": f}, at=1e20), "give two sources"),
        (lambda t, f: api.compare(f, by="recipe", at=[]), "give the budgets"),
        (lambda t, f: api.plan("nowhere.yaml"), "nowhere.yaml"),
        (lambda t, f: api.run("nowhere.yaml"), "nowhere.yaml"),
    ],
)
def test_an_error_is_one_line(table, file, call, said):
    with pytest.raises(api.Error) as caught:
        call(table, file)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_answers_are_rows(table, law):
    budgets = law.to_frame()
    assert len(budgets) == 6
    assert (budgets["loss_opt_low"] <= budgets["loss_opt"]).all()
    answers = pd.concat([api.forecast(law, flops=x).to_frame() for x in (1e20, 1e21)])
    assert list(answers["flops"]) == [1e20, 1e21]
    assert answers["params"].iloc[0] == law.optimum(1e20).params.value
    assert answers["loss_high"].dtype == float
    pairs = api.compare(table, by="recipe", at=[1e19, 1e20]).to_frame()
    assert list(pairs["verdict"]) == ["a", "a"]
    curve = law.curve(np.array([1e19, 1e20])).to_frame()
    assert curve["loss"].iloc[1] == pytest.approx(pairs["a"].iloc[1], rel=1e-6) or len(curve) == 2


def test_an_answer_in_a_prompt_is_the_commands(law):
    answer = api.forecast(law, flops=1e20)
    assert repr(answer) == str(answer)
    assert "loss of one new run" in repr(answer)
    assert "value=" in repr(answer.loss)


def test_a_study_is_planned_and_run(trained, tmp_path):
    study = tmp_path / "study.yaml"
    study.write_text(TINY)
    planned = api.plan(study)
    assert len(planned.to_frame()) == planned.total.runs == 6
    assert planned.model_dump_json() == api.plan(str(study)).model_dump_json()
    done = api.run(trained / "study.yaml")  # all of it is there
    assert done.runs.done == 6
    assert done.failures == {}
    assert len(api.load(trained)) > 0
    with pytest.raises(api.BadInput, match="--target"):
        api.run(study, target=1e12)


def test_the_page_is_true(monkeypatch):
    monkeypatch.chdir(ROOT / "examples")
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    page = str(ROOT / "docs" / "python.md")
    found = doctest.testfile(page, module_relative=False, optionflags=flags)
    assert found.attempted > 15
    assert not found.failed


@pytest.mark.slow
def test_the_notebook_runs_and_shows_what_it_says():
    nbformat = pytest.importorskip("nbformat")
    from nbclient import NotebookClient

    path = ROOT / "examples" / "first_law.ipynb"
    kept = nbformat.read(path, as_version=4)
    fresh = nbformat.read(path, as_version=4)
    NotebookClient(
        fresh,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    for before, after in zip(kept.cells, fresh.cells, strict=True):
        kinds = [[sorted(o.get("data", {})) for o in c.get("outputs", [])] for c in (before, after)]
        assert kinds[0] == kinds[1]
    assert kept.cells[1].outputs == fresh.cells[1].outputs


WRONG = {
    "argument: 'wher' is unknown; did you mean 'where'": lambda t: api.load(t, wher="a=b"),
    "source must be a path, a DataFrame, loaded rows or a law, not a list": lambda t: api.fit([t]),
    "where must be": lambda t: api.load(t, where={"recipe": "a"}),
    "columns must be": lambda t: api.load(t, columns=["params"]),
    "flops_as: '6ND' is unknown; did you mean '6nd'": lambda t: api.load(t, flops_as="6ND"),
    "level must be a number, not '0.9'": lambda t: api.fit(t, level="0.9"),
    "flops must be a number, not '1e20'": lambda t: api.forecast(t, flops="1e20"),
    "flops must be a number, not an int": lambda t: api.forecast(t, flops=10**400),
    "patch must be a whole number, not '2'": lambda t: api.forecast(t, flops=1e20, patch="2"),
    "missing a required argument: 'at'": lambda t: api.compare(t, by="recipe"),
    "at must be a number or a list of numbers": lambda t: api.compare(t, by="recipe", at="1e20"),
    "study must be a path, not a DataFrame": lambda t: api.plan(t),
    "executor must be an executor": lambda t: api.run("x.yaml", executor="slurm"),
    "--workers: 0": lambda t: api.run("x.yaml", workers=0),
    "exports must be a path, not a DataFrame": lambda t: api.read_exports(t),
    "points: 'first' is unknown": lambda t: api.read_exports("x.csv", points="first"),
}


@pytest.mark.parametrize("said", WRONG)
def test_a_wrong_argument_is_one_line(table, said):
    with pytest.raises(api.BadInput) as caught:
        WRONG[said](table)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_law_asked_for_no_number_says_so(law):
    with pytest.raises(api.BadInput, match="flops: much is not a positive number"):
        law.optimum("much")


def test_numbers_of_numpy_and_nullable_columns_are_numbers(table, law):
    one = api.compare(law, law, at=np.float32(1e20)).pairs
    assert one == api.compare(law, law, at=float(np.float32(1e20))).pairs
    rows = table.assign(note=None, warmup_steps=pd.NA)
    assert len(api.load(rows.convert_dtypes())) == len(table)
