"""The readings of a law that know the loss off the best size, fitted or published."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ditlaw.answering import AnsweringLaw
from ditlaw.errors import Refused
from ditlaw.laws import Law
from ditlaw.laws.ensemble import EXCLUDED_BELOW
from ditlaw.laws.table import FloatArray
from ditlaw.published import PublishedLaw
from ditlaw.published.forms import Surface
from ditlaw.published.printed import corners


class Form(Protocol):
    """One reading of the loss over sizes and FLOPs; axis 0 has the estimate, then draws."""

    def best_size(self, log_c: FloatArray) -> FloatArray:
        """Ln N* at ln C (m,): (k + 1, m)."""

    def best_loss(self, log_c: FloatArray) -> FloatArray:
        """Ln L* at ln C (m,): (k + 1, m)."""

    def loss(self, log_n: FloatArray, log_c: FloatArray) -> FloatArray:
        """Ln L at ln N (k + 1, m) and ln C (m,): (k + 1, m)."""


@dataclass(frozen=True)
class Printed:
    """A published surface as printed and at every corner of its rounding."""

    surface: Surface

    def best_size(self, log_c: FloatArray) -> FloatArray:
        """See ``Form``."""
        return self.surface.best(log_c)[0]

    def best_loss(self, log_c: FloatArray) -> FloatArray:
        """See ``Form``."""
        return self.surface.best(log_c)[2]

    def loss(self, log_n: FloatArray, log_c: FloatArray) -> FloatArray:
        """See ``Form``."""
        s = self.surface
        e, a, b, alpha, beta = corners(s.E, s.A, s.B, s.alpha, s.beta).T[:, :, None]
        log_d = log_c - np.log(6) - log_n
        return np.asarray(np.log(e + a * np.exp(-alpha * log_n) + b * np.exp(-beta * log_d)))


def forms_of(
    law: AnsweringLaw, log_x: float
) -> tuple[dict[str, Form], dict[str, float], dict[str, FloatArray]]:
    """The forms of a law that are heard, their weights and the model errors of their N*.

    Raises:
        Refused: some reading knows nothing off the best size, or the budget is too far away.
    """
    if isinstance(law, PublishedLaw) and law.entry.surface is not None:
        return {"surface": Printed(law.entry.surface)}, {"surface": 1.0}, {"surface": np.zeros(1)}
    at = np.array([log_x])
    if isinstance(law, Law):
        law.optimum(float(np.exp(log_x)))  # refuses what is too far
        ensemble = law.fitted.ensemble
        weights = {n: w for n, w in ensemble.size_weights.items() if w >= EXCLUDED_BELOW}
        forms: dict[str, Form] = {name: ensemble.forms[name] for name in weights}
        off = [form.loss(form.best_size(at), at) for form in forms.values()]
        if not np.isnan(np.hstack(off)).any():
            drawn = ensemble.size_draws(at)
            errors = {name: drawn[name] - form.best_size(at) for name, form in forms.items()}
            return forms, weights, errors
    raise Refused(
        f"--generated: {law.observations.source}: it says nothing of any size but the best; "
        "leave it out, or ask a law with a surface"
    )
