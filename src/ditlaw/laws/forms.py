"""The forms of a law behind one interface: what each says about the best size and the loss.

Every answer has the draws along axis 0 and the estimate as entry 0, so that forms can be mixed.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import betaincinv

from ditlaw.laws.joint import Joint
from ditlaw.laws.line import DriftingLine, drift_sd
from ditlaw.laws.losslaws import GOLDEN, LossLaws, Recent
from ditlaw.laws.minima import Valley
from ditlaw.laws.surface import Surface
from ditlaw.laws.table import FloatArray


class Form(Protocol):
    """One reading of the best size and of the loss."""

    @property
    def trust(self) -> float:
        """0 to 1, from its misfit to the rows; the backtests weigh it further."""
        ...

    @property
    def failed(self) -> int:
        """Refits that did not converge and were left out."""
        ...

    def best_size(self, log_c: FloatArray) -> FloatArray:
        """Ln N* at ln C (m,): (draws + 1, m)."""
        ...

    def size_model_sd(self, log_c: FloatArray) -> FloatArray:
        """Sd of ln N* from what the form cannot know, run noise left out: (m,)."""
        ...

    def best_loss(self, log_c: FloatArray) -> FloatArray:
        """Ln L at the best size, at ln C (m,): (draws + 1, m)."""
        ...

    def loss(self, log_n: FloatArray, log_c: FloatArray) -> FloatArray:
        """Ln L of models of ln N (m,) trained with ln C (m,): (draws + 1, m).

        NaN where the form knows nothing off the best size.
        """
        ...


@dataclass(frozen=True)
class MinimaForm:
    """A drifting line and loss laws through the budgets' minima; the valley off the best size.

    The loss lies between the one law of all budgets and what the latest ones say. ``one_law`` is
    the trust in the former and its share in the estimate. In the draws that share is uncertain: a
    beta distribution about it, uniform where both are believed alike.
    """

    line: DriftingLine
    floor: LossLaws
    recent: Recent
    one_law: float
    valley: Valley | None
    trust: float = 1.0
    failed: int = 0

    def best_size(self, log_c: FloatArray) -> FloatArray:
        """See ``Form``."""
        return self.line(log_c)

    def size_model_sd(self, log_c: FloatArray) -> FloatArray:
        """See ``Form``."""
        return self.line.model_sd(log_c)

    def best_loss(self, log_c: FloatArray) -> FloatArray:
        """See ``Form``."""
        whole, recent = self.floor(log_c), self.recent(log_c)
        even = (np.arange(len(whole) - 1) * GOLDEN) % 1.0
        share = betaincinv(2 * self.one_law, 2 * (1 - self.one_law), even)
        share = np.append(self.one_law, share)[:, None]
        return np.asarray(share * whole + (1 - share) * recent)

    def loss(self, log_n: FloatArray, log_c: FloatArray) -> FloatArray:
        """See ``Form``."""
        if self.valley is None:
            return np.full((len(self.floor.floor), len(log_c)), np.nan)
        away = log_n - self.line(log_c)
        return np.asarray(self.best_loss(log_c) + self.valley.curvature(log_c) * away**2)


@dataclass(frozen=True)
class SurfaceForm:
    """Both readings of the surface, or of the joint form; its best size drifts as the line does."""

    fitted: Surface | Joint
    reach: tuple[float, float]  # smallest and largest ln C
    trust: float

    @property
    def failed(self) -> int:
        """See ``Form``."""
        return self.fitted.failed

    def best_size(self, log_c: FloatArray) -> FloatArray:
        """See ``Form``."""
        return self.fitted.best_size(log_c)

    def size_model_sd(self, log_c: FloatArray) -> FloatArray:
        """See ``Form``."""
        return drift_sd(beyond(log_c, self.reach))

    def best_loss(self, log_c: FloatArray) -> FloatArray:
        """See ``Form``."""
        return self.fitted.best_loss(log_c)

    def loss(self, log_n: FloatArray, log_c: FloatArray) -> FloatArray:
        """See ``Form``."""
        return self.fitted.loss(log_n, log_c)


def beyond(log_c: FloatArray, fitted: tuple[float, float]) -> FloatArray:
    """Distance in ln C outside the fitted range, 0 inside."""
    return np.maximum(0.0, np.maximum(fitted[0] - log_c, log_c - fitted[1]))
