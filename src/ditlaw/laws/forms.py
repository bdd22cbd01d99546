"""The forms of the law of one table, behind one interface: what each says about loss and best size.

Every answer has the draws along axis 0 and the estimate as entry 0, so that forms can be mixed.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from ditlaw.laws import isoflop, losslaws
from ditlaw.laws import noise as noise_module
from ditlaw.laws.isoflop import OK, Parabola, Vertices
from ditlaw.laws.kappa import Kappa
from ditlaw.laws.line import DriftingLine, drift_sd
from ditlaw.laws.losslaws import LossLaws
from ditlaw.laws.noise import Noise
from ditlaw.laws.surface import Surface, fit_point, fit_surface, rows_of
from ditlaw.laws.table import FloatArray, Table

Asked = Literal["isoflop", "surface", "both"]  # the forms to fit; "both" is all of them
MIN_BUDGETS = 3


class LossForm(Protocol):
    """One reading of the loss."""

    def best_loss(self, log_c: FloatArray) -> FloatArray:
        """Ln L at the best size, at ln C (m,): (draws + 1, m)."""
        ...

    def loss(self, log_n: FloatArray, log_c: FloatArray) -> FloatArray:
        """Ln L of models of ln N (m,) trained with ln C (m,): (draws + 1, m)."""
        ...


class SizeForm(Protocol):
    """One reading of the best size."""

    def best_size(self, log_c: FloatArray) -> FloatArray:
        """Ln N* at ln C (m,): (draws + 1, m)."""
        ...

    def size_model_sd(self, log_c: FloatArray) -> FloatArray:
        """Sd of ln N* from what the form cannot know, run noise left out: (m,)."""
        ...


@dataclass(frozen=True)
class IsoflopSize:
    """N* by a drifting line through the budgets' minima."""

    line: DriftingLine

    def best_size(self, log_c: FloatArray) -> FloatArray:
        """See ``SizeForm``."""
        return self.line(log_c)

    def size_model_sd(self, log_c: FloatArray) -> FloatArray:
        """See ``SizeForm``."""
        return self.line.model_sd(log_c)


@dataclass(frozen=True)
class IsoflopLoss:
    """A loss law through the minima; off the best size, the valley of the budgets' parabolas."""

    laws: LossLaws
    line: DriftingLine
    vertices: Vertices

    def best_loss(self, log_c: FloatArray) -> FloatArray:
        """See ``LossForm``."""
        return self.laws(log_c)

    def loss(self, log_n: FloatArray, log_c: FloatArray) -> FloatArray:
        """See ``LossForm``."""
        away = log_n - self.line(log_c)
        return np.asarray(self.laws(log_c) + self.vertices.curvature(log_c) * away**2)


@dataclass(frozen=True)
class SurfaceForm:
    """Both readings of the surface."""

    surface: Surface
    log_c: tuple[float, float]

    def best_loss(self, log_c: FloatArray) -> FloatArray:
        """See ``LossForm``."""
        return self.surface.best_loss(log_c)

    def loss(self, log_n: FloatArray, log_c: FloatArray) -> FloatArray:
        """See ``LossForm``."""
        return self.surface.loss(log_n, log_c)

    def best_size(self, log_c: FloatArray) -> FloatArray:
        """See ``SizeForm``."""
        return self.surface.best_size(log_c)

    def size_model_sd(self, log_c: FloatArray) -> FloatArray:
        """See ``SizeForm``."""
        return drift_sd(beyond(log_c, self.log_c))


@dataclass(frozen=True)
class Forms:
    """What was fitted to one table; ``surface`` is None where the rows do not determine one."""

    curves: list[Parabola]
    noise: Noise
    sd_draws: FloatArray
    vertices: Vertices | None
    surface: Surface | None
    laws: dict[str, LossLaws]  # "power" and "floor", where isoFLOP curves were asked for
    loss: dict[str, LossForm]
    size: dict[str, SizeForm]


def fit_forms(table: Table, kappa: Kappa, asked: Asked, draws: int, seed: int) -> Forms | None:
    """Every form that is asked for and that the rows allow; None if none is left."""
    rng = np.random.default_rng(seed)
    curves = isoflop.parabolas(table)
    enough = sum(p.status == OK for p in curves) >= MIN_BUDGETS
    if asked != "surface" and not enough:
        return None
    noise = run_noise(table, curves)
    if noise is None:
        return None
    sd = noise.sd_draws(draws, rng)
    perturbations = noise.perturbations(table.trunk, sd, rng)
    loss: dict[str, LossForm] = {}
    size: dict[str, SizeForm] = {}
    laws: dict[str, LossLaws] = {}
    vertices = None
    if asked != "surface":
        residuals, parameters = isoflop.residuals(table, curves)
        unfit = noise_module.misfit(noise, residuals, parameters)
        vertices = isoflop.vertices(table, curves, unfit * noise.sd, unfit * perturbations, rng)
        line = DriftingLine(vertices.log_c, vertices.log_n, vertices.log_n[1:].var(axis=0))
        size["isoflop"] = IsoflopSize(line)
        laws["power"] = losslaws.fit_power(vertices.log_c, vertices.log_loss)
        laws["floor"] = losslaws.fit_floor(vertices.log_c, vertices.log_loss)
        loss.update({name: IsoflopLoss(law, line, vertices) for name, law in laws.items()})
    surface = None
    if asked != "isoflop":
        surface = fit_surface(table, kappa, noise, perturbations)
        if surface is not None:
            form = SurfaceForm(surface, (float(table.log_c.min()), float(table.log_c.max())))
            loss["surface"] = size["surface"] = form
    if not loss:
        return None
    return Forms(curves, noise, sd, vertices, surface, laws, loss, size)


def run_noise(table: Table, curves: list[Parabola]) -> Noise | None:
    """Scatter of one run: between seeds, else about the parabolas, else about the surface."""
    replicates = noise_module.from_replicates(table)
    if replicates is not None:
        return replicates
    residuals, parameters = isoflop.residuals(table, curves)
    if len(residuals) > parameters:
        return noise_module.from_residuals(residuals, parameters)
    point = fit_point(table, rows_of(table), 0.0)
    if point is None:
        return None
    return noise_module.from_residuals(point[1], len(point[0]))


def beyond(log_c: FloatArray, fitted: tuple[float, float]) -> FloatArray:
    """Distance in ln C outside the fitted range, 0 inside."""
    return np.maximum(0.0, np.maximum(fitted[0] - log_c, log_c - fitted[1]))
