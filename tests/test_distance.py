"""Distances of features: known answers, properties, and parity with torchmetrics."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ditlaw.errors import BadInput
from ditlaw.metrics import kernel
from ditlaw.metrics.distance import Statistics, frechet, statistics
from ditlaw.metrics.kernel import mmd2

RNG = np.random.default_rng(0)


def gaussian(mean, covariance) -> Statistics:
    return Statistics(np.asarray(mean, float), np.asarray(covariance, float), 10**6)


def mixing(d: int, seed: int) -> np.ndarray:
    """A rotation (d, d)."""
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0]


def test_known_distances_of_gaussians():
    # In one dimension (μ₁ − μ₂)² + (σ₁ − σ₂)²; for covariances that commute, the same by axis.
    assert frechet(gaussian([0], [[4]]), gaussian([3], [[1]])) == pytest.approx(9 + 1, rel=1e-12)
    a, b = np.array([1.0, 4.0, 9.0]), np.array([4.0, 4.0, 0.25])
    turn = mixing(3, 1)
    found = frechet(
        gaussian([1, 2, 3], turn @ np.diag(a) @ turn.T),
        gaussian([1, 0, 3], turn @ np.diag(b) @ turn.T),
    )
    assert found == pytest.approx(4 + np.sum((a**0.5 - b**0.5) ** 2), rel=1e-12)


def test_covariances_that_do_not_commute():
    # tr (Σ₁Σ₂)^½ of 2×2 matrices is √(tr Σ₁Σ₂ + 2·√det Σ₁Σ₂) (Cayley and Hamilton).
    one, two = np.array([[2.0, 0.7], [0.7, 1.0]]), np.array([[1.0, -0.4], [-0.4, 3.0]])
    product = one @ two
    root = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    expected = np.trace(one) + np.trace(two) - 2 * root
    assert frechet(gaussian([0, 0], one), gaussian([0, 0], two)) == pytest.approx(expected)


def test_singular_covariances():
    # Two lines at a right angle share no spread; a point is as far as the whole spread.
    first, second = gaussian([0, 0], np.diag([4.0, 0])), gaussian([0, 0], np.diag([0, 9.0]))
    assert frechet(first, second) == pytest.approx(13, rel=1e-12)
    assert frechet(first, gaussian([0, 0], np.zeros((2, 2)))) == pytest.approx(4, rel=1e-12)


def test_fewer_samples_than_features_are_flagged_and_zero_on_themselves():
    few = statistics([RNG.normal(size=(20, 64))])
    many = statistics([RNG.normal(size=(65, 64))])
    assert few.few
    assert not many.few
    assert 0 <= frechet(few, few) < 1e-10
    assert frechet(few, many) > 0


sets = st.tuples(st.integers(2, 12), st.integers(1, 8), st.integers(0, 2**31))


@settings(max_examples=40, deadline=None)
@given(sets, st.integers(2, 12), st.floats(0, 5))
def test_frechet_is_a_distance(shape, others, shift):
    n, d, seed = shape
    rng = np.random.default_rng(seed)
    a = statistics([rng.normal(size=(n, d))])
    b = statistics([rng.normal(size=(others, d)) * rng.uniform(0, 3, d) + shift])
    apart, scale = frechet(a, b), 1 + np.trace(a.covariance) + np.trace(b.covariance)
    assert apart >= 0
    assert apart >= np.sum((a.mean - b.mean) ** 2) - 1e-10 * scale
    assert frechet(b, a) == pytest.approx(apart, abs=1e-10 * scale)
    assert frechet(a, a) < 1e-10 * scale
    turn = mixing(d, seed)
    turned = [Statistics(s.mean @ turn, turn.T @ s.covariance @ turn, s.count) for s in (a, b)]
    assert frechet(*turned) == pytest.approx(apart, abs=1e-9 * scale)


@settings(max_examples=30, deadline=None)
@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(4, 30), st.integers(1, 5)),
        elements=st.floats(-100, 100, width=32),
    ),
    st.lists(st.integers(0, 30), max_size=4),
)
def test_statistics_do_not_depend_on_the_batches(features, cuts):
    features = features + np.float32(1000)
    found, exact = statistics(np.split(features, sorted(cuts))), features.astype(float)
    assert found.count == len(features)
    np.testing.assert_allclose(found.mean, exact.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(
        found.covariance, np.cov(exact, rowvar=False).reshape(found.covariance.shape), atol=1e-9
    )


def test_a_mean_far_from_zero_costs_no_digits():
    features = RNG.normal(size=(500, 3))
    near, far = statistics([features]), statistics(np.split(features + 1e7, 5))
    np.testing.assert_allclose(far.covariance, near.covariance, rtol=1e-6, atol=1e-7)


def test_refusals():
    with pytest.raises(BadInput, match="at least 2"):
        statistics([np.zeros((1, 4))])
    with pytest.raises(BadInput, match="finite"):
        statistics([np.array([[0.0], [np.nan]])])
    with pytest.raises(BadInput, match="4 and 5 wide"):
        frechet(gaussian(np.zeros(4), np.eye(4)), gaussian(np.zeros(5), np.eye(5)))
    with pytest.raises(BadInput, match="at least 3"):
        mmd2(np.zeros((2, 4)), np.zeros((9, 4)))
    with pytest.raises(BadInput, match="4 and 5 wide"):
        mmd2(np.zeros((9, 4)), np.zeros((9, 5)))


def test_kid_has_no_bias_however_few_samples():
    rng = np.random.default_rng(1)
    draws = np.array([mmd2(*rng.normal(size=(2, 5, 6))).value for _ in range(4000)])
    assert abs(draws.mean()) < 4 * draws.std() / len(draws) ** 0.5
    assert draws.min() < 0 < draws.max()
    # The Fréchet distance of the same draws is far from zero: that is its bias.
    assert frechet(*(statistics([part]) for part in rng.normal(size=(2, 5, 6)))) > 1


def test_kid_of_a_known_pair():
    # One feature, x = 0 and y = 1 always: k(0, 0) + k(1, 1) − 2·k(0, 1) = 1 + 8 − 2.
    found = mmd2(np.zeros((4, 1)), np.ones((5, 1)))
    assert found.value == pytest.approx(7)
    assert found.standard_error == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("shift", "low", "high"), [(1.0, 0.85, 1.15), (0.0, 1.0, 1.8)])
def test_kid_error_is_the_scatter_of_draws(shift, low, high):
    rng = np.random.default_rng(2)
    found = [mmd2(rng.normal(size=(60, 4)), rng.normal(size=(40, 4)) + shift) for _ in range(400)]
    scatter = np.std([each.value for each in found])
    stated = np.sqrt(np.mean([each.standard_error**2 for each in found]))
    assert low < stated / scatter < high


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 14), st.integers(3, 14), st.integers(1, 5), st.integers(0, 2**31))
def test_kid_by_blocks_is_the_kid_of_the_whole(m, n, d, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(m, d)), rng.normal(size=(n, d))
    whole = mmd2(x, y)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "BLOCK", 4)
        parts = mmd2(x, y)
    assert parts.value == pytest.approx(whole.value, abs=1e-9)
    assert parts.standard_error == pytest.approx(whole.standard_error, abs=1e-9)
    turn = mixing(d, seed)
    assert mmd2(x @ turn, y @ turn).value == pytest.approx(whole.value, abs=1e-8)
    assert mmd2(y, x).value == pytest.approx(whole.value, abs=1e-9)


class Flat(torch.nn.Module):
    """Pictures that are features: what torchmetrics takes for a network."""

    num_features = 12

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1).double()


@pytest.fixture(scope="module")
def two_sets():
    rng = np.random.default_rng(3)
    real, drawn = rng.uniform(size=(300, 3, 2, 2)), rng.beta(2, 1, size=(250, 3, 2, 2))
    return real.astype(np.float32), drawn.astype(np.float32)


def test_frechet_is_that_of_torchmetrics(two_sets):
    from torchmetrics.image.fid import FrechetInceptionDistance

    theirs = FrechetInceptionDistance(Flat(), normalize=True, input_img_size=(3, 2, 2))
    theirs.set_dtype(torch.float64)
    for images, real in zip(two_sets, (True, False), strict=True):
        theirs.update(torch.from_numpy(images), real=real)
    mine = frechet(*(statistics([images.reshape(-1, 12)]) for images in two_sets))
    assert mine == pytest.approx(float(theirs.compute()), rel=1e-6)


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance` will save")
def test_kid_is_that_of_torchmetrics(two_sets):
    from torchmetrics.image.kid import KernelInceptionDistance

    theirs = KernelInceptionDistance(Flat(), subsets=1, subset_size=250, normalize=True)
    for images, real in zip(two_sets, (True, False), strict=True):
        theirs.update(torch.from_numpy(images[:250]), real=real)
    mean, _ = theirs.compute()
    real, drawn = (images[:250].reshape(-1, 12) for images in two_sets)
    assert mmd2(real, drawn).value == pytest.approx(float(mean), rel=1e-5)
