"""The width that nobody can beat: the truth's own form, fitted with the noise that it really has.

Five parameters are fitted (bends are known to the oracle), by generalised least squares; the
covariance is Gauss–Newton's at the truth, carried to ln N* and ln L* by the delta method.
"""

import numpy as np

from simulation.designs import Design, Study, noise_covariance
from simulation.truths import Array, Truth

STEP = 1e-3


def sds(truth: Truth, design: Design, study: Study, c: Array) -> tuple[Array, Array]:
    """Sds of ln N* and ln L* at c = ln C/C0 (m,)."""
    jacobian = _slopes(truth, study.x, study.z)
    information = jacobian @ np.linalg.solve(noise_covariance(study, design), jacobian.T)
    covariance = np.linalg.pinv(information, rcond=1e-14, hermitian=True)
    x, _ = truth.optimum(c)
    # At the optimum the slope in size is 0, so ln L* moves as ln L there does.
    along = _slopes(truth, x, c - x)
    up, down = (_slopes(truth, x + s, c - x - s) for s in (STEP, -STEP))
    middle, right, left = (truth.log_loss(x + s, c - x - s) for s in (0.0, 10 * STEP, -10 * STEP))
    bend = (right - 2 * middle + left) / (10 * STEP) ** 2
    moves = -(up - down) / (2 * STEP) / bend
    return tuple(np.sqrt(np.einsum("pm,pq,qm->m", g, covariance, g)) for g in (moves, along))


def _slopes(truth: Truth, x: Array, z: Array) -> Array:
    """∂ ln L/∂θ: (5, n), by central differences."""
    shifts = STEP * np.eye(len(truth.theta))
    return np.stack(
        [
            (truth.log_loss(x, z, truth.theta + s) - truth.log_loss(x, z, truth.theta - s))
            / (2 * STEP)
            for s in shifts
        ]
    )
