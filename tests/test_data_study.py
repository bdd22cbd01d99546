"""A study of raw files, from the shard to the table; exact whatever happens on the way."""

import json
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import ditlaw, tiny_text
from raw_data import samples, write_tar

from ditlaw.data import open_held_out
from ditlaw.data.order import key_hash
from ditlaw.data.places import prepare_study
from ditlaw.errors import BadInput, Refused
from ditlaw.observations import REPEATED, load_observations
from ditlaw.study import parse_study, study_runs
from ditlaw.sweep import run_study, study_status
from ditlaw.training.checkpoint import Checkpoints
from ditlaw.training.folder import RunFolder
from ditlaw.training.run import train
from ditlaw.training.trunk import Trunk

CPU = torch.device("cpu")
COUNT = 40
GEOMETRY = {
    "height": 16,
    "width": 16,
    "channels": 3,
    "patch": 8,
    "text_tokens": 6,
    "vocabulary": 60,
}


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def tar(tmp_path):
    return write_tar(tmp_path / "raw" / "birds.tar", samples(COUNT))


def text_of(tar, data=None, **changes):
    usual = {
        "geometry": GEOMETRY,
        "data": {"source": "files", "path": str(tar), "held_out": 0.2} | (data or {}),
        "budgets": [2e7, 4e7],
        "shapes": [{"depth": 1, "width": 12, "heads": 2}],
        "evaluation": {"samples": 16, "pictures": 0},
    }
    return tiny_text(**(usual | changes))


def study_of(tar, **changes):
    return parse_study(text_of(tar, **changes), "s")


def made_ready(tar, folder, seed=0):
    """A prepared study folder and one run of it."""
    study = study_of(tar, seeds=[seed])
    prepare_study(study, folder)
    run = RunFolder(folder / "runs" / study_runs(study)[0].id)
    run.create(study_runs(study)[0])
    return run


def state_at(trunk, step):
    for _ in trunk.run(step):
        pass
    return trunk.state()


def test_from_a_shard_to_the_table(tmp_path, tar):
    study = text_of(
        tar,
        budgets=[5e7, 5.5e7, 6e7],
    )
    (tmp_path / "study.yaml").write_text(study)
    out = tmp_path / "out"
    done = ditlaw("run", "study.yaml", "--out", out, "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert done.json["runs"] == {"done": 1, "failed": 0, "pending": 0}
    assert "preparing birds: 40 of 40 samples" in done.err
    rows = [row for run in out.glob("runs/*") for row in RunFolder(run).observations()]
    training = json.loads((out / "data.json").read_text())["birds"]["training"]
    assert len(rows) == 3
    for row in rows:
        assert row["dataset"] == "birds"
        assert row["epochs"] == row["images"] / training > 1
        assert row["note"] == (REPEATED if row["steps"] >= 100 else "under 100 steps")
    # The folder is all there is: moved, and without the raw files, it is as good.
    shutil.rmtree(tmp_path / "raw")
    moved = tmp_path / "moved"
    out.rename(moved)
    missing = RunFolder(next(moved.glob("runs/*")))
    before, spec = missing.observations_path.read_bytes(), missing.spec()
    shutil.rmtree(missing.path)
    prepare_study(parse_study(study, "s"), moved)
    missing.create(spec)
    assert train(missing, CPU) == "done"
    assert missing.observations_path.read_bytes() == before
    assert [run.state for run in study_status(moved)] == ["done"]
    table = load_observations(str(moved)).frame
    assert len(table) == sum(row["steps"] >= 100 for row in rows) > 2
    assert set(table["dataset"]) == {"birds"}


def test_a_restored_trunk_goes_on_to_the_bit_in_the_middle_of_an_epoch(tmp_path, tar):
    run = made_ready(tar, tmp_path / "out")
    whole, half = (Trunk(run.spec(), CPU, tmp_path / "out") for _ in range(2))
    assert 16 < whole.sources[0].samples < COUNT  # batch 2: step 13 and step 29 are within epochs
    expected = state_at(whole, 29)
    resumed = Trunk(run.spec(), CPU, tmp_path / "out")
    resumed.restore({name: tensor.clone() for name, tensor in state_at(half, 13).items()})
    got = state_at(resumed, 29)
    assert all(torch.equal(got[name], expected[name]) for name in expected)


def test_a_killed_run_observes_the_same(tmp_path, tar, monkeypatch):
    class Cut(BaseException):
        pass

    whole = made_ready(tar, tmp_path / "whole")
    assert train(whole, CPU) == "done"
    monkeypatch.setattr(Checkpoints, "due", lambda self: True)
    cut = made_ready(tar, tmp_path / "cut")
    advance = Trunk._advance

    def until(step):
        def stepped(trunk):
            if trunk.step == step:
                raise Cut
            return advance(trunk)

        return stepped

    for step in (7, 23, cut.spec().stops[0].step + 5):
        monkeypatch.setattr(Trunk, "_advance", until(step))
        with pytest.raises(Cut):
            train(cut, CPU)
    monkeypatch.setattr(Trunk, "_advance", advance)
    assert train(cut, CPU) == "done"
    assert cut.observations_path.read_bytes() == whole.observations_path.read_bytes()


def test_seeds_train_on_other_orders_and_validate_on_the_same(tmp_path, tar):
    runs = [made_ready(tar, tmp_path / "out", seed).spec() for seed in (0, 1)]
    trunks = [Trunk(run, CPU, tmp_path / "out") for run in runs]
    first, second = (trunk.sources[0].read(0, 20).images for trunk in trunks)
    assert not np.array_equal(first, second)
    grid = [open_held_out(run.data, tmp_path / "out").read(0, 16).images for run in runs]
    assert np.array_equal(*grid)
    trained = {
        i.tobytes() for t in trunks for i in t.sources[0].read(0, t.sources[0].samples).images
    }
    assert not trained & {image.tobytes() for image in grid[0]}
    assert len(trained) == trunks[0].sources[0].samples


def carried_out(tmp_path, text, name="out"):
    """Run a study with an executor that trains nothing."""
    (tmp_path / "study.yaml").write_text(text)
    idle = SimpleNamespace(run=lambda folders, **told: [])
    return run_study(tmp_path / "study.yaml", tmp_path / name, executor=idle)


def test_data_that_changed_between_runs_are_refused(tmp_path, tar):
    carried_out(tmp_path, text_of(tar))
    carried_out(tmp_path, text_of(tar))
    write_tar(tar, samples(COUNT + 10))
    with pytest.raises(BadInput, match="no longer holds the files"):
        carried_out(tmp_path, text_of(tar))
    shutil.rmtree(tmp_path / "out" / "data")
    with pytest.raises(BadInput, match="differ from those of the first run"):
        carried_out(tmp_path, text_of(tar))
    run = next((tmp_path / "out" / "runs").iterdir())
    with pytest.raises(BadInput, match="not the data that"):
        Trunk(RunFolder(run).spec(), CPU, tmp_path / "out")


def test_a_cache_that_was_damaged_is_seen_before_it_is_taken_up(tmp_path, tar):
    prepare_study(study_of(tar), tmp_path / "out")
    path = tmp_path / "out" / "data" / "birds" / "00000.images.npy"
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    (tmp_path / "out" / "data.json").unlink()
    with pytest.raises(BadInput, match=r"00000\.\*\.npy: not what manifest\.json says"):
        prepare_study(study_of(tar), tmp_path / "out")


def test_what_refuses_the_data_can_be_mended_in_the_study(tmp_path):
    members = samples(COUNT)
    members["0003.png"] = b""
    tar = write_tar(tmp_path / "raw" / "birds.tar", members)
    with pytest.raises(Refused, match=r"set most_skipped: 0\.05"):
        carried_out(tmp_path, text_of(tar))
    done = carried_out(tmp_path, text_of(tar, data={"most_skipped": 0.05}))
    assert done.runs.pending == 1
    with pytest.raises(BadInput, match="holds runs of a study that differs"):
        carried_out(tmp_path, text_of(tar, data={"most_skipped": 0.06}))


def test_dense_and_sparse_captions_of_one_shard_are_two_data_sets(tmp_path, tar):
    files = {"source": "files", "path": str(tar), "held_out": 0.2}
    entries = [files | {"name": "dense"}, files | {"name": "sparse", "caption": "caption_sparse"}]
    study = parse_study(tiny_text(geometry=GEOMETRY, data=entries), "s")
    prepare_study(study, tmp_path)
    dense, sparse = (open_held_out(data, tmp_path).read(0, 8) for data in study.data)
    assert np.array_equal(dense.images, sparse.images)
    assert (np.count_nonzero(dense.words, axis=1) == 5).all()
    assert (np.count_nonzero(sparse.words, axis=1) == 1).all()


def test_a_second_set_is_never_trained_on_and_told_in_the_same_words(tmp_path, tar):
    other = write_tar(tmp_path / "raw" / "other.tar", samples(12, 100))
    second = {"source": "files", "path": str(other)}
    study = study_of(tar, evaluation={"samples": 16, "out_of_domain": second})
    prepare_study(study, tmp_path)
    data, there = study.data[0], study.evaluation.out_of_domain
    own = tmp_path / "data" / "birds" / "manifest.json"
    its = tmp_path / "data" / "other-for-birds" / "manifest.json"
    words = [json.loads(path.read_text())["text"]["vocabulary"] for path in (own, its)]
    assert words[0] == words[1]
    held = open_held_out(there, tmp_path, data)
    assert held.samples == 12
    assert held.read(0, 12).words.max() < len(words[0])


@pytest.mark.parametrize("path", ["birds.tar", "*.tar", "."])
def test_a_second_set_of_the_same_files_is_refused(tmp_path, tar, path):
    second = {"source": "files", "path": str(tar.parent / path), "name": "other"}
    study = study_of(tar, evaluation={"samples": 16, "out_of_domain": second})
    with pytest.raises(BadInput, match=r"birds\.tar is what birds is trained on too"):
        prepare_study(study, tmp_path / "out")


@pytest.mark.parametrize(
    ("share", "told"),
    [(1e-9, "no sample is held out"), (0.02, "one sample of birds"), (0.9999, "every sample")],
)
def test_too_few_on_one_side_is_told_before_any_run(tmp_path, tar, share, told):
    if told.startswith("one"):  # whatever the keys, the share that holds out just one of them
        hashes = sorted(key_hash(f"{number:04d}") for number in range(COUNT))
        share = (hashes[0] + hashes[1]) / 2 / 2**64
    (tmp_path / "study.yaml").write_text(text_of(tar, data={"held_out": share}))
    with pytest.raises(BadInput, match=told):
        run_study(tmp_path / "study.yaml", tmp_path / "out")
    assert not (tmp_path / "out" / "runs").exists()


@pytest.mark.parametrize(
    ("data", "geometry", "told"),
    [
        ({}, {"channels": 4}, "ditlaw encode"),
        ({}, {"vocabulary": 0, "text_dim": 8}, "geometry.text_dim"),
        ({"text": "label"}, {}, "geometry.text_tokens: a label is one token"),
        ({"text": "label"}, {"text_tokens": 1, "vocabulary": 3}, "set vocabulary: 4"),
        ({"caption": "colour"}, {}, "data.caption"),
        ({"path": "nothing/*.tar"}, {}, "data.path: nothing is at nothing"),
    ],
)
def test_a_study_that_its_data_do_not_fit_is_one_line(tmp_path, tar, data, geometry, told):
    text = text_of(tar, data=data, geometry=GEOMETRY | geometry)
    (tmp_path / "study.yaml").write_text(text)
    with pytest.raises(BadInput, match=told) as error:
        run_study(tmp_path / "study.yaml", tmp_path / "out")
    assert "\n" not in str(error.value)


def test_preparing_does_not_load_torch(tmp_path, tar):
    import subprocess

    (tmp_path / "study.yaml").write_text(text_of(tar))
    code = (
        "import sys; from pathlib import Path; from ditlaw.study import load_study; "
        "from ditlaw.data.places import prepare_study; "
        "prepare_study(load_study(Path(sys.argv[1])), Path(sys.argv[2])); "
        "sys.exit('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, tmp_path / "study.yaml", tmp_path / "out"]
    assert subprocess.run(command, check=False).returncode == 0
