"""Rectified flow: the path, its target, the timestep density, the sampler."""

import pytest
import torch
from gaussian import gaussian
from scipy import stats

from ditlaw.flow import loss, sample, stratified, timesteps
from ditlaw.flow.noise import normal, signs, uniform
from ditlaw.models import Condition
from ditlaw.study.schema import Timesteps

X0 = torch.randn(6, 3, 4, 4, generator=torch.Generator().manual_seed(0))
NOISE = torch.randn(6, 3, 4, 4, generator=torch.Generator().manual_seed(1))


def test_the_true_velocity_has_no_loss_and_the_path_is_straight():
    t = torch.linspace(0.05, 0.95, 6)

    def truth(x, t, text):
        along = t[:, None, None, None]
        torch.testing.assert_close(x, (1 - along) * X0 + along * NOISE)
        return NOISE - X0

    torch.testing.assert_close(loss(truth, X0, NOISE, t, None), torch.zeros(6))


def test_a_zero_velocity_pays_the_target_itself():
    t = torch.full((6,), 0.5)
    got = loss(lambda x, t, text: torch.zeros_like(x), X0, NOISE, t, None)
    torch.testing.assert_close(got, (NOISE - X0).square().flatten(1).mean(1))


@pytest.mark.parametrize("density", [Timesteps(density="uniform"), Timesteps(mean=0.5, std=1.2)])
def test_timesteps_follow_their_density(density):
    t = timesteps(density, (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000)
    logit = torch.logit(t).numpy()
    if density.density == "uniform":
        assert stats.kstest(t.numpy(), "uniform").statistic < 0.001
    else:
        assert stats.kstest(logit, "norm", (0.5, 1.2)).statistic < 0.001


def test_stratified_quantiles_have_one_in_each_stratum():
    quantiles = stratified(16, torch.Generator().manual_seed(3))
    assert torch.equal((quantiles * 16).floor(), torch.arange(16.0, dtype=torch.float64))


@pytest.mark.parametrize("sampler", ["euler", "heun"])
def test_samplers_are_exact_on_a_straight_flow(sampler):
    how = {"sampler": sampler, "steps": 7, "guidance": 1}
    drawn = sample(lambda x, t, condition: NOISE - X0, NOISE, Condition(), **how)
    torch.testing.assert_close(drawn, X0, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("sampler", "order"), [("euler", 1), ("heun", 2)])
def test_samplers_are_of_their_order_on_a_gaussian(sampler, order):
    truth, noise = gaussian(8, mean=0.5), torch.randn(6, 8, 1, 1, dtype=torch.float64)
    coarse, fine = (
        sample(truth, noise, Condition(), sampler=sampler, steps=steps, guidance=1)
        for steps in (128, 256)
    )
    exact = truth.flow(noise)
    ratio = float((coarse - exact).abs().max() / (fine - exact).abs().max())
    assert ratio == pytest.approx(2**order, rel=0.03)


def test_noise_by_counter_is_that_of_its_seed_and_row_alone():
    """torch's generator on a CPU would give rows of two seeds the same noise."""
    whole = normal(7, 0, 6, (3, 4))
    torch.testing.assert_close(normal(7, 4, 2, (3, 4)), whole[4:])
    assert not torch.equal(normal(8, 0, 6, (3, 4)), whole)
    assert not torch.equal(normal(7 + 2**32, 0, 6, (3, 4)), whole)
    many = normal(1, 0, 4000, (8,)).flatten()
    assert stats.kstest(many.numpy(), "norm").pvalue > 1e-3
    assert sorted(set(signs(3, 0, 50, (4,)).flatten().tolist())) == [-1.0, 1.0]
    assert stats.kstest(uniform(1, 0, 4000, (4,)).flatten().numpy(), "uniform").pvalue > 1e-3


def test_guidance_extrapolates_from_the_empty_caption():
    words = Condition(torch.ones(6, 2, dtype=torch.long))

    def model(x, t, condition):
        return condition.text.float().mean(1)[:, None, None, None].expand_as(x)

    for guidance in (1.0, 3.0):
        drawn = sample(model, NOISE, words, steps=4, guidance=guidance)
        torch.testing.assert_close(drawn, NOISE - guidance)
