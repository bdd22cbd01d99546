"""Preparing goes on after a kill, is shared by processes, and gives the same bytes in any case."""

import json
import os
import signal
import stat
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image
from raw_data import bytes_of, encoded, files_of, made, pixels, png, samples, wish, write_tar

from ditlaw.data.manifest import ImageFacts, TextFacts
from ditlaw.data.order import key_hash
from ditlaw.data.prepare import check_source, prepare
from ditlaw.errors import BadInput

COUNT = 22


@pytest.fixture
def raw(tmp_path):
    members = samples(COUNT)
    members["0013.png"] = b"junk"
    return wish(write_tar(tmp_path / "raw" / "a.tar", members), most_skipped=0.1)


def test_the_same_wish_gives_the_same_bytes(tmp_path, raw):
    first = prepare(raw, tmp_path / "a", most_samples=4)
    second = prepare(raw, tmp_path / "b", most_samples=4)
    assert first.digest() == second.digest()
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")
    assert [shard.samples for shard in first.shards] == [4, 4, 4, 3, 4, 2]


def test_ranges_do_not_change_the_samples(tmp_path, raw):
    few, many = (bytes_of(made(tmp_path / f"{n}", raw, most_samples=n)) for n in (4, 64))
    assert list(few) == list(many)
    assert all(np.array_equal(few[key], many[key]) for key in few)


def test_cut_at_any_write_it_goes_on_to_the_same_bytes(tmp_path, raw, monkeypatch):
    class Cut(BaseException):
        pass

    prepare(raw, tmp_path / "whole", most_samples=8)
    expected = files_of(tmp_path / "whole")
    real, left = os.fsync, {"writes": 0}

    def fsync(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):  # after a file: there is nothing to lose
            return
        left["writes"] -= 1
        if left["writes"] == 0:
            raise Cut
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    cuts = 0
    for at in range(1, 100):
        out = tmp_path / f"cut-{at}"
        left["writes"] = at
        try:
            prepare(raw, out, most_samples=8)
        except Cut:
            cuts += 1
            (out / ".00000.images.npy.17.tmp").write_bytes(b"left by a kill")
            left["writes"] = 0
            prepare(raw, out, most_samples=8)
        assert files_of(out) == expected, at
        if left["writes"] > 0:
            break
    assert cuts == len(expected)  # every file is written once


def test_a_finished_range_is_not_made_again(tmp_path, raw, monkeypatch):
    import ditlaw.data.making as making

    out = tmp_path / "cache"
    prepare(raw, out, most_samples=8)
    for name in ("manifest.json", "00001.json", "00001.images.npy"):
        (out / name).unlink()
    decoded = []
    whole = making.picture
    monkeypatch.setattr(making, "picture", lambda *a: decoded.append(a[1]) or whole(*a))
    prepare(raw, out, most_samples=8)
    assert decoded == [f"{i:04d}" for i in range(8, 16)]


SCRIPT = """
import sys, time
from pathlib import Path
from raw_data import wish
from ditlaw.data.pictures import Pixels
from ditlaw.data.prepare import prepare

class Slow(Pixels):
    def __call__(self, pixels):
        time.sleep(0.05)
        return pixels

wanted = wish(sys.argv[1], most_skipped=0.1)
prepare(wanted, Path(sys.argv[2]), image=Slow(3), batch=2, most_samples=2)
"""


def test_processes_share_the_work_and_one_may_be_killed(tmp_path, raw):
    expected = prepare(raw, tmp_path / "alone", batch=2, most_samples=2)
    out = tmp_path / "shared"
    command = [sys.executable, "-W", "error", "-c", SCRIPT, raw.paths[0], str(out)]
    here = os.pathsep.join([os.path.dirname(__file__), os.environ.get("PYTHONPATH", "")])
    processes = [
        subprocess.Popen(command, env={**os.environ, "PYTHONPATH": here}, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    deadline = time.monotonic() + 60
    while not list(out.glob("0*.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    processes[0].send_signal(signal.SIGKILL)
    ends = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes[1:]] == [0, 0], ends
    assert files_of(out) == files_of(tmp_path / "alone")
    assert expected.samples == COUNT - 1


def test_a_cache_is_of_one_wish_and_one_source(tmp_path, raw):
    from dataclasses import replace

    out = tmp_path / "cache"
    prepare(raw, out)
    prepare(replace(raw, most_skipped=0.5), out)  # no sample depends on it
    for change in ({"caption": "txt"}, {"sizes": ((8, 8),)}, {"text_tokens": 3}):
        with pytest.raises(BadInput, match=f"begun with another {next(iter(change))}; undo"):
            prepare(replace(raw, **change), out)
    write_tar(tmp_path / "raw" / "a.tar", samples(COUNT + 9))
    with pytest.raises(BadInput, match="begun with another source"):
        prepare(raw, out)
    with pytest.raises(BadInput, match="no longer holds the files"):
        check_source(raw, out)
    (tmp_path / "raw" / "a.tar").unlink()
    check_source(raw, out)  # the cache is all that is needed


def test_a_wish_of_which_nothing_is_made_may_be_mended(tmp_path, raw):
    from dataclasses import replace

    out = tmp_path / "cache"
    for wrong in ({"caption": "captoin"}, {"text": "label", "text_tokens": 1, "vocabulary": 3}):
        with pytest.raises(BadInput, match=r"captoin|vocabulary"):
            prepare(replace(raw, **wrong), out)
    (out / "00000.text.npy").write_bytes(b"of a range that was cut short")
    assert prepare(raw, out).digest() == prepare(raw, tmp_path / "other").digest()
    assert files_of(out) == files_of(tmp_path / "other")


def test_a_folder_of_something_else_is_left_alone(tmp_path, raw):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(BadInput, match="has other files in it"):
        prepare(raw, tmp_path / "mine")
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "begun.json").write_text("[")
    with pytest.raises(BadInput, match=r"begun\.json: damaged"):
        prepare(raw, tmp_path / "begun")


def test_several_sizes_lie_in_shards_of_their_own(tmp_path):
    members = {}
    shapes = [(16, 16), (12, 24), (24, 12)]
    for i in range(9):
        height, width = shapes[i % 3]
        image = Image.fromarray(pixels(i, 24)[:height, :width])
        members |= {f"{i}.png": encoded(image), f"{i}.txt": f"word {i}".encode()}
    write_tar(tmp_path / "a.tar", members)
    wanted = wish(tmp_path / "a.tar", sizes=tuple(shapes))
    cache = made(tmp_path / "cache", wanted, most_samples=4)
    names = [shard.name for shard in cache.manifest.shards]
    assert names[:3] == ["00000-16x16", "00000-12x24", "00000-24x12"]
    keys = [key for key, _ in cache.captions()]
    assert sorted(keys) == [str(i) for i in range(9)]
    for row, key in enumerate(keys):
        height, width = shapes[int(key) % 3]
        image = np.round((cache.read(np.array([row])).images[0] + 1) * 127.5)
        assert np.array_equal(image, pixels(int(key), 24)[:height, :width].transpose(2, 0, 1))


class Halved:
    """A stand-in for a VAE: every second pixel, as floats; notes what comes together."""

    facts = ImageFacts(kind="latents", channels=3, factor=2)

    def __init__(self):
        self.batches = []

    def __call__(self, pixels):
        self.batches.append(len(pixels))
        return pixels[:, :, ::2, ::2].astype(np.float16)


class Lengths:
    """A stand-in for a text encoder."""

    facts = TextFacts(kind="features", tokens=2, dim=3, pooled_dim=4)

    def __call__(self, captions):
        each = np.array([len(c) for c in captions], np.float32)
        return {
            "text": np.ones((1, 2, 3), np.float32) * each[:, None, None],
            "pooled": np.ones((1, 4), np.float32) * each[:, None],
        }


def test_encoders_take_the_place_of_pixels_and_words(tmp_path, raw):
    image = Halved()
    wanted = wish(*raw.paths, text="features", text_tokens=2, most_skipped=0.1)
    options = {"text": Lengths(), "batch": 4, "most_samples": 11}
    cache = made(tmp_path / "cache", wanted, image=image, **options)
    assert image.batches == [4, 4, 3, 4, 4, 2]  # always the same ones together
    assert cache.manifest.text.field == "txt"
    batch = cache.read(np.array([5, 3]))
    said = [caption for _, caption in cache.captions()]
    assert np.array_equal(batch.images[0], pixels(5).transpose(2, 0, 1)[:, ::2, ::2])
    assert batch.text.shape == (2, 2, 3)
    assert batch.pooled[:, 0].tolist() == [len(said[5]), len(said[3])]


def test_progress_is_told(tmp_path, raw):
    told = []
    prepare(raw, tmp_path / "cache", lambda *at: told.append(at), most_samples=8, batch=4)
    assert told[-1] == (COUNT, COUNT)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert len(told) > 6


def test_large_pictures_make_small_ranges(tmp_path):
    write_tar(tmp_path / "a.tar", {"1.png": png(1), "1.txt": b"x"})
    prepare(wish(tmp_path / "a.tar", sizes=((512, 512),)), tmp_path / "cache")
    begun = json.loads((tmp_path / "cache" / "begun.json").read_text())
    assert begun["samples_of_a_range"] == 128  # of 768 KiB: 96 MiB


def test_keys_are_hashed_alike_everywhere(tmp_path, raw):
    cache = made(tmp_path / "cache", raw)
    expected = [key_hash(key) for key, _ in cache.captions()]
    assert cache.key_hashes().tolist() == expected
    assert key_hash("0000") == 0x9AF15B336E6A9619  # SHA-256, the first eight bytes
