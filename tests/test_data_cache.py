"""A cache gives back what was written, in any order, and says what is wrong with a damaged one."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raw_data import made, pixels, samples, wish, write_tar

from ditlaw.data.cache import Cache, HeldOut, Stream
from ditlaw.errors import BadInput

COUNT = 23


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    write_tar(folder / "a.tar", samples(COUNT))
    return made(folder / "cache", wish(folder / "a.tar"), most_samples=4)


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=st.lists(st.integers(0, COUNT - 1), min_size=1, max_size=40))
def test_any_rows_in_any_order_are_what_was_written(cache, rows):
    batch = cache.read(np.array(rows))
    assert batch.images.dtype == np.float32
    back = np.round((batch.images + 1) * 127.5).astype(np.uint8)
    for image, row in zip(back, rows, strict=True):
        assert np.array_equal(image, pixels(row).transpose(2, 0, 1))
    assert np.array_equal(batch.words, cache.read(np.arange(COUNT)).words[rows])


def test_pixels_span_minus_one_to_one(cache):
    images = cache.read(np.arange(COUNT)).images
    assert (images.min(), images.max()) == (-1.0, 1.0)


def test_more_shards_than_are_kept_open_are_read(cache, monkeypatch):
    import ditlaw.data.cache as module

    monkeypatch.setattr(module, "KEPT_OPEN", 2)
    small = Cache(cache.folder)
    rows = np.random.default_rng(0).permutation(COUNT)
    assert np.array_equal(small.read(rows).images, cache.read(rows).images)
    assert len(small._open) <= 2


def test_training_and_held_out_samples_are_all_and_do_not_overlap(cache):
    stream, out = Stream(cache, 0.3, seed=1), HeldOut(cache, 0.3)
    assert 0 < out.samples < COUNT
    assert sorted([*stream.chosen, *out.chosen]) == list(range(COUNT))
    epoch = stream.read(0, stream.samples).images
    wanted = cache.read(stream.chosen).images
    assert sorted(i.tobytes() for i in epoch) == sorted(i.tobytes() for i in wanted)
    twice = out.read(0, 2 * out.samples).images
    assert np.array_equal(twice[: out.samples], twice[out.samples :])


def test_the_order_differs_by_seed_and_by_epoch(cache):
    def order(seed, epoch):
        stream = Stream(cache, 0.3, seed)
        return stream.read(epoch * stream.samples, stream.samples).images.tobytes()

    assert len({order(seed, epoch) for seed in (0, 1) for epoch in (0, 1)}) == 4
    assert order(0, 1) == order(0, 1)


def test_a_share_that_leaves_nothing_is_one_line(cache):
    with pytest.raises(BadInput, match=r"lower data\.held_out"):
        Stream(cache, 1.0, 0)
    with pytest.raises(BadInput, match=r"raise data\.held_out"):
        HeldOut(cache, 1e-9)


def copied(cache, tmp_path):
    for path in cache.folder.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.mark.parametrize("cut", [0, 1, 60, 127, 128, 1000, -1])
def test_a_shard_cut_short_is_named(cache, tmp_path, cut):
    path = copied(cache, tmp_path) / "00002.images.npy"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(BadInput, match=r"00002\.images\.npy: missing or cut short"):
        Cache(tmp_path)


def test_a_missing_or_exchanged_shard_is_named(cache, tmp_path):
    copied(cache, tmp_path)
    last = tmp_path / "00005.text.npy"
    other = (tmp_path / "00000.text.npy").read_bytes()
    last.unlink()
    with pytest.raises(BadInput, match=r"00005\.text\.npy: missing"):
        Cache(tmp_path)
    last.write_bytes(other)
    with pytest.raises(BadInput, match=r"00005\.text\.npy: holds another shape"):
        Cache(tmp_path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda m: "{",
        lambda m: "[]",
        lambda m: json.dumps(m | {"samples": "many"}),
        lambda m: json.dumps({k: v for k, v in m.items() if k != "shards"}),
        lambda m: json.dumps(m | {"format": 99}),
        lambda m: "\x00\xff",
    ],
)
def test_a_damaged_manifest_is_one_line(cache, tmp_path, spoil):
    path = copied(cache, tmp_path) / "manifest.json"
    path.write_text(spoil(json.loads(path.read_text())))
    with pytest.raises(BadInput, match=r"encode again") as told:
        Cache(tmp_path)
    assert "\n" not in str(told.value)


def test_an_unfinished_cache_is_no_cache(cache, tmp_path):
    (copied(cache, tmp_path) / "manifest.json").unlink()
    with pytest.raises(BadInput, match="no finished cache"):
        Cache(tmp_path)


def test_the_digest_is_of_the_samples(cache, tmp_path):
    write_tar(tmp_path / "a.tar", samples(COUNT))
    again = made(tmp_path / "cache", wish(tmp_path / "a.tar"), most_samples=4)
    assert again.manifest.digest() == cache.manifest.digest()
    write_tar(tmp_path / "b" / "a.tar", samples(COUNT - 1) | samples(1, 50))
    other = made(tmp_path / "other", wish(tmp_path / "b" / "a.tar"), most_samples=4)
    assert other.manifest.digest() != cache.manifest.digest()
