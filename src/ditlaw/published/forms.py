"""What a published law is made of. Each form gives ln y at ln C, once as printed, then at corners.

``logs(log_c)`` takes ln C (m,), C in FLOPs, and returns (k + 1, m): row 0 with the numbers as
printed, the rest with every corner of their rounding (``printed.corners``).
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from ditlaw.published.printed import FloatArray, Printed, corners
from ditlaw.text import flops

PF_DAY = 8.64e19  # FLOPs
EF_DAY = 8.64e22


class Form(Protocol):
    """One quantity as a function of compute."""

    def logs(self, log_c: FloatArray) -> FloatArray:
        """Ln y at ln C (m,): (k + 1, m)."""

    def formula(self, name: str) -> str:
        """The law in one line, with ``name`` for the quantity."""


@dataclass(frozen=True)
class Line:
    """y = unit · coefficient · (C / per)^exponent; ``per`` is the FLOPs of one unit of C."""

    coefficient: Printed
    exponent: Printed
    unit: float = 1.0
    per: float = 1.0

    def logs(self, log_c: FloatArray) -> FloatArray:
        """See ``Form``."""
        k, a = corners(self.coefficient, self.exponent).T[:, :, None]
        return np.asarray(np.log(k * self.unit) + a * (log_c - np.log(self.per)))

    def formula(self, name: str) -> str:
        """See ``Form``."""
        unit = "" if self.unit == 1 else f"e{round(np.log10(self.unit))}"
        base = "C" if self.per == 1 else f"(C/{flops(self.per)})"
        return f"{name} = {self.coefficient}{unit}·{base}^{self.exponent}"


@dataclass(frozen=True)
class Ratio:
    """y = (scale / (C / per))^exponent."""

    scale: Printed
    exponent: Printed
    per: float

    def logs(self, log_c: FloatArray) -> FloatArray:
        """See ``Form``."""
        scale, a = corners(self.scale, self.exponent).T[:, :, None]
        return np.asarray(a * (np.log(scale) - (log_c - np.log(self.per))))

    def formula(self, name: str) -> str:
        """See ``Form``."""
        return f"{name} = ({self.scale}/(C/{flops(self.per)}))^{self.exponent}"


@dataclass(frozen=True)
class Rest:
    """y = C / (6 · other): what 6·N·D leaves once the other of the two is known."""

    other: Form
    other_name: str

    def logs(self, log_c: FloatArray) -> FloatArray:
        """See ``Form``."""
        return np.asarray(log_c - np.log(6) - self.other.logs(log_c))

    def formula(self, name: str) -> str:
        """See ``Form``."""
        return f"{name} = C/(6·{self.other_name})"


@dataclass(frozen=True)
class Surface:
    """L(N, D) = E + A/N^alpha + B/D^beta with C = 6·N·D (Hoffmann et al. 2022, equation 4).

    Its best size is N* = G·(C/6)^(beta/(alpha+beta)), G = (alpha·A/(beta·B))^(1/(alpha+beta)),
    and D* = C/(6·N*).
    """

    E: Printed
    A: Printed
    B: Printed
    alpha: Printed
    beta: Printed

    def best(self, log_c: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Ln N*, ln D* and ln L* at ln C (m,): (33, m) each."""
        e, a, b, alpha, beta = corners(self.E, self.A, self.B, self.alpha, self.beta).T[:, :, None]
        work = log_c - np.log(6)
        log_n = (np.log(alpha * a / (beta * b)) + beta * work) / (alpha + beta)
        log_d = work - log_n
        return log_n, log_d, np.log(e + a * np.exp(-alpha * log_n) + b * np.exp(-beta * log_d))

    def loss(self, log_n: FloatArray, log_c: float) -> FloatArray:
        """L with the numbers as printed, at ln N (m,) and one ln C."""
        log_d = log_c - np.log(6) - log_n
        return np.asarray(
            self.E.value
            + self.A.value * np.exp(-self.alpha.value * log_n)
            + self.B.value * np.exp(-self.beta.value * log_d)
        )

    def losses(self, log_n: float, log_c: float) -> FloatArray:
        """L at one ln N and ln C, as printed and at every corner of the rounding: (33,)."""
        e, a, b, alpha, beta = corners(self.E, self.A, self.B, self.alpha, self.beta).T
        log_d = log_c - np.log(6) - log_n
        return np.asarray(e + a * np.exp(-alpha * log_n) + b * np.exp(-beta * log_d))

    def formula(self) -> str:
        """The surface in one line."""
        return f"{self.E} + {self.A}/N^{self.alpha} + {self.B}/D^{self.beta}"


@dataclass(frozen=True)
class OfSurface:
    """N*, D* or L* of a surface along C = 6·N·D."""

    surface: Surface
    part: Literal["params", "tokens", "loss"]

    def logs(self, log_c: FloatArray) -> FloatArray:
        """See ``Form``."""
        return self.surface.best(log_c)[("params", "tokens", "loss").index(self.part)]

    def formula(self, name: str) -> str:
        """See ``Form``."""
        if self.part == "loss":
            return f"{name} = {self.surface.formula()}"
        if self.part == "tokens":
            return f"{name} = C/(6·N*)"
        s = self.surface
        power = s.beta.value / (s.alpha.value + s.beta.value)
        scale = np.exp(self.logs(np.array([0.0]))[0, 0])
        return f"{name} = {scale:.4g}·C^{power:.4g}, where L is least with C = 6·N·D"
