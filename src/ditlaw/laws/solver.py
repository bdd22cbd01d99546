"""Fits of L = E + A/N^α + B/D^β, many at once.

Source of the form: Hoffmann et al. 2022 (arXiv 2203.15556), approach 3. Parameters are
θ = (ln E, ln A', ln B', ln α, ln β) with ln N and ln D centred on the data: uncentred, A and α are
so nearly collinear that fits stall.
"""

from dataclasses import dataclass, field

import numpy as np

from ditlaw.laws import leastsquares
from ditlaw.laws.table import BoolArray, FloatArray

EXPONENTS = np.geomspace(0.06, 2.4, 11)
STARTS = 6
LOG_EXPONENT_RANGE = (float(np.log(0.02)), float(np.log(4.0)))
LOG_FLOOR_BELOW = 12.0  # the floor is kept above exp(−12) of the smallest loss


def predict(theta: FloatArray, u: FloatArray, v: FloatArray) -> tuple[FloatArray, ...]:
    """Floor, size term and data term for θ (r, 5) at centred ln N, ln D (n,): each (r, n)."""
    floor = np.exp(theta[:, :1]) * np.ones_like(u)
    size = np.exp(theta[:, 1:2] - np.exp(theta[:, 3:4]) * u)
    data = np.exp(theta[:, 2:3] - np.exp(theta[:, 4:5]) * v)
    return floor, size, data


def coefficients(theta: FloatArray, log_n: float, log_d: float) -> dict[str, FloatArray]:
    """E, A, α, B, β (r,) with N in params and D in tokens, of θ (r, 5) about those centres."""
    e, a, b, log_alpha, log_beta = theta[:, :5].T
    alpha, beta = np.exp(log_alpha), np.exp(log_beta)
    return {
        "E": np.exp(e),
        "A": np.exp(a + alpha * log_n),
        "alpha": alpha,
        "B": np.exp(b + beta * log_d),
        "beta": beta,
    }


def best_start(u: FloatArray, v: FloatArray, log_loss: FloatArray) -> FloatArray:
    """The most promising θ of a grid over (α, β), E, A', B' by linear least squares: (6, 5)."""
    alpha, beta = (g.ravel() for g in np.meshgrid(EXPONENTS, EXPONENTS, indexing="ij"))
    loss = np.exp(log_loss)
    terms = np.stack(
        [np.ones((len(alpha), len(u))), np.exp(-np.outer(alpha, u)), np.exp(-np.outer(beta, v))],
        axis=2,
    )
    terms = terms / loss[:, None]  # relative errors
    full, cost = _positive_least_squares(terms, np.ones(len(loss)), loss.min())
    order = np.argsort(cost, kind="stable")[:STARTS]
    coefficients = full[order]
    logs = np.log(coefficients)
    return np.column_stack([logs, np.log(alpha[order]), np.log(beta[order])])


@dataclass(frozen=True)
class SurfaceModel:
    """The surface over rows of centred ln N, ln D (n,), for ``leastsquares.refine``."""

    u: FloatArray
    v: FloatArray
    low: FloatArray
    high: FloatArray
    pull: FloatArray = field(default_factory=lambda: np.zeros((0, 5)))  # no priors
    aim: FloatArray = field(default_factory=lambda: np.zeros(0))

    def predict(self, theta: FloatArray) -> FloatArray:
        """See ``leastsquares.Model``."""
        return np.asarray(np.log(sum(predict(theta, self.u, self.v))))

    def derivatives(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See ``leastsquares.Model``."""
        floor, size, data = predict(theta, self.u, self.v)
        total = floor + size + data
        size, data = size / total, data / total
        slopes = [
            floor / total,
            size,
            data,
            -np.exp(theta[:, 3:4]) * self.u * size,
            -np.exp(theta[:, 4:5]) * self.v * data,
        ]
        return np.log(total), np.stack(slopes, axis=1)


def refine(
    theta: FloatArray,
    u: FloatArray,
    v: FloatArray,
    log_loss: FloatArray,
    delta: float,
    steps: int,
    tolerance: float,
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Surfaces through r sets of losses: θ (r, 5), Huber objectives (r,), which have converged.

    ``log_loss`` is (r, n) or (n,); ``delta`` the Huber width in ln L.
    """
    low = np.array([log_loss.min() - LOG_FLOOR_BELOW, -60.0, -60.0, *[LOG_EXPONENT_RANGE[0]] * 2])
    high = np.array([log_loss.max(), 60.0, 60.0, *[LOG_EXPONENT_RANGE[1]] * 2])
    model = SurfaceModel(u, v, low, high)
    return leastsquares.refine(model, theta, log_loss, delta, steps, tolerance)


def _positive_least_squares(
    terms: FloatArray, target: FloatArray, smallest: float
) -> tuple[FloatArray, FloatArray]:
    """Coefficients (g, 3) > 0 and costs (g,): all three terms, else without the floor, else none.

    ``terms`` is (g, n, 3) with the floor first.
    """
    coefficients = np.full((len(terms), 3), smallest * np.exp(-LOG_FLOOR_BELOW))
    cost = np.full(len(terms), np.inf)
    for columns in ([1, 2], [0, 1, 2]):
        part = terms[:, :, columns]
        normal = part.transpose(0, 2, 1) @ part
        scale = np.sqrt(np.einsum("gpp->gp", normal))
        normal = normal / (scale[:, :, None] * scale[:, None, :]) + 1e-12 * np.eye(len(columns))
        right = (part.transpose(0, 2, 1) @ target) / scale
        solution = np.linalg.solve(normal, right[:, :, None])[:, :, 0] / scale
        rest = np.sum((np.einsum("gnp,gp->gn", part, solution) - target) ** 2, axis=1)
        use = np.all(solution > 0, axis=1) & (rest < cost)
        cost[use] = rest[use]
        for position, column in enumerate(columns):
            coefficients[use, column] = solution[use, position]
    return coefficients, cost
