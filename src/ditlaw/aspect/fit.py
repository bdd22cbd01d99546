"""The law in depth and width beside N: fitted, weighed against size alone, redrawn."""

from dataclasses import dataclass, replace

import numpy as np

from ditlaw.aspect.design import Design, design_of, near_ratio
from ditlaw.aspect.regression import Evidence, Regression, evidence, regress
from ditlaw.aspect.rows import Shapes
from ditlaw.errors import Refused
from ditlaw.laws.isoflop import WINDOW
from ditlaw.laws.noise import Noise, Residuals, from_residuals, misfit, scaled
from ditlaw.laws.table import FloatArray

GRID = 400  # steps between the ratios tried, on which a law is read
LEAST = 0.1  # of the estimated curvature in size; a redraw's is held above it


@dataclass(frozen=True)
class ShapeFit:
    """Both laws of one set of rows, and redraws of the one with shape: (draws + 1, k), 0 first.

    ``betas`` has a column for the lean whether or not the estimate leans.
    """

    shapes: Shapes
    design: Design
    noise: Noise  # of one run
    size_only: Regression
    with_shape: Regression
    leans: bool
    interplay: bool
    evidence: Evidence
    betas: FloatArray

    def valley(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """g1, g2, g4 of g1·y + g2·y² + g4·y³ at each budget, size being chosen anew at each y.

        The first two (draws + 1, B), the last (draws + 1, 1).
        """
        slope, curve, h = self._size_terms()
        drifts = int(self.design.drifts)
        g = self.betas[:, self.size_only.design.shape[1] :]
        first = g[:, :1] + drifts * g[:, 1 + drifts : 2 + drifts] * self.design.t
        third = g[:, 2 + drifts : 3 + drifts]
        # min over u of b·u + c·u² + h·u·y is −(b + h·y)²/4c.
        return first - h * slope / (2 * curve), g[:, 1:2] - h**2 / (4 * curve), third

    def vertex(self) -> FloatArray:
        """y at each budget's own minimum, wherever that lies; NaN where there is none."""
        first, second, third = self.valley()
        inside = second**2 - 3 * third * first
        # The root of g1 + 2·g2·y + 3·g4·y² at which the valley curves up.
        below = second + np.sqrt(np.maximum(inside, 0.0))
        there = (inside > 0) & (below > 1e-12 * np.abs(second))
        return np.where(there, -first / np.where(there, below, 1.0), np.nan)

    def log_size(self, y: FloatArray) -> FloatArray:
        """ln N that is best at ratio y (draws + 1, B), kept within a span of the sizes read."""
        slope, curve, h = self._size_terms()
        low, high = self.design.span.T
        u = -(slope + h * y) / (2 * curve)
        return np.asarray(self.design.centre + np.clip(u, 2 * low - high, 2 * high - low))

    def has_size(self) -> list[bool]:
        """Whether each budget's best size lies inside the sizes that are read: B of them."""
        low, high = self.design.span.T
        u = self.log_size(self.best_ratio())[0] - self.design.centre
        return [bool(self._curved() and a < v < b) for v, a, b in zip(u, low, high, strict=True)]

    def best_ratio(self) -> FloatArray:
        """y at each budget, the best within the ratios read: (draws + 1, B)."""
        each = np.zeros((len(self.betas), 1))
        low, high = self.design.low + each, self.design.high + each
        vertex = self.vertex()
        tried = np.stack([low, high, np.clip(np.where(np.isnan(vertex), low, vertex), low, high)])
        losses = np.stack([self._of(y) for y in tried])
        return np.asarray(np.take_along_axis(tried, losses.argmin(axis=0)[None], axis=0)[0])

    def above_best(self, y: FloatArray) -> FloatArray:
        """ln L at ratios y (m, B) above that of the best ratio read: (draws + 1, m, B)."""
        first, second, third = self.valley()
        found = first[:, None] * y + second[:, None] * y**2 + third[:, None] * y**3
        return np.asarray(np.maximum(found - self._of(self.best_ratio())[:, None], 0.0))

    def curvature(self) -> float:
        """Half the second derivative of ln L in y at the best ratios, the least of all budgets."""
        _, second, third = self.valley()
        return float((second[0] + 3 * third[0] * self.best_ratio()[0]).min())

    def _of(self, y: FloatArray) -> FloatArray:
        first, second, third = self.valley()
        return first * y + second * y**2 + third * y**3

    def _size_terms(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """b, c and h of each budget: (draws + 1, B), the last (draws + 1, 1)."""
        count = len(self.design.t)
        slope = self.betas[:, count : 2 * count]
        curve = self.betas[:, 2 * count : 2 * count + 1]
        if self.design.bends:
            curve = curve + self.betas[:, 2 * count + 1 : 2 * count + 2] * self.design.t
        curve = np.broadcast_to(curve, slope.shape)
        curve = np.maximum(curve, np.maximum(LEAST * curve[:1], 1e-9))
        h = self.betas[:, -1:] if self.interplay else np.zeros((len(self.betas), 1))
        return slope, curve, h

    def _curved(self) -> bool:
        return bool(np.all(self._size_terms()[1][0] > 1e-8))


def fit_shapes(shapes: Shapes, tolerance: float, *, draws: int = 400, seed: int = 0) -> ShapeFit:
    """Fit both laws to the rows near the minimum, in size and, where it is clear, in ratio.

    Raises:
        Refused: the rows do not tell shape and size apart, or are all alike.
    """
    fit = _fit(shapes, design_of(shapes), draws, seed)
    steep = fit.curvature() * WINDOW**2 > np.log1p(tolerance)
    if fit.evidence.p_value < 0.05 and steep:
        best = fit.best_ratio()[0] + fit.design.middle
        try:
            return _fit(
                shapes, design_of(shapes, near_ratio(shapes, fit.design, best)), draws, seed
            )
        except Refused:
            return fit
    return fit


def _fit(shapes: Shapes, design: Design, draws: int, seed: int) -> ShapeFit:
    table, rows = shapes.table, design.rows
    y, trunk, shape, log_c = (
        design.log_loss,
        table.trunk[rows],
        shapes.shape[rows],
        table.log_c[rows],
    )
    noise = shapes.replicate_noise()
    if noise is None:
        first = regress(y, design.columns(), trunk, np.ones(len(y)), 0.0, shape)
        free = np.full(len(y), first.free / len(y))
        noise = from_residuals(Residuals(first.residual, log_c, free))
    if noise.sd <= 1e-12:  # exact rows: any scale will do, as long as there is one
        noise = replace(noise, sd=1e-9)
    sd = noise.at(log_c)

    def of(columns: FloatArray) -> Regression:
        return regress(y, columns, trunk, sd, noise.share, shape)

    small, large = of(design.size_columns()), of(design.columns())
    terms = {"lean": False, "interplay": False}
    for term in terms:  # each kept only where it says more
        wider = terms | {term: True}
        if design.estimable(**wider):
            found = of(design.columns(**wider))
            if evidence(large, found, sd, noise).says_more:
                large, terms = found, wider
    random = np.random.default_rng(seed)
    left = Residuals(large.residual, log_c, np.full(len(y), large.free / len(y)))
    wide = scaled(noise, misfit(noise, left))
    moved = wide.perturbations(
        np.unique(trunk, return_inverse=True)[1], log_c, wide.sd_draws(draws, random), random
    )
    fits = [large]
    if not terms["lean"] and design.estimable(**terms | {"lean": True}):
        # What is not shown is not ruled out: half of the redraws lean, as in ``laws.minima``.
        fits.append(of(design.columns(**terms | {"lean": True})))
    redrawn = [f.beta + moved[i :: len(fits)] @ f.operator.T for i, f in enumerate(fits)]
    at = small.design.shape[1] + 2 + int(design.drifts)  # where the column of the lean is
    full = len(large.beta) + (not terms["lean"])
    betas = [
        b if b.shape[1] == full else np.insert(b, at, 0.0, axis=1)
        for b in (large.beta[None], *redrawn)
    ]
    return ShapeFit(
        shapes=shapes,
        design=design,
        noise=noise,
        size_only=small,
        with_shape=large,
        leans=terms["lean"],
        interplay=terms["interplay"],
        evidence=evidence(small, large, sd, noise),
        betas=np.vstack(betas),
    )
