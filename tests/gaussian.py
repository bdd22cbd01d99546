"""Gaussian data, whose exact velocity and density are known."""

import math

import torch


class Gaussian:
    """N(mean, Q diag(variances) Qᵀ) over samples shaped (size, 1, 1); Q is I or a rotation.

    x_t is N((1 − t)·mean, S_t) with S_t = (1 − t)²·covariance + t²; the velocity is
    E[ε − x_0 | x_t] = −mean + (t − (1 − t)·covariance) S_t⁻¹ (x_t − (1 − t)·mean).
    """

    def __init__(self, variances, mean=0.0, rotated=False):
        self.variances = variances.double()
        self.size, self.mean = len(variances), mean
        q = torch.randn(self.size, self.size, generator=torch.Generator().manual_seed(5))
        self.q = torch.linalg.qr(q.double()).Q if rotated else torch.eye(self.size).double()

    def draw(self, count, seed=0):
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(count, self.size, generator=generator, dtype=torch.float64)
        return (self.mean + noise * self.variances.sqrt() @ self.q.T)[..., None, None]

    def __call__(self, x, t, condition=None):
        t = t.double()[:, None]
        spread = (1 - t) ** 2 * self.variances + t**2
        along = (x.flatten(1).double() - (1 - t) * self.mean) @ self.q
        velocity = (t - (1 - t) * self.variances) / spread * along @ self.q.T - self.mean
        return velocity.view_as(x).to(x.dtype)

    def flow(self, noise):
        """Where the probability flow carries noise at t = 1: to t = 0, in closed form."""
        along = noise.flatten(1).double() @ self.q
        return (self.mean + along * self.variances.sqrt() @ self.q.T).view_as(noise)

    def nll(self, x):
        """−log p, (batch,) nats."""
        along = (x.flatten(1).double() - self.mean) @ self.q
        return (along.square() / self.variances + (2 * math.pi * self.variances).log()).sum(1) / 2


def gaussian(size, rotated=False, mean=0.0):
    """One with variances from 0.05 to 2."""
    return Gaussian(torch.logspace(math.log10(0.05), math.log10(2), size), mean, rotated)
