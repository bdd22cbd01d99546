"""The variational bound on Gaussians, whose exact velocity makes it tight."""

import math

import pytest
import torch
from gaussian import Gaussian, gaussian

from ditlaw.flow.likelihood import negative_log_likelihood
from ditlaw.flow.vlb import reconstruction, variational_bound
from ditlaw.models import Condition

SILENT = Condition()
SIZE = 512


def gap(model, truth, samples=64, **how):
    """Bound less −log p in nats a dimension: its mean over samples and the error of that."""
    x = truth.draw(samples)
    each = (variational_bound(model, x, SILENT, **how) - truth.nll(x)) / truth.size
    return float(each.mean()), float(each.std()) / samples**0.5


@pytest.mark.parametrize(
    "truth",
    [Gaussian(torch.full((SIZE,), 0.25)), gaussian(SIZE), gaussian(SIZE, rotated=True, mean=0.3)],
    ids=["round", "diagonal", "rotated"],
)
def test_the_bound_of_the_exact_velocity_tends_to_the_density_as_t_min_falls(truth):
    loose, tight = (gap(truth, truth, t_min=t_min) for t_min in (0.3, 1e-2))
    assert loose[0] > 0.2
    # Of nats that are near 0.5 a dimension here, and a weight 1/t would give infinity.
    assert tight[1] < 0.008
    assert abs(tight[0]) < 4 * tight[1]


def test_the_bound_of_another_gaussians_velocity_is_that_gaussians_density():
    truth, other = gaussian(SIZE), gaussian(SIZE, rotated=True)
    x = truth.draw(64)
    each = (variational_bound(other, x, SILENT, strata=64) - other.nll(x)) / SIZE
    assert abs(float(each.mean())) < 4 * float(each.std()) / 8
    assert float((other.nll(x) - truth.nll(x)).mean()) / SIZE > 0.5


@pytest.mark.parametrize("off", [0.1, 0.3])
def test_a_velocity_that_is_off_pays_its_error_by_the_weight(off):
    """A constant error c adds ∫ (1 − t)/t · c² dt = c²·(log(1/t_min) − 1 + t_min) a dimension."""
    truth, t_min = gaussian(64), 1e-2
    x = truth.draw(32).repeat(4, 1, 1, 1)
    right = variational_bound(truth, x, SILENT, t_min=t_min)
    # The sign is random, so that the error's product with the noise of v averages out.
    signs = torch.randn(64, 1, 1, generator=torch.Generator().manual_seed(2)).sign()
    wrong = variational_bound(lambda x, t, c: truth(x, t) + off * signs, x, SILENT, t_min=t_min)
    expected = off**2 * (math.log(1 / t_min) - 1 + t_min)
    each = (wrong - right) / 64
    assert abs(float(each.mean()) - expected) < 4 * float(each.std()) / 128**0.5
    assert float(each.std()) / 128**0.5 < 0.2 * expected
    exact = negative_log_likelihood(
        lambda x, t, c: truth(x, t) + off * signs, x[:32], SILENT, steps=24
    ).mean(1)
    # The bound is no longer tight: the likelihood itself pays less.
    assert 0 < float((exact - truth.nll(x[:32])).mean()) < 0.8 * 64 * expected


def test_reconstruction_is_the_gaussian_cross_entropy_of_its_own_noise():
    scale = 0.01 / 0.99
    x = scale * torch.randn(200_000, generator=torch.Generator().manual_seed(0)).double()
    normal = torch.distributions.Normal(0.0, scale)
    assert float(-normal.log_prob(x).mean()) == pytest.approx(reconstruction(1, 0.01), abs=0.01)
    assert reconstruction(7, 0.01) == pytest.approx(7 * reconstruction(1, 0.01))


def test_a_sample_has_its_own_times_and_noise_however_the_batches_are_cut():
    truth = gaussian(8)
    x = truth.draw(6)
    whole = variational_bound(truth, x, SILENT, start=3)
    parts = [variational_bound(truth, x[i : i + 2], SILENT, start=3 + i) for i in (0, 2, 4)]
    torch.testing.assert_close(torch.cat(parts), whole)
    assert not torch.allclose(variational_bound(truth, x, SILENT, start=4), whole)


def test_times_lie_one_in_each_stratum_of_log_t_and_the_condition_arrives():
    seen = []

    def model(x, t, condition):
        assert condition.text is told.text
        seen.append(t)
        return torch.zeros_like(x)

    told = Condition(torch.ones(5, 1, dtype=torch.long))
    variational_bound(model, torch.zeros(5, 1, 2, 2), told, strata=8, t_min=1e-3)
    part = torch.stack(seen).log() / math.log(1e-3) * 8  # 8 at t_min, 0 at 1
    assert torch.equal(part.floor().int(), torch.arange(7, -1, -1).int()[:, None].expand(8, 5))
