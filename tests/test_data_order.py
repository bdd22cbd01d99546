"""Orders are one-to-one, look random, and nothing overlaps that should not."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ditlaw.data.order import held_out, key_hash, mix, permuted, rank_part, stream_rows, uniforms

CALM = settings(max_examples=60, deadline=None, derandomize=True)


@CALM
@given(st.integers(1, 3000), st.integers(0, 2**41), st.integers(0, 10**6))
def test_an_epoch_is_a_permutation(count, seed, epoch):
    order = permuted(np.arange(count), count, seed, epoch)
    assert np.array_equal(np.sort(order), np.arange(count))


@CALM
@given(st.integers(1, 2**45), st.integers(0, 2**41), st.data())
def test_any_place_of_any_epoch_is_known_at_once(count, seed, data):
    places = np.array(data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=9)))
    together = permuted(places, count, seed, 3)
    assert ((together >= 0) & (together < count)).all()
    alone = [permuted(places[i : i + 1], count, seed, 3)[0] for i in range(len(places))]
    assert together.tolist() == alone
    assert len(set(together.tolist())) == len(set(places.tolist()))


def test_the_order_looks_random():
    """Each figure is within 5 standard deviations of what a random permutation gives."""
    for count in (1000, 1023, 4097, 50_000):
        place, standard = np.arange(count), 1 / np.sqrt(count - 1)
        orders = [permuted(place, count, seed, epoch) for seed in (0, 1, 2) for epoch in (0, 1)]
        for order in orders:
            assert abs(np.corrcoef(place, order)[0, 1]) < 5 * standard
            assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 5 * standard
            assert abs(np.corrcoef(order[:-1] % 2, order[1:] % 2)[0, 1]) < 5 * standard
            assert np.sum(order == place) < 9  # Poisson of mean 1
            neighbours = np.abs(np.diff(order)) == 1
            assert neighbours.sum() < 2 + 5 * np.sqrt(2) + 2  # Poisson of mean 2
        for i in range(len(orders)):
            for j in range(i):
                assert abs(np.corrcoef(orders[i], orders[j])[0, 1]) < 5 * standard


def test_each_sample_is_first_equally_often():
    count, draws = 7, 2100
    first = [int(permuted(np.zeros(1, np.int64), count, seed, 0)[0]) for seed in range(draws)]
    seen = np.bincount(first, minlength=count)
    expected = draws / count
    assert np.sum((seen - expected) ** 2 / expected) < 27.9  # chi-squared of 6, 1 in 10,000


@CALM
@given(st.integers(1, 60), st.integers(0, 200), st.integers(1, 100), st.integers(0, 2**30))
def test_a_stream_goes_through_all_once_an_epoch(count, start, number, seed):
    rows = stream_rows(start, number, count, seed)
    one_by_one = [int(stream_rows(start + i, 1, count, seed)[0]) for i in range(number)]
    assert rows.tolist() == one_by_one
    first = -start % count  # the next epoch's beginning
    for begin in range(first, number - count + 1, count):
        assert sorted(rows[begin : begin + count].tolist()) == list(range(count))


def test_seeds_and_epochs_have_orders_of_their_own():
    orders = {tuple(permuted(np.arange(50), 50, s, e)) for s in range(5) for e in range(5)}
    assert len(orders) == 25


@CALM
@given(st.integers(0, 10**6), st.integers(0, 5000), st.integers(1, 64))
def test_ranks_cover_a_batch_and_do_not_overlap(start, number, world):
    parts = [rank_part(start, number, rank, world) for rank in range(world)]
    covered = [place for first, size in parts for place in range(first, first + size)]
    assert covered == list(range(start, start + number))
    assert max(size for _, size in parts) - min(size for _, size in parts) <= 1


def test_the_share_held_out_is_of_keys_whatever_else_there_is():
    keys = [f"sample-{i}" for i in range(20_000)]
    hashes = np.array([key_hash(key) for key in keys], np.uint64)
    for share in (0.01, 0.05, 0.5):
        out = held_out(hashes, share)
        assert abs(out.mean() - share) < 5 * np.sqrt(share * (1 - share) / len(keys))
        assert np.array_equal(held_out(hashes[::7], share), out[::7])  # others do not matter
    assert not (held_out(hashes, 0.05) & ~held_out(hashes, 0.1)).any()  # a larger share adds
    assert held_out(hashes, 1.0).all()


def test_uniforms_are_functions_of_their_number():
    whole = uniforms(7, np.arange(1000), 3)
    assert np.array_equal(uniforms(7, np.array([999, 5]), 3), whole[[999, 5]])
    assert abs(whole.mean() - 0.5) < 5 / np.sqrt(12 * whole.size)
    assert len(np.unique(mix(np.arange(10_000, dtype=np.uint64)))) == 10_000
