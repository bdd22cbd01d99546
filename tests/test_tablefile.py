"""Table files as people have them: read as meant, or one line that names the place and the mend."""

import gzip
import json
import os
import subprocess
import sys

import pandas as pd
import pytest
from conftest import ditlaw
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from laws_data import frame, one_line_at_most

from ditlaw import laws, tablefile
from ditlaw.errors import BadInput, DitlawError, Refused
from ditlaw.forecasting import forecast
from ditlaw.laws import table as law_table
from ditlaw.observations import load_observations, loading

CSV = "run,params,tokens,loss\na,1e6,1e9,3.01\nb,2000000,1e9,2.345\n"
ROWS = [["a", 1e6, 1e9, 3.01], ["b", 2e6, 1e9, 2.345]]


def rows_of(path):
    return load_observations(str(path)).frame[["run", "params", "tokens", "loss"]].values.tolist()


@pytest.mark.parametrize(
    "content",
    [
        CSV.encode(),
        b"\xef\xbb\xbf" + CSV.encode(),
        CSV.replace("\n", "\r\n").encode(),
        CSV.replace(",", ";").encode(),
        CSV.replace(",", "\t").encode(),
        CSV.replace(",", ";").replace("3.01", "3,01").replace("2.345", "2,345").encode(),
        CSV.replace("run,", " run , ").replace("a,1e6", '"a"," 1e6 "').encode(),
        b"\n\n" + CSV.encode(),
    ],
    ids=["plain", "bom", "crlf", "semicolons", "tabs", "decimal commas", "spaces", "blank lines"],
)
def test_tables_are_read_as_they_are_meant(tmp_path, content):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    assert rows_of(path) == ROWS


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (CSV.replace("1e6", '"1,234"'), "row 1, column 'params': '1,234' has a comma"),
        (CSV.replace("2000000", '"2,000,000"'), "row 2, column 'params': '2,000,000' has a comma"),
        # 2,345 may be two thousand or two and a bit: no cell of the file tells.
        (CSV.replace(",", ";").replace("2.345", "2,345"), "row 2, column 'loss': '2,345'"),
        (
            CSV.replace("run,params", "Run,params"),
            "column 'run' is missing; rename with --columns run=Run ",
        ),
        (CSV.replace("tokens", "tokns"), "column 'tokens' is missing; is 'tokns' meant?"),
        (CSV.replace("tokens", "loss"), "column 'loss' is there twice"),
        (CSV.replace(",3.01", ",3.01,7").replace(",2.345", ",2.345,7"), "more cells than"),
        ("run,params,tokens,loss\n", "empty"),
        ("", "empty"),
        ("\n\n\n", "empty"),
        (
            CSV.replace("3.01", "").replace("2.345", "?"),
            "no usable row (row 1: loss is not a finite number)",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path, content, says):
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(BadInput) as caught:
        load_observations(str(path))
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (CSV.replace("a,", "café,").encode("latin-1"), "not UTF-8 text (byte 0xe9"),
        (CSV.encode("utf-16"), "UTF-16 text; save it as UTF-8"),
        (gzip.compress(CSV.encode(), mtime=0), "compressed"),
        (b"PK\x03\x04rest of a spreadsheet", "spreadsheet"),
        (b"\x00" * 100, ""),
    ],
)
def test_files_that_are_no_utf8_text(tmp_path, content, says):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        load_observations(str(path))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("[1, 2]", "line 2 is not an object"),
        ("{", "line 2 is not JSON"),
        ("[" * 100_000, "line 2 is not JSON"),
        ('{"loss": 1, " loss": 2}', "column 'loss' is there twice"),
    ],
)
def test_json_lines_name_the_line(tmp_path, line, says):
    path = tmp_path / "t.jsonl"
    path.write_text('{"run": "a", "params": 1, "tokens": 1, "loss": 1}\n' + line + "\n")
    with pytest.raises(BadInput, match=says):
        load_observations(str(path))


def test_cells_of_json_that_are_no_numbers_are_listed(tmp_path):
    cells = [{"n": 7}, [1], True, "7B", "1_000", None, 10**400, "-3", "4.5"]
    path = tmp_path / "t.jsonl"
    lines = [{"run": f"r{i}", "params": c, "tokens": 1e9, "loss": 2.0} for i, c in enumerate(cells)]
    path.write_text("\n".join(map(json.dumps, lines)))
    table = load_observations(str(path))
    assert table.frame["params"].tolist() == [4.5]
    assert {d.row: d.reason for d in table.dropped} == {
        1: "params is not a finite number: {'n': 7}",
        2: "params is not a finite number: [1]",
        3: "params is not a finite number: True",
        4: "params is not a finite number: '7B'",
        5: "params is not a finite number: '1_000'",
        6: "params is not a finite number",
        7: "params is not a finite number: 100000000000000000000...",
        8: "params is not positive",
    }


def test_paths_that_lead_nowhere(tmp_path):
    link = tmp_path / "link.csv"
    link.symlink_to("nowhere.csv")
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    packed = tmp_path / "t.csv.gz"
    packed.write_bytes(gzip.compress(CSV.encode()))
    for path, says in (
        (link, "a link to nowhere.csv, which is not there"),
        (folder, "not a study folder"),
        (packed, "unpack it first"),
        (tmp_path / "none.csv", "no such file"),
    ):
        with pytest.raises(BadInput, match=says):
            load_observations(str(path))


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(CSV)
    path.chmod(0)
    with pytest.raises(BadInput, match="permission denied"):
        load_observations(str(path))


def test_a_permission_that_is_denied_is_one_line(tmp_path, monkeypatch):
    path = tmp_path / "t.csv"
    path.write_text(CSV)

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(tablefile.pd, "read_csv", denied)
    with pytest.raises(BadInput, match="permission denied"):
        load_observations(str(path))


def test_tables_that_are_too_long_are_refused_before_they_fill_memory(tmp_path, monkeypatch):
    path = tmp_path / "t.csv"
    frame().to_csv(path, index=False)
    monkeypatch.setattr(law_table, "MAX_ROWS", 41)
    with pytest.raises(Refused, match="42 rows are more than a fit takes"):
        laws.fit(load_observations(str(path)))
    monkeypatch.setattr(loading, "MAX_ROWS", 41)
    with pytest.raises(Refused, match="42 rows are more than a table may have"):
        load_observations(str(path))


def test_every_loss_weighting_is_a_law_of_its_own(tmp_path):
    path = tmp_path / "t.csv"
    for column in ("weighting", "loss_weighting", "timestep_weighting"):
        frame().assign(**{column: ["snr", "uniform"] * 21}).to_csv(path, index=False)
        with pytest.raises(Refused, match=f"column '{column}' holds snr, uniform"):
            load_observations(str(path))


def test_a_column_of_mixed_cells_in_a_long_file_warns_of_nothing(tmp_path):
    """pandas reads long files in parts, and says so where the parts differ in kind."""
    path = tmp_path / "t.csv"
    rows = pd.DataFrame({"run": range(300_000), "params": 1e6, "tokens": 1e9, "loss": 2.0})
    rows["remark"] = ["x" if i > 200_000 else str(i) for i in range(len(rows))]
    rows.to_csv(path, index=False)
    code = (
        "import sys; from ditlaw.observations import load_observations as read; "
        "print(len(read(sys.argv[1]).frame))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(path)], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("300000\n", "")


NESTED = st.recursive(
    st.one_of(
        st.floats(),
        st.integers(-(10**30), 10**30),
        st.text(max_size=6),
        st.none(),
        st.booleans(),
        st.sampled_from(["7B", "1,234", "3,1", "1e9", "nan", "-inf", "", "1_0", "٣", "0x10"]),
    ),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=3,
)
COLUMNS = ("run", "trunk", "budget", "params", "tokens", "flops", "loss", "note", "steps")
MORE = ("warmup_steps", "epochs", "learning_rate", "images", "family", "weighting", "other")
SLOW = settings(
    max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


def answers(path):
    """One line of error, or answers that are finite numbers."""
    with one_line_at_most():
        law = laws.fit(load_observations(str(path)), draws=50)
        json.dumps(law.result().model_dump(mode="json"), allow_nan=False)
        answer = forecast(law, 3 * law.largest_flops, sizes=[float(law.table.log_n.max() + 1)])
        json.dumps(answer.model_dump(mode="json"), allow_nan=False)
        json.dumps(laws.to_json(law), allow_nan=False)
        str(answer)


@SLOW
@given(st.data())
def test_a_good_table_with_garbage_in_it(tmp_path_factory, data):
    rows = frame(sd=0.003, budgets=4, sizes=7).assign(
        note="", steps=5000, warmup_steps=10, epochs=1.0, learning_rate=1e-3, images=1e6,
        family="a", weighting="snr", other=1,
    ).to_dict("records")  # fmt: skip
    for _ in range(data.draw(st.integers(1, 12))):
        row = data.draw(st.integers(0, len(rows) - 1))
        rows[row][data.draw(st.sampled_from((*COLUMNS, *MORE)))] = data.draw(NESTED)
    path = tmp_path_factory.mktemp("garbage") / "t.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8", errors="replace")
    answers(path)
    table = path.with_suffix(".csv")
    try:
        pd.DataFrame(rows, dtype=object).to_csv(table, index=False, errors="replace")
    except (TypeError, ValueError):
        return
    answers(table)


@SLOW
@given(st.binary(max_size=300), st.sampled_from([".csv", ".jsonl", ".parquet", ".law.json"]))
def test_any_bytes_are_one_line_or_an_answer(tmp_path_factory, content, kind):
    path = tmp_path_factory.mktemp("bytes") / f"t{kind}"
    path.write_bytes(content)
    with pytest.raises(DitlawError) as caught:
        laws.load_law(path) if kind == ".law.json" else load_observations(str(path))
    assert "\n" not in str(caught.value)


@SLOW
@given(st.text(alphabet='run,params;tokens\tloss\n"0123456789.e-,', max_size=200))
def test_any_text_after_a_header_is_one_line_or_an_answer(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("text") / "t.csv"
    path.write_text("run,params,tokens,loss\n" + content)
    answers(path)


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet", "t.txt", "t.law.json"])
def test_the_command_says_one_line_for_a_bad_file(tmp_path, name):
    (tmp_path / name).write_bytes(b'{"a": 1}\n"\xff')
    done = ditlaw("fit", tmp_path / name)
    assert done.code == 2
    assert done.out == ""
    assert done.err.count("\n") == 1
    assert done.err.startswith(f"ditlaw: {tmp_path / name}: ")
