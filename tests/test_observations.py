"""The table: read, checked, and every row that is left out listed with its reason."""

import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ditlaw.errors import BadInput, DitlawError, Refused
from ditlaw.observations import load_observations

ROWS = pd.DataFrame(
    {
        "run": ["a", "b", "c"],
        "params": [1e6, 2e6, 4e6],
        "tokens": [1e9, 1e9, 1e9],
        "loss": [3.0, 2.9, 2.8],
    }
)


def written(tmp_path, frame, name="t.csv"):
    path = tmp_path / name
    frame.to_csv(path, index=False)
    return str(path)


def test_flops_fall_back_on_6nd_and_every_run_is_its_own_trunk(tmp_path):
    table = load_observations(written(tmp_path, ROWS))
    assert table.flops_as == "6nd"
    np.testing.assert_allclose(table.frame["flops"], 6 * ROWS.params * ROWS.tokens)
    assert list(table.frame["trunk"]) == ["a", "b", "c"]


def test_the_flops_column_is_taken_unless_6nd_is_asked_for(tmp_path):
    source = written(tmp_path, ROWS.assign(flops=1e18))
    assert load_observations(source).flops_as == "exact"
    assert set(load_observations(source).frame["flops"]) == {1e18}
    assert load_observations(source, flops_as="6nd").frame["flops"].iloc[0] == 6e15


def test_integers_beyond_64_bits_do_not_overflow(tmp_path):
    frame = ROWS.assign(params=[7 * 10**10] * 3, tokens=[10**12, 2 * 10**12, 3 * 10**12])
    flops = load_observations(written(tmp_path, frame)).frame["flops"]
    assert flops.iloc[0] == pytest.approx(4.2e23)


def test_dropped_rows_are_listed_by_number_and_reason(tmp_path):
    frame = pd.concat([ROWS, ROWS.iloc[:1]])
    frame["loss"] = [3.0, -1.0, np.inf, 3.0]
    frame["note"] = ["", "", "", ""]
    table = load_observations(written(tmp_path, frame))
    reasons = {d.row: d.reason for d in table.dropped}
    assert reasons == {
        2: "loss is not positive",
        3: "loss is not a finite number",
        4: "repeats an earlier row",
    }
    assert list(table.frame.index) == [1]


def test_a_budget_that_is_no_number_drops_its_row(tmp_path):
    frame = ROWS.assign(budget=["1e18", "1e18 FLOPs", None])
    table = load_observations(written(tmp_path, frame))
    assert [(d.row, d.reason) for d in table.dropped] == [(2, "budget is not a positive number")]


def test_a_users_own_notes_mean_nothing(tmp_path):
    assert len(load_observations(written(tmp_path, ROWS.assign(note="fine"))).frame) == 3


def test_a_column_that_is_there_twice_is_named(tmp_path):
    path = tmp_path / "t.csv"
    for header in ("run,params,tokens,loss, loss", "run,params,tokens,loss,loss"):
        path.write_text(f"{header}\na,1,2,3,4\n")
        with pytest.raises(BadInput, match="'loss' is there twice"):
            load_observations(str(path))


def test_a_row_longer_than_the_header_shifts_nothing(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("run,params,tokens,loss\na,1,2,3,4\nb,2,3,4,5\n")
    with pytest.raises(BadInput, match="more cells than the header"):
        load_observations(str(path))


def test_lists_in_a_table_are_no_traceback(tmp_path):
    path = tmp_path / "t.jsonl"
    ROWS.assign(family=[["a"], ["a"], ["b"]]).to_json(path, orient="records", lines=True)
    with pytest.raises(Refused, match="family"):
        load_observations(str(path))
    with pytest.raises(BadInput, match="no row has"):
        load_observations(str(path), ["family=c"])


def test_only_the_studys_own_runs_are_its_rows(trained, tmp_path):
    folder = tmp_path / "tiny"
    shutil.copytree(trained, folder)
    before = load_observations(str(folder)).digest()
    first = sorted((folder / "runs").iterdir())[0]
    shutil.copytree(first, folder / "runs" / "stranger")
    assert load_observations(str(folder)).digest() == before
    with (first / "log.jsonl").open("a") as log:
        log.write('{"event": "diverged"}\n')
    reasons = {d.reason for d in load_observations(str(folder)).dropped}
    assert "run diverged" in reasons


def test_a_note_keeps_a_row_out_of_the_fit(tmp_path):
    frame = ROWS.assign(note=["", "under 100 steps", None])
    table = load_observations(written(tmp_path, frame))
    assert [(d.row, d.reason) for d in table.dropped] == [(2, "under 100 steps")]


def test_the_digest_ignores_order_and_sees_values(tmp_path):
    one = load_observations(written(tmp_path, ROWS))
    other = load_observations(written(tmp_path, ROWS.iloc[::-1], "r.csv"))
    changed = load_observations(written(tmp_path, ROWS.assign(loss=[3.0, 2.9, 2.7]), "c.csv"))
    assert one.digest() == other.digest() != changed.digest()


@pytest.mark.parametrize("column", ["family", "dataset", "role", "recipe", "timesteps"])
def test_several_in_one_table_are_refused_with_the_choices(tmp_path, column):
    source = written(tmp_path, ROWS.assign(**{column: ["x", "x", "y"]}))
    with pytest.raises(Refused, match=rf"{column}.*x, y.*--where {column}=x"):
        load_observations(source)
    assert len(load_observations(source, [f"{column}=x"]).frame) == 2
    assert len(load_observations(f"{source}@{column}=y").frame) == 1


@pytest.mark.parametrize(
    ("where", "said"),
    [("los=3", "did you mean 'loss'"), ("loss=9", "no row has"), ("loss", "COL=VALUE")],
)
def test_a_wrong_filter_is_named(tmp_path, where, said):
    with pytest.raises(BadInput, match=said):
        load_observations(written(tmp_path, ROWS), [where])


def test_a_study_folder_is_a_table_too(trained):
    table = load_observations(str(trained))
    assert table.study.name == "tiny"
    assert table.flops_as == "exact"
    assert table.frame["trunk"].nunique() == 6
    written = pd.read_csv(trained / "observations.csv")
    assert len(written) == len(table.frame) + len(table.dropped)


@pytest.mark.parametrize(
    "content", [b"x" * 200_000, b"\xff\xfe\x00junk", b'"unclosed', b"a\n1,2,3\n4\n"]
)
def test_unreadable_files_are_one_line(tmp_path, content):
    for name in ("t.csv", "t.jsonl", "t.parquet"):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(DitlawError) as error:
            load_observations(str(path))
        assert "\n" not in str(error.value)


COLUMNS = (*ROWS, "flops", "budget")
cells = st.one_of(
    st.floats(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=5), st.none(), st.booleans()
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.fixed_dictionaries(dict.fromkeys((*ROWS, "flops", "budget"), cells)), max_size=6)
)
def test_garbage_is_an_answer_or_one_line(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("garbage") / "t.jsonl"
    pd.DataFrame(rows, dtype=object).to_json(path, orient="records", lines=True)
    try:
        table = load_observations(str(path))
    except DitlawError as error:
        assert "\n" not in str(error)
    else:
        assert np.isfinite(table.frame[["params", "tokens", "flops", "loss"]]).all().all()


def test_filtered_rows_say_what_was_chosen(tmp_path):
    path = tmp_path / "rows.csv"
    pd.DataFrame(
        {"run": ["a", "b"], "params": 1e6, "tokens": [1e8, 2e8], "loss": 3.0, "kind": ["x", "y"]}
    ).to_csv(path, index=False)
    assert load_observations(str(path), ["kind=x"]).source == f"{path}@kind=x"
    assert load_observations(f"{path}@kind=x").source == f"{path}@kind=x"
    assert load_observations(str(path)).source == str(path)
