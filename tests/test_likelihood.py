"""The likelihood by the probability-flow ODE on Gaussians, whose density is known."""

import math

import pytest
import torch
from gaussian import gaussian

from ditlaw.flow.likelihood import negative_log_likelihood, rising_times
from ditlaw.models import Condition

SILENT = Condition()


def nll(model, x, **how):
    return negative_log_likelihood(model, x, SILENT, **how)


def test_it_is_exact_where_the_jacobian_is_diagonal_and_its_error_falls_as_the_steps_squared():
    truth = gaussian(8, mean=0.3)
    x = truth.draw(6)
    errors = [float((nll(truth, x, steps=k)[:, 0] - truth.nll(x)).abs().max()) for k in (64, 256)]
    assert errors[1] < 3e-4  # of about 4 nats
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.15)


def test_probes_of_a_full_jacobian_scatter_about_the_truth():
    truth = gaussian(8, rotated=True)
    x = truth.draw(4)
    each = nll(truth, x, steps=64, probes=100) - truth.nll(x)[:, None]
    error = each.std(1) / 10
    assert bool((each.mean(1).abs() < 4 * error + 0.01).all())
    assert float(each.std(1).min()) > 0.1  # they do scatter
    assert not torch.allclose(each[0], each[1])  # each sample has its own


def test_probes_of_a_linear_velocity_give_its_trace_and_the_pairs_off_it():
    """eᵀAe = tr A + Σ e_i e_j A_ij, whose mean over signs is tr A; at x = 0 nothing else adds."""
    a = torch.tensor([[0.5, 0.3], [-0.2, 0.1]], dtype=torch.float64)

    def linear(x, t, condition):
        return (x.flatten(1) @ a.T).view_as(x)

    x = torch.zeros(1, 2, 1, 1, dtype=torch.float64)
    each = nll(linear, x, steps=4, probes=400)[0] - math.log(2 * math.pi)
    assert sorted({round(float(-value), 9) for value in each}) == [0.5, 0.7]


def test_a_sample_has_its_own_probes_however_the_batches_are_cut():
    truth = gaussian(6, rotated=True)
    x = truth.draw(4)
    whole = nll(truth, x, steps=8, start=7)
    parts = [nll(truth, x[i : i + 2], steps=8, start=7 + i) for i in (0, 2)]
    torch.testing.assert_close(torch.cat(parts), whole)


def test_float32_agrees_with_float64():
    truth = gaussian(8)
    x = truth.draw(4)
    torch.testing.assert_close(
        nll(truth, x.float(), steps=48), nll(truth, x, steps=48), atol=1e-4, rtol=0
    )


def test_times_rise_from_data_to_noise_and_are_finest_at_the_data():
    grid = torch.tensor(rising_times(10), dtype=torch.float64)
    assert (grid[0], grid[-1]) == (0, 1)
    assert bool((grid.diff().diff() > 0).all())
