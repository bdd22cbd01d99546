"""Files are whole or absent; logs lose at most a torn line."""

import json
import os

import pytest

from ditlaw.errors import BadInput
from ditlaw.files import append_json, last_json_line, read_json_lines, write_json, write_text


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "f.txt"
    write_text(path, "old")

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BadInput, match="No space left"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["f.txt"]


def test_a_file_in_the_way_of_a_folder_is_named(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(BadInput, match=r"a/b: cannot be written"):
        write_text(tmp_path / "a" / "b" / "c.txt", "x")


def test_an_existing_file_is_left_alone_when_told(tmp_path):
    write_json(tmp_path / "f.json", 1, overwrite=False)
    with pytest.raises(BadInput, match="left alone"):
        write_json(tmp_path / "f.json", 2, overwrite=False)
    assert json.loads((tmp_path / "f.json").read_text()) == 1


def test_a_torn_line_costs_only_itself(tmp_path):
    log = tmp_path / "log.jsonl"
    append_json(log, {"n": 1})
    for cut in range(1, len(b'{"n": 2}\n')):
        with log.open("ab") as file:
            file.write(b'{"n": 2}\n'[:cut])
        append_json(log, {"n": 3})
        assert list(read_json_lines(log))[-1] == {"n": 3}
        assert last_json_line(log) == {"n": 3}
    with log.open("ab") as file:
        file.write(b'{"n"')
    assert last_json_line(log) == {"n": 3}
    assert last_json_line(tmp_path / "none") is None
    assert list(read_json_lines(tmp_path / "none")) == []
