"""Fitting the forms that a method asks for and the rows allow."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ditlaw.laws import isoflop, losslaws
from ditlaw.laws import noise as noise_module
from ditlaw.laws.akima import akima_minima
from ditlaw.laws.envelope import envelope_minima
from ditlaw.laws.forms import Form, MinimaForm, SurfaceForm
from ditlaw.laws.isoflop import OK, Parabola
from ditlaw.laws.joint import fit_joint
from ditlaw.laws.kappa import Kappa
from ditlaw.laws.line import DriftingLine
from ditlaw.laws.lone import BestLosses, best_losses
from ditlaw.laws.losslaws import LossLaws
from ditlaw.laws.minima import MIN_BUDGETS, Minima, parabola_minima
from ditlaw.laws.noise import Noise, Residuals
from ditlaw.laws.surface import PARAMETERS, Surface, fit_point, fit_surface, rows_of
from ditlaw.laws.table import FloatArray, Table
from ditlaw.laws.trust import trust

Method = Literal["auto", "isoflop", "akima", "envelope", "joint", "surface"]
METHODS: tuple[Method, ...] = ("auto", "isoflop", "akima", "envelope", "joint", "surface")
# The others are no candidates of auto: they answer the same questions as these two, less well in
# hold-outs (docs/statistics.md).
AUTO = ("isoflop", "surface")


@dataclass(frozen=True)
class Candidates:
    """What was fitted to one table. ``minima``, ``laws`` are None, {} if only a surface was."""

    curves: list[Parabola]
    noise: Noise
    sd_draws: FloatArray
    forms: dict[str, Form]
    minima: Minima | None
    laws: dict[str, LossLaws]  # "power" and "floor" through all minima; the joint form's own floor
    surface: Surface | None


def fit_candidates(
    table: Table, kappa: Kappa, method: Method, draws: int, seed: int
) -> Candidates | None:
    """Every form of the method that the rows allow; None if none is left."""
    rng = np.random.default_rng(seed)
    curves = isoflop.parabolas(table)
    names = AUTO if method == "auto" else (method,)
    if needs_parabolas(method) and sum(p.status == OK for p in curves) < MIN_BUDGETS:
        return None
    noise = run_noise(table, curves)
    if noise is None:
        return None
    sd = noise.sd_draws(draws, rng)
    perturbations = noise.perturbations(table.trunk, table.log_c, sd, rng)
    reach = (float(table.log_c.min()), float(table.log_c.max()))
    forms: dict[str, Form] = {}
    minima = _minima(table, curves, noise, perturbations, names[0], rng)
    laws: dict[str, LossLaws] = {}
    if minima is not None:
        best = best_losses(table, curves, minima, noise, perturbations)
        laws["power"] = losslaws.fit_power(best.log_c, best.log_loss, best.weight)
        laws["floor"] = losslaws.fit_floor(best.log_c, best.log_loss, best.weight)
        if names[0] != "joint":
            forms[names[0]] = _minima_form(minima, best, laws["floor"], table.diffusion)
    if "joint" in names:
        joint = fit_joint(table, noise, perturbations)
        if joint is not None:
            laws["floor"] = joint.loss_law
            forms["joint"] = SurfaceForm(joint, reach, 1.0)
    surface = fit_surface(table, kappa, noise, perturbations) if "surface" in names else None
    if surface is not None:
        believed = 1.0 if minima is None else _surface_trust(table, noise, surface, minima)
        forms["surface"] = SurfaceForm(surface, reach, believed)
    if not forms:
        return None
    return Candidates(curves, noise, sd, forms, minima, laws, surface)


def needs_parabolas(method: Method) -> bool:
    """Whether a method is nothing without three usable isoFLOP curves."""
    return method not in ("surface", "envelope")


def run_noise(table: Table, curves: list[Parabola]) -> Noise | None:
    """Scatter of one run: between seeds, else about the parabolas, else about the surface."""
    replicates = noise_module.from_replicates(table)
    if replicates is not None:
        return replicates
    residuals = isoflop.residuals(table, curves)
    if residuals is not None:
        return noise_module.from_residuals(residuals)
    rows = rows_of(table)
    point = fit_point(table, rows, 0.0)
    if point is None:
        return None
    free = np.full(len(rows), 1 - PARAMETERS / len(rows))
    # All at one ln C: rows without budgets do not say how their scatter changes with it.
    return noise_module.from_residuals(Residuals(point[1], np.zeros(len(rows)), free))


def _minima(
    table: Table,
    curves: list[Parabola],
    noise: Noise,
    perturbations: FloatArray,
    name: str,
    rng: np.random.Generator,
) -> Minima | None:
    """What line and loss laws go through, by the method's own way of finding it."""
    if name == "surface":
        return None
    if name == "envelope":
        return envelope_minima(table, curves, noise, perturbations)
    residuals = isoflop.residuals(table, curves)
    unfit = 1.0 if residuals is None else noise_module.misfit(noise, residuals)
    if name == "akima":
        return akima_minima(table, curves, noise, perturbations)
    wider = noise_module.scaled(noise, unfit)
    return parabola_minima(table, curves, wider, unfit * perturbations, rng)


def _minima_form(minima: Minima, best: BestLosses, floor: LossLaws, diffusion: bool) -> MinimaForm:
    residuals = best.log_loss[0] - floor(best.log_c)[0]
    free = max(len(best.log_c) - 3, 0)
    return MinimaForm(
        line=DriftingLine(minima.log_c, minima.log_n, minima.variance_n),
        floor=floor,
        recent=losslaws.fit_recent(
            best.log_c,
            best.log_loss,
            best.weight,
            losslaws.DIFFUSION_FLOOR_SHARE if diffusion else losslaws.FLOOR_SHARE,
        ),
        one_law=trust(residuals, best.variance, free, free, _fall(minima)),
        valley=minima.valley,
    )


def _surface_trust(table: Table, noise: Noise, surface: Surface, minima: Minima) -> float:
    rows = rows_of(table)
    log_c = table.log_c[rows]
    residuals = table.log_loss[rows] - surface.loss(table.log_n[rows], log_c)[0]
    free = max(len(rows) - PARAMETERS, 1)
    return trust(
        residuals,
        noise.at(log_c) ** 2,
        free,
        len(minima.log_c) - 3,
        _fall(minima),
        # One deviation of the ratio of two variances, that of the residuals and that of the noise.
        allowance=float(np.sqrt(2 / free + 2 / noise.df)),
    )


def _fall(minima: Minima) -> float:
    return float(np.ptp(minima.log_loss[0]))
