"""How far to believe that one law holds for all of a study's rows, from its misfit to them.

A law that fits its own data to within run noise may be continued. One that does not, bends, and
will go on to. The misfit is judged as a share of the whole fall of the loss, so the rule has no
scale in it. It knows nothing of what is outside the data.
"""

import numpy as np

from ditlaw.laws.table import FloatArray

TOLERATED = 0.005  # share of the fall at which a law is half believed
# Few budgets show no bend: laws are taken to bend by 1 % of their fall, worth two free budgets.
PRIOR, PRIOR_WEIGHT = 0.01, 2.0


def trust(
    residuals: FloatArray,
    variance: FloatArray,
    free: float,
    budgets: int,
    fall: float,
    allowance: float = 0.0,
) -> float:
    """Between 0 and 1; a half where the misfit beyond run noise is 0.5 % of the fall of ln L.

    Args:
        residuals: (n,) of ln L.
        variance: (n,) of their run noise.
        free: degrees of freedom of the residuals.
        budgets: free budgets, what the prior is weighed against.
        fall: of ln L, largest less smallest minimum.
        allowance: relative uncertainty of ``variance``, which is not held against the law.
    """
    weight = 1 / np.maximum(variance, 1e-20)
    excess = float(np.sum(weight * residuals**2)) / max(free, 1.0) - 1 - allowance
    excess = max(0.0, excess) / float(np.mean(weight)) / max(fall, 1e-9) ** 2
    misfit = (PRIOR_WEIGHT * PRIOR**2 + budgets * excess) / (PRIOR_WEIGHT + budgets)
    return float(1 / (1 + misfit / TOLERATED**2))
