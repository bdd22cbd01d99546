"""What the losses of a study might truly be: surfaces drawn about the expected optimum.

Half are E + A/N^α + B/D^β, which a fit can hold; half are Kaplan's equation 1.5 with a floor, whose
two terms are not additive, which it cannot. At the budget C0 the best size is N0 in both, and the
loss is 1: only ratios of losses are asked for.
"""

from dataclasses import dataclass

import numpy as np

from ditlaw.laws.kappa import Kappa
from ditlaw.laws.table import FloatArray

# Ranges of what is drawn, uniformly. The exponents are those of N* and of the loss above its floor
# in C; published surfaces and small diffusion transformers lie inside (docs/statistics.md).
OF_SIZE = (0.40, 0.60)
OF_LOSS = (0.15, 0.35)
FLOOR = (0.60, 0.93)  # the floor's share in the best loss at C0
CENTRE_SD = float(np.log(2.0) / 1.645)  # of ln N0: within a factor of 2 with 90 %
GRID = np.linspace(-4.0, 4.0, 801)


@dataclass(frozen=True)
class Truth:
    """One possible law of a study's losses."""

    floor: float
    alpha: float
    beta: float
    log_n0: float
    log_c0: float
    additive: bool
    kappa: Kappa

    def loss(self, log_n: FloatArray, log_d: FloatArray) -> FloatArray:
        """L at ln N and ln D, any shape."""
        log_d0 = self.kappa.log_tokens(np.array(self.log_n0), np.array(self.log_c0))
        x, z = log_n - self.log_n0, log_d - log_d0
        size, data = self.beta / (self.alpha + self.beta), self.alpha / (self.alpha + self.beta)
        if self.additive:
            above = size * np.exp(-self.alpha * x) + data * np.exp(-self.beta * z)
        else:
            above = (size * np.exp(-self.alpha / self.beta * x) + data * np.exp(-z)) ** self.beta
        return np.asarray(self.floor + (1 - self.floor) * above)

    def optimum(self, flops: float) -> tuple[float, float]:
        """Ln N* and L* along the study's own FLOPs per token."""
        log_c = float(np.log(flops))
        slope = self.beta / (self.alpha + self.beta)
        middle, reach = self.log_n0 + slope * (log_c - self.log_c0), 1.0
        for _ in range(2):
            log_n = middle + reach * GRID
            loss = self.loss(log_n, self.kappa.log_tokens(log_n, np.array(log_c)))
            middle, reach = float(log_n[loss.argmin()]), reach / 100
        return middle, float(loss.min())


def draw(rng: np.random.Generator, log_n0: float, log_c0: float, kappa: Kappa) -> Truth:
    """One truth whose best size at C0 is near N0."""
    of_size, of_loss, floor = (rng.uniform(*ends) for ends in (OF_SIZE, OF_LOSS, FLOOR))
    return Truth(
        floor=floor,
        alpha=of_loss / of_size,
        beta=of_loss / (1 - of_size),
        log_n0=log_n0 + CENTRE_SD * rng.standard_normal(),
        log_c0=log_c0,
        additive=bool(rng.random() < 0.5),
        kappa=kappa,
    )
