"""The stream: each sample is a function of (seed, index) alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ditlaw.data import HELD_OUT_SEED, open_held_out, open_source
from ditlaw.data.scenes import CELLS, CHUNK, VOCABULARY, Scenes, palette
from ditlaw.errors import Refused
from ditlaw.study.data_section import Data


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 3 * CHUNK), st.integers(1, 700), st.integers(0, 2**31))
def test_a_sample_is_the_same_however_it_is_asked_for(start, count, seed):
    together = Scenes(seed).read(start, count)
    assert together.images.shape == (count, 3, 16, 16)
    for i in {0, count // 2, count - 1}:
        alone = Scenes(seed).draw(np.array([start + i]))
        np.testing.assert_array_equal(together.images[i], alone.images[0])
        np.testing.assert_array_equal(together.words[i], alone.words[0])


def test_seeds_and_held_out_samples_differ():
    first, second = Scenes(0).read(0, 8), Scenes(1).read(0, 8)
    held_out = open_held_out(Data()).read(0, 8)
    assert not np.array_equal(first.images, second.images)
    assert not np.array_equal(first.images, held_out.images)
    assert HELD_OUT_SEED > 2**32


def test_pictures_are_in_range_and_captions_say_what_is_there():
    batch = Scenes(3).read(0, 2000)
    assert batch.images.dtype == np.float32
    assert np.abs(batch.images).max() <= 1
    assert batch.words.min() >= 1
    assert batch.words.max() < len(VOCABULARY)
    # Painting each cell in its word's colour must explain more than the picture's own mean.
    cells = palette()[batch.words - 1].reshape(-1, CELLS, CELLS, 3).transpose(0, 3, 1, 2)
    painted = cells.repeat(4, axis=2).repeat(4, axis=3)
    own_mean = batch.images.mean(axis=(2, 3), keepdims=True)
    assert np.mean((batch.images - painted) ** 2) < np.mean((batch.images - own_mean) ** 2)


def test_words_follow_zipf_in_the_leaves():
    words = Scenes(5).read(0, 4000).words
    share = np.bincount(words.ravel(), minlength=len(VOCABULARY)) / words.size
    assert share[1] == pytest.approx(0.30, abs=0.03)
    assert share[1] > share[2] > share[4] > share[16]


def test_sparse_captions_keep_one_word_at_equal_length():
    dense, sparse = Scenes(7, "dense").read(0, 500), Scenes(7, "sparse").read(0, 500)
    np.testing.assert_array_equal(dense.images, sparse.images)
    assert dense.words.shape == sparse.words.shape
    assert np.all((sparse.words > 0).sum(axis=1) == 1)
    kept = sparse.words > 0
    np.testing.assert_array_equal(sparse.words[kept], dense.words[kept])
    assert len(set(np.argmax(kept, axis=1))) == CELLS * CELLS


def test_described_data_is_refused_with_what_to_use():
    with pytest.raises(Refused, match=r"data\.source.*scenes"):
        open_source(Data(source="described"), 0)
