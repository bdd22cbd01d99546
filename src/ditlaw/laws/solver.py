"""Fits of L = E + A/N^α + B/D^β: many at once, by Levenberg–Marquardt on a Huber loss of ln L.

Source of the form: Hoffmann et al. 2022 (arXiv 2203.15556), approach 3. Parameters are
θ = (ln E, ln A', ln B', ln α, ln β) with ln N and ln D centred on the data: uncentred, A and α are
so nearly collinear that fits stall.
"""

import numpy as np

from ditlaw.laws.table import BoolArray, FloatArray

EXPONENTS = np.geomspace(0.06, 2.4, 11)
STARTS = 6
LOG_EXPONENT_RANGE = (float(np.log(0.02)), float(np.log(4.0)))
LOG_FLOOR_BELOW = 12.0  # the floor is kept above exp(−12) of the smallest loss
AT_ONCE = 12_000  # residuals; larger arrays are mapped afresh by the system at every step


def predict(theta: FloatArray, u: FloatArray, v: FloatArray) -> tuple[FloatArray, ...]:
    """Floor, size term and data term for θ (r, 5) at centred ln N, ln D (n,): each (r, n)."""
    floor = np.exp(theta[:, :1]) * np.ones_like(u)
    size = np.exp(theta[:, 1:2] - np.exp(theta[:, 3:4]) * u)
    data = np.exp(theta[:, 2:3] - np.exp(theta[:, 4:5]) * v)
    return floor, size, data


def best_start(u: FloatArray, v: FloatArray, log_loss: FloatArray) -> FloatArray:
    """The most promising θ of a grid over (α, β), the rest by linear least squares: (starts, 5)."""
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


def refine(
    theta: FloatArray,
    u: FloatArray,
    v: FloatArray,
    log_loss: FloatArray,
    delta: float,
    steps: int,
    tolerance: float,
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Levenberg–Marquardt for r problems: θ (r, 5), Huber objectives (r,), which have converged.

    ``log_loss`` is (r, n) or (n,); ``delta`` the Huber width in ln L.
    """
    target = np.broadcast_to(log_loss, (len(theta), len(u)))
    low = np.array([log_loss.min() - LOG_FLOOR_BELOW, -60.0, -60.0, *[LOG_EXPONENT_RANGE[0]] * 2])
    high = np.array([log_loss.max(), 60.0, 60.0, *[LOG_EXPONENT_RANGE[1]] * 2])
    size = max(1, AT_ONCE // len(u))
    parts = [
        _refine(theta[i : i + size], u, v, target[i : i + size], delta, steps, tolerance, low, high)
        for i in range(0, len(theta), size)
    ]
    theta, objective, converged = (np.concatenate(part) for part in zip(*parts, strict=True))
    return theta, objective, converged


def _refine(
    theta: FloatArray,
    u: FloatArray,
    v: FloatArray,
    target: FloatArray,
    delta: float,
    steps: int,
    tolerance: float,
    low: FloatArray,
    high: FloatArray,
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """One batch of ``refine``, θ within ``low`` and ``high`` (5,). Finished problems drop out."""
    theta = theta.copy()
    damping = np.full(len(theta), 1e-3)
    terms = predict(theta, u, v)
    residual = np.log(sum(terms)) - target
    objective = huber(residual, delta)
    active = np.arange(len(theta))
    converged = np.zeros(len(theta), dtype=bool)
    for _ in range(steps):
        if not len(active):
            break
        old = theta[active]
        step = _step(old, u, v, target[active], delta, damping[active])
        new = np.clip(old + step, low, high)
        value = huber(np.log(sum(predict(new, u, v))) - target[active], delta)
        better = value <= objective[active]
        gain = objective[active] - value
        theta[active[better]] = new[better]
        done = better & (gain <= tolerance * objective[active] + 1e-30)
        done |= ~better & (damping[active] > 1e8)
        objective[active[better]] = value[better]
        damping[active] = np.clip(damping[active] * np.where(better, 0.15, 8.0), 1e-12, 1e10)
        converged[active[done]] = True
        active = active[~done]
    return theta, objective, converged


def huber(residual: FloatArray, delta: float) -> FloatArray:
    """Σ of ½r² inside ``delta`` and delta·(|r| − ½delta) beyond, over the last axis."""
    size = np.abs(residual)
    inside = np.minimum(size, delta)
    return np.asarray(np.sum(inside * (size - 0.5 * inside), axis=-1))


def _step(
    theta: FloatArray,
    u: FloatArray,
    v: FloatArray,
    target: FloatArray,
    delta: float,
    damping: FloatArray,
) -> FloatArray:
    floor, size, data = predict(theta, u, v)
    total = floor + size + data
    residual = np.log(total) - target
    weight = np.minimum(1.0, delta / np.maximum(np.abs(residual), 1e-300))
    size, data = size / total, data / total
    jacobian = np.stack(
        [
            floor / total,
            size,
            data,
            -np.exp(theta[:, 3:4]) * u * size,
            -np.exp(theta[:, 4:5]) * v * data,
        ],
        axis=1,
    )  # (r, 5, n)
    weighted = jacobian * weight[:, None, :]
    normal = weighted @ jacobian.transpose(0, 2, 1)
    gradient = np.einsum("rpn,rn->rp", weighted, residual)
    diagonal = np.einsum("rpp->rp", normal)
    ridge = damping[:, None] * diagonal + 1e-14 * diagonal.max(axis=1, keepdims=True) + 1e-300
    normal = normal + ridge[:, :, None] * np.eye(5)
    return -np.linalg.solve(normal, gradient[:, :, None])[:, :, 0]


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
