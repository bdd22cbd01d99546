"""Exports of trackers and tables with other names: proposed, and read as told."""

import json

import pandas as pd
import pytest
from conftest import ditlaw

import ditlaw as api
from ditlaw.errors import BadInput
from ditlaw.foreign import parse_columns, propose
from ditlaw.foreign.answer import import_exports

# As the runs table of Weights & Biases is downloaded.
RUNS = """\
"Name","State","Notes","User","Tags","Created","Runtime","Sweep","batch","model.n_params","train/loss","val/loss","tokens_seen"
"sunny-1","finished","-","me","","2025-01-01T10:00:00.000Z","100","","32","1000000","3.0","3.1","2457600"
"brave-2","crashed","-","me","","2025-01-01T10:00:00.000Z","90","","64","2000000","2.8","2.9","3276800"
"""
# As a chart is: the axis, then a column a run with the ends of what each point stands for.
OF_A_RUN = ("{0} - val/loss", "{0} - val/loss__MIN", "{0} - val/loss__MAX")
HEADER = ["Step", *(name.format(run) for run in ("sunny-1", "brave-2") for name in OF_A_RUN)]
CHART = (
    ",".join(f'"{name}"' for name in HEADER)
    + """
"100","4","3.9","4.1","3.9","3.8","4"
"200","3.5","3.5","3.5","3.3","3.3","3.3"
"300","3.1","3.1","3.1","","",""
"""
)
TOLD = "run=Name,params=model.n_params,tokens=tokens_seen,loss=val/loss"


@pytest.fixture
def runs(tmp_path):
    path = tmp_path / "wandb_export.csv"
    path.write_text(RUNS)
    return path


@pytest.fixture
def chart(tmp_path):
    path = tmp_path / "chart.csv"
    path.write_text(CHART)
    return path


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (["n_params", "num_parameters", "N"], "params"),
        (["config.model.n_params", "model.numParams", "Parameters"], "params"),
        (["train_tokens", "D", "tokens_seen", "config.n_tokens.value"], "tokens"),
        (["Training Tokens", "summary.tokens_seen"], "tokens"),
        (["val_loss", "eval/loss", "validation_loss", "summary.val/loss", "valLoss"], "loss"),
        (["compute", "C", "FLOPs"], "flops"),
        (["Training FLOP", "total_flops"], "flops"),
        (["Name", "run_id", "display_name"], "run"),
    ],
)
def test_other_names_are_proposed(theirs, ours):
    for name in theirs:
        assert propose(["colour", name]) == {ours: name}


def test_a_training_loss_is_not_taken_for_the_loss():
    assert propose(["train_loss", "train/loss", "loss/train"]) == {}
    assert propose(["train_loss", "val_loss"]) == {"loss": "val_loss"}


def test_what_is_there_is_not_renamed():
    assert propose(["run", "params", "n_params", "tokens", "loss", "val_loss"]) == {}


def test_the_proposal_can_be_pasted(runs, tmp_path):
    refused = ditlaw("fit", runs)
    assert refused.code == 2
    assert refused.err.count("\n") == 1
    assert f"rename with --columns {TOLD} ('ditlaw import'" in refused.err
    out = tmp_path / "runs.csv"
    done = ditlaw("import", runs, "--out", out, "--columns", TOLD, "--json")
    assert done.code == 0, done.err
    assert (done.json["rows"], done.json["runs"]) == (2, 2)
    assert done.json["columns"] == parse_columns(TOLD)
    assert [note["code"] for note in done.json["warnings"]] == ["not-finished"]
    rows = api.load(out).frame
    assert list(rows["run"]) == ["sunny-1", "brave-2"]
    assert list(rows["params"]) == [1e6, 2e6]
    assert list(rows["train/loss"]) == [3.0, 2.8]
    assert list(api.load(out, where="State=finished").frame["run"]) == ["sunny-1"]


def test_names_with_spaces_and_commas_are_quoted_so_that_they_are_read_again(tmp_path):
    path = tmp_path / "chinchilla.csv"
    header = ["Model Size", "Training Tokens", "Training FLOP", "loss"]
    pd.DataFrame([[1e6, 1e9, 6e15, 3.0]], columns=header).to_csv(path, index=False)
    with pytest.raises(BadInput) as error:
        api.load(path)
    told = str(error.value).split("--columns ")[1].split("'")[1]
    assert told == "run=#,params=Model Size,tokens=Training Tokens,flops=Training FLOP"
    rows = api.load(path, columns=told)
    assert rows.frame.iloc[0][["run", "params", "flops"]].tolist() == ["row-1", 1e6, 6e15]
    assert rows.flops_as == "exact"
    assert parse_columns("loss=\"a, b\",run='x=y' , params=n") == {
        "loss": "a, b",
        "run": "x=y",
        "params": "n",
    }


def test_a_dict_and_the_written_form_say_the_same(runs):
    assert api.read_exports(runs, columns=TOLD).equals(
        api.read_exports(runs, columns=parse_columns(TOLD))
    )


def test_a_chart_with_the_runs_beside_it_is_one_table(runs, chart):
    told = "params=model.n_params,tokens=Step*batch*256,loss=val/loss"
    with pytest.raises(BadInput, match=r"columns 'params' and 'tokens' .* loss=val/loss"):
        api.read_exports(chart)
    with pytest.raises(BadInput, match="there already"):
        api.read_exports(chart, runs, columns=told.replace("val/loss", "val/loss,State=User"))
    last = api.read_exports(chart, runs, columns=told).set_index("run")
    assert last["loss"].to_dict() == {"sunny-1": 3.1, "brave-2": 3.3}
    assert last["tokens"].to_dict() == {"sunny-1": 300 * 32 * 256, "brave-2": 200 * 64 * 256}
    points = api.read_exports(chart, runs, columns=told, points="all")
    assert len(points) == 5
    assert set(api.load(points).frame["trunk"]) == {"sunny-1", "brave-2"}
    assert not [name for name in points if "__M" in name]


def test_the_example_of_the_docs_of_wandb(tmp_path):
    """A DataFrame of dictionaries, written as CSV."""
    path = tmp_path / "project.csv"
    pd.DataFrame(
        {
            "summary": [{"val/loss": 3.1, "_step": 3}, {"val/loss": float("nan"), "note": "nan"}],
            "config": [{"n_params": 5, "opt": {"lr": 0.1}}, {"n_params": 6, "opt": {"lr": 0.2}}],
            "name": ["a", "b"],
        }
    ).to_csv(path)
    told = "run=name,params=config.n_params,tokens=summary._step*10,loss=summary.val/loss"
    table = api.read_exports(path, columns=told)
    assert list(table["params"]) == [5, 6]
    assert list(table["config.opt.lr"]) == [0.1, 0.2]
    assert list(table["summary.note"].fillna("")) == ["", "nan"]
    path.write_text(path.read_text().replace("{'n_params': 6", "{'n_params': what("))
    with pytest.raises(BadInput, match="row 2, column 'config': not a dictionary"):
        api.read_exports(path, columns=told)


def test_the_history_of_a_run_is_its_curve(tmp_path):
    path = tmp_path / "sunny-1.jsonl"
    lines = [{"_step": step, "val/loss": 4 - step / 10, "tokens": 100 * step} for step in (1, 2, 3)]
    path.write_text("".join(json.dumps(line | {"params": 7}) + "\n" for line in lines))
    table = api.read_exports(path, columns="loss=val/loss")
    assert table[["run", "tokens", "loss"]].to_numpy().tolist() == [["sunny-1", 300, 3.7]]


def test_scalars_of_tensorboard_are_joined_by_the_names_of_their_files(tmp_path):
    files = []
    for run, last in (("small", 3.0), ("large", 2.5)):
        for tag, values in (("val_loss", [4.0, last]), ("tokens", [1e6, 2e6])):
            path = tmp_path / f"run-{run}-tag-{tag}.csv"
            rows = [(1.7e9 + i, 10 * (i + 1), value) for i, value in enumerate(values)]
            pd.DataFrame(rows, columns=["Wall time", "Step", "Value"]).to_csv(path, index=False)
            files.append(path)
    sizes = tmp_path / "sizes.csv"
    sizes.write_text("run,n_params\nsmall,1e6\nlarge,4e6\n")
    table = api.read_exports(*files, sizes, columns="params=n_params,loss=val_loss")
    found = table.set_index("run")[["params", "tokens", "loss"]]
    assert found.loc["small"].tolist() == [1e6, 2e6, 3.0]
    assert found.loc["large"].tolist() == [4e6, 2e6, 2.5]


def test_event_files_of_either_kind_are_read(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    def old(tag, value):
        return Summary(value=[Summary.Value(tag=tag, simple_value=value)])

    for run, write in (("small", old), ("deep/large", scalar_pb)):
        writer = EventFileWriter(str(tmp_path / run))
        for step in (10, 20):
            for tag, value in (
                ("val/loss", 4 - step / 20),
                ("n", 1000.0),
                ("tokens_seen", step * 5),
            ):
                writer.add_event(Event(wall_time=1.7e9, step=step, summary=write(tag, value)))
        writer.close()
    table = api.read_exports(tmp_path, columns="params=n,tokens=tokens_seen,loss=val/loss")
    assert table[["run", "tokens", "loss"]].to_numpy().tolist() == [
        ["deep/large", 100, 3],
        ["small", 100, 3],
    ]
    with pytest.raises(BadInput, match=r"params=n,tokens=tokens_seen,loss=val/loss "):
        api.read_exports(tmp_path)


def test_units_that_are_not_counts_are_told(tmp_path):
    path, out = tmp_path / "t.csv", tmp_path / "o.csv"
    path.write_text("run,size_B,tokens,loss,C\na,1.5,1e9,3,1e-3\nb,3,1e9,2.9,2e-3\n")
    made = import_exports([path], out, {"params": "size_B", "flops": "C"})
    assert [note.code for note in made.warnings] == ["another-unit", "another-unit"]
    made = import_exports([path], out, {"params": "size_B*1e9", "flops": "C*8.64e21"})
    assert made.warnings == []
    assert "params is size_B*1e9" in str(made)
    assert list(pd.read_csv(out)["params"]) == [1.5e9, 3e9]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("params=nparams", "did you mean 'model.n_params'"),
        ("params=batch*colour", "no column 'colour'"),
        ("params", "is not NAME=COLUMN"),
        ("params=", "is not NAME=COLUMN"),
        ("=batch", "is not NAME=COLUMN"),
        ("params=batch,params=State", "params is there twice"),
        ("State=Name", "'State' is there already"),
        ("run=#", "columns 'params' and 'tokens' and 'loss' are missing"),
    ],
)
def test_a_wrong_mapping_is_one_line(runs, columns, said):
    with pytest.raises(BadInput) as error:
        api.read_exports(runs, columns=columns)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_what_cannot_be_joined_is_said(runs, chart, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("run,n\nelse,3\n")
    with pytest.raises(BadInput, match=r"none of its runs is in .*; as 'else' there"):
        api.read_exports(chart, other)
    other.write_text("run,n\nsunny-1,3\nsunny-1,4\n")
    with pytest.raises(BadInput, match="run 'sunny-1' is there twice"):
        api.read_exports(chart, other)
    other.write_text("colour,n\nred,3\n")
    with pytest.raises(BadInput, match="no column names its runs"):
        api.read_exports(chart, other)
    other.write_text('"tokens","sunny-1 - val/loss"\n1,2\n')
    with pytest.raises(BadInput, match=r"is over 'tokens', and .* over 'Step'"):
        api.read_exports(chart, other)
    with pytest.raises(BadInput, match="a folder without event files"):
        api.read_exports(tmp_path)


def test_the_table_is_written_only_whole_and_never_over_its_source(runs, tmp_path):
    before = runs.read_text()
    for out, said in ((runs, "is what is imported"), (tmp_path / "o.txt", "must end in .csv")):
        with pytest.raises(BadInput, match=said):
            import_exports([runs], out, parse_columns(TOLD))
    assert runs.read_text() == before
    assert not (tmp_path / "o.txt").exists()
