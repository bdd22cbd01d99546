"""Orders and splits from counter-based hashes: nothing here moves on, so anything can resume.

The order of an epoch is a permutation computed place by place: no list of a billion indices is
kept, and the sample at any place of any epoch is known at once.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
ROUNDS = 6


def mix(x: Words) -> Words:
    """The finaliser of splitmix64 (Steele, Lea & Flood 2014): 64 bits to 64 well-mixed bits."""
    with np.errstate(over="ignore"):
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def uniforms(seed: int, index: Ints, slots: int) -> Floats:
    """Uniforms in (0, 1) of shape (n, slots), a function of (seed, index, slot) alone."""
    state = np.full(1, seed, np.uint64)
    for value in (index.astype(np.uint64)[:, None], np.arange(slots, dtype=np.uint64)[None, :]):
        state = mix(mix(state) + value)
    return ((mix(state) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def permuted(places: Ints, count: int, seed: int, epoch: int) -> Ints:
    """What lies at ``places`` (n,) of epoch ``epoch``'s order of 0 … count − 1.

    A Feistel network over the next even number of bits; what falls outside walks on along its
    cycle until it falls inside (Black & Rogaway 2002), which keeps the map one-to-one.
    """
    half = max(1, ((count - 1).bit_length() + 1) // 2)
    low = np.uint64((1 << half) - 1)
    key = mix(mix(np.full(1, seed, np.uint64)) + np.uint64(epoch))
    value = places.astype(np.uint64)
    outside = np.ones(len(value), bool)
    while outside.any():
        left, right = value[outside] >> np.uint64(half), value[outside] & low
        for turn in range(ROUNDS):
            left, right = right, left ^ (mix(mix(key + np.uint64(turn)) + right) & low)
        value[outside] = (left << np.uint64(half)) | right
        outside = value >= np.uint64(count)
    return value.astype(np.int64)


def stream_rows(start: int, number: int, count: int, seed: int) -> Ints:
    """Rows (of ``count``) at places start … start + number − 1 of an endless, reshuffled stream."""
    place = np.arange(start, start + number, dtype=np.int64)
    epoch = place // count
    rows = np.empty(number, np.int64)
    for each in np.unique(epoch):
        here = epoch == each
        rows[here] = permuted(place[here] - each * count, count, seed, int(each))
    return rows


def rank_part(start: int, number: int, rank: int, world: int) -> tuple[int, int]:
    """Which places of a global batch a rank reads: (start, number).

    Ranks' parts follow one another, cover the batch and do not overlap.
    """
    first, last = (number * r // world for r in (rank, rank + 1))
    return start + first, last - first


def key_hash(key: str) -> int:
    """64 bits of a sample's key, the same on every machine."""
    return int.from_bytes(hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()[:8])


def held_out(hashes: Words, share: float) -> NDArray[np.bool_]:
    """Which samples are held out: a fixed ``share`` of all keys there could be."""
    return hashes < np.uint64(min(int(share * 2.0**64), 2**64 - 1))
