"""Many small nonlinear least-squares problems at once: Levenberg–Marquardt on a Huber loss of ln L.

A draw of an interval is a whole refit, and a refit of five or seven parameters is tiny: what costs
time is calling an optimiser for each. Here all draws take their steps together.
"""

from typing import Protocol

import numpy as np

from ditlaw.laws.table import BoolArray, FloatArray

AT_ONCE = 12_000  # residuals; larger arrays are mapped afresh by the system at every step


class Model(Protocol):
    """A form of ln L over n rows with p parameters, as ``refine`` needs it."""

    @property
    def low(self) -> FloatArray:
        """Lower bounds of θ: (p,)."""
        ...

    @property
    def high(self) -> FloatArray:
        """Upper bounds of θ: (p,)."""
        ...

    @property
    def pull(self) -> FloatArray:
        """Gaussian priors, (k, p): ``pull`` @ θ − ``aim`` counts like the residuals of k rows."""
        ...

    @property
    def aim(self) -> FloatArray:
        """See ``pull``: (k,)."""
        ...

    def predict(self, theta: FloatArray) -> FloatArray:
        """Ln L (r, n) for θ (r, p)."""
        ...

    def derivatives(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Ln L (r, n) and its derivatives in θ (r, p, n)."""
        ...


def refine(
    model: Model,
    theta: FloatArray,
    target: FloatArray,
    delta: float,
    steps: int,
    tolerance: float,
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """θ (r, p), Huber objectives (r,) and which have converged, from starts θ (r, p).

    Args:
        model: the form.
        theta: starts.
        target: ln L, (r, n) or (n,).
        delta: Huber width in ln L.
        steps: at most.
        tolerance: a relative gain of the objective that ends a problem.
    """
    target = np.broadcast_to(target, (len(theta), target.shape[-1]))
    size = max(1, AT_ONCE // target.shape[1])
    parts = [
        _batch(model, theta[i : i + size], target[i : i + size], delta, steps, tolerance)
        for i in range(0, len(theta), size)
    ]
    theta, objective, converged = (np.concatenate(part) for part in zip(*parts, strict=True))
    return theta, objective, converged


def huber(residual: FloatArray, delta: float) -> FloatArray:
    """Σ of ½r² inside ``delta`` and delta·(|r| − ½delta) beyond, over the last axis."""
    size = np.abs(residual)
    inside = np.minimum(size, delta)
    return np.asarray(np.sum(inside * (size - 0.5 * inside), axis=-1))


def _batch(
    model: Model,
    theta: FloatArray,
    target: FloatArray,
    delta: float,
    steps: int,
    tolerance: float,
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """``refine`` of problems that fit into memory together.

    Finished ones drop out. A parameter at a bound that wants to go further is left out of the step.
    """
    theta = np.clip(theta, model.low, model.high)
    damping = np.full(len(theta), 1e-3)
    objective = _objective(model, theta, target, delta)
    active = np.flatnonzero(np.isfinite(objective))
    converged = np.zeros(len(theta), dtype=bool)
    for _ in range(steps):
        if not len(active):
            break
        old = theta[active]
        step = _step(model, old, target[active], delta, damping[active])
        new = np.clip(old + step, model.low, model.high)
        value = _objective(model, new, target[active], delta)
        better = value <= objective[active]  # a NaN is not
        gain = np.where(better, objective[active] - value, 0.0)
        theta[active[better]] = new[better]
        done = better & (gain <= tolerance * objective[active] + 1e-30)
        done |= ~better & (damping[active] > 1e8)
        objective[active[better]] = value[better]
        damping[active] = np.clip(damping[active] * np.where(better, 0.15, 8.0), 1e-12, 1e10)
        converged[active[done]] = True
        active = active[~done]
    return theta, objective, converged


def _objective(model: Model, theta: FloatArray, target: FloatArray, delta: float) -> FloatArray:
    value = huber(model.predict(theta) - target, delta)
    if len(model.aim):
        value = value + 0.5 * np.sum((theta @ model.pull.T - model.aim) ** 2, axis=1)
    return np.where(np.isfinite(value), value, np.inf)


def _step(
    model: Model, theta: FloatArray, target: FloatArray, delta: float, damping: FloatArray
) -> FloatArray:
    predicted, jacobian = model.derivatives(theta)
    residual = predicted - target
    weight = np.minimum(1.0, delta / np.maximum(np.abs(residual), 1e-300))
    weighted = jacobian * weight[:, None, :]
    normal = weighted @ jacobian.transpose(0, 2, 1)
    gradient = np.einsum("rpn,rn->rp", weighted, residual)
    if len(model.aim):
        normal = normal + model.pull.T @ model.pull
        gradient = gradient + (theta @ model.pull.T - model.aim) @ model.pull
    held = ((theta <= model.low) & (gradient > 0)) | ((theta >= model.high) & (gradient < 0))
    if held.any():
        gradient = np.where(held, 0.0, gradient)
        normal = np.where(held[:, :, None] | held[:, None, :], 0.0, normal)
    diagonal = np.einsum("rpp->rp", normal)
    ridge = damping[:, None] * diagonal + 1e-14 * diagonal.max(axis=1, keepdims=True) + 1e-200
    normal = normal + np.where(held, 1.0, ridge)[:, :, None] * np.eye(theta.shape[1])
    lost = ~np.isfinite(normal).all(axis=(1, 2)) | ~np.isfinite(gradient).all(axis=1)
    normal[lost], gradient[lost] = np.eye(theta.shape[1]), 0.0
    return -np.linalg.solve(normal, gradient[:, :, None])[:, :, 0]
