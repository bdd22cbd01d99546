"""An evaluation that memory does not hold: fewer samples at a time, and the same losses."""

import pytest
import torch
from conftest import tiny_text

from ditlaw.errors import Refused
from ditlaw.study import parse_study, study_runs
from ditlaw.training import evaluate, points
from ditlaw.training.evaluate import Grid
from ditlaw.training.folder import RunFolder
from ditlaw.training.run import train

CPU = torch.device("cpu")
EVALUATION = {"samples": 40, "pictures": 5, "out_of_domain": {"source": "scenes"}}


def a_run():
    text = tiny_text(budgets=[2e8], evaluation=EVALUATION)
    return study_runs(parse_study(text, "s"))[0]


def trained(path):
    run = a_run()
    folder = RunFolder(path / run.id)
    folder.create(run)
    assert train(folder, CPU) == "done"
    return folder


def limited(monkeypatch, where, name, holds):
    """A device that holds so many samples at a time; returns how many it was given each time."""
    ask, given = getattr(where, name), []

    def small(model, first, *rest, **options):
        given.append(len(first))
        if len(first) > holds:
            raise torch.OutOfMemoryError("out of memory")
        return ask(model, first, *rest, **options)

    monkeypatch.setattr(where, name, small)
    return given


def told(folder):
    return [e["evaluation_batch"] for e in folder.events() if e["event"] == "out-of-memory"]


def test_an_evaluation_out_of_memory_takes_half_as_many_and_goes_on(tmp_path, monkeypatch):
    whole = trained(tmp_path / "whole")
    given = limited(monkeypatch, points, "loss", holds=9)
    parts = trained(tmp_path / "parts")
    # 64 is above the 40 there are, too; what was learnt holds for the losses after the first.
    assert told(parts) == [64, 32, 16, 8]
    assert given == [40, 40, 32, 16] + [8] * 15
    (a,), (b,) = whole.observations(), parts.observations()
    assert a.keys() == b.keys()
    assert told(whole) == []
    for column, value in a.items():
        if column.startswith("loss"):
            value = pytest.approx(value, rel=1e-6)
        assert b[column] == value, column


def test_pictures_out_of_memory_are_drawn_in_parts(tmp_path, monkeypatch):
    whole = trained(tmp_path / "whole")
    limited(monkeypatch, evaluate, "sample", holds=2)
    parts = trained(tmp_path / "parts")
    assert told(parts)[-1] == 2
    (a,), (b,) = whole.path.rglob("*.png"), parts.path.rglob("*.png")
    assert a.read_bytes() == b.read_bytes()


def test_one_sample_that_cannot_be_evaluated_is_refused_in_one_line(monkeypatch):
    grid = Grid(a_run(), CPU)
    limited(monkeypatch, points, "loss", holds=0)
    with pytest.raises(Refused, match=r"^out of memory in an evaluation with one sample at a time"):
        grid.measured(torch.nn.Identity())


def test_the_grid_lies_in_host_memory_and_goes_to_the_device_by_the_batch(monkeypatch):
    device = torch.device("meta")  # as a GPU is: another device than the host
    grid, sent = Grid(a_run(), device).points, []
    assert all(v.device == CPU for v in (grid.images, grid.noise, grid.t, grid.condition.text))

    def record(model, x0, noise, t, condition):
        sent.append((len(x0), {v.device for v in (x0, noise, t, condition.text)}))
        return torch.zeros(len(x0))

    monkeypatch.setattr(points, "loss", record)
    grid.losses(torch.nn.Identity(), 16)
    assert sent == [(16, {device}), (16, {device}), (8, {device})]
