"""Least squares of many small problems at once: Levenberg–Marquardt on a Huber loss."""

import numpy as np

from ditlaw.equations.curves import Curve
from ditlaw.laws.solver import huber
from ditlaw.laws.table import BoolArray, FloatArray

STEP = 1e-6  # of the central differences


def solve(
    curve: Curve,
    x: FloatArray,
    y: FloatArray,
    theta: FloatArray,
    limits: tuple[FloatArray, FloatArray],
    *,
    delta: float,
    steps: int,
    tolerance: float,
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """θ (r, p), Huber objective (r,) and whether each converged.

    ``y`` is (r, n), one target a row; ``delta`` the width of the quadratic part. Problems that have
    converged drop out. A parameter at a bound that wants to go further is left out of the step.
    """
    low, high = limits
    theta = np.clip(theta, low, high)
    objective = huber(curve.value(theta, x) - y, delta)
    objective = np.where(np.isfinite(objective), objective, np.inf)
    damping = np.full(len(theta), 1e-3)
    converged = np.zeros(len(theta), dtype=bool)
    active = np.flatnonzero(np.isfinite(objective))
    for _ in range(steps):
        if not len(active):
            break
        old = theta[active]
        move = _step(curve, x, y[active], old, (low, high), delta, damping[active])
        new = np.clip(old + move, low, high)
        value = huber(curve.value(new, x) - y[active], delta)
        better = value <= objective[active]  # a NaN is not
        gain = np.where(better, objective[active] - value, 0.0)
        done = better & (gain <= tolerance * objective[active] + 1e-30)
        done |= ~better & (damping[active] > 1e8)
        theta[active[better]] = new[better]
        objective[active[better]] = value[better]
        damping[active] = np.clip(damping[active] * np.where(better, 0.15, 8.0), 1e-12, 1e10)
        converged[active[done]] = True
        active = active[~done]
    return theta, objective, converged


def _step(
    curve: Curve,
    x: FloatArray,
    y: FloatArray,
    theta: FloatArray,
    limits: tuple[FloatArray, FloatArray],
    delta: float,
    damping: FloatArray,
) -> FloatArray:
    residual = curve.value(theta, x) - y
    jacobian = np.empty((len(theta), theta.shape[1], residual.shape[1]))
    for j in range(theta.shape[1]):
        nudge = np.zeros(theta.shape[1])
        nudge[j] = STEP
        jacobian[:, j] = (curve.value(theta + nudge, x) - curve.value(theta - nudge, x)) / (
            2 * STEP
        )
    weight = np.minimum(1.0, delta / np.maximum(np.abs(residual), 1e-300))
    normal = (jacobian * weight[:, None, :]) @ jacobian.transpose(0, 2, 1)
    gradient = np.einsum("rpn,rn->rp", jacobian, weight * residual)
    held = ((theta <= limits[0]) & (gradient > 0)) | ((theta >= limits[1]) & (gradient < 0))
    gradient = np.where(held, 0.0, gradient)
    normal = np.where(held[:, :, None] | held[:, None, :], 0.0, normal)
    diagonal = np.einsum("rpp->rp", normal)
    largest = diagonal.max(axis=1, keepdims=True)
    ridge = damping[:, None] * diagonal + 1e-15 * largest + 1e-200
    ridge = np.where(held, 1.0, ridge)
    normal = normal + ridge[:, :, None] * np.eye(theta.shape[1])
    bad = ~np.all(np.isfinite(normal), axis=(1, 2)) | ~np.all(np.isfinite(gradient), axis=1)
    normal[bad], gradient[bad] = np.eye(theta.shape[1]), 0.0
    return np.asarray(-np.linalg.solve(normal, gradient[:, :, None])[:, :, 0])
