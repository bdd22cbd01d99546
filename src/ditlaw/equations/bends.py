"""Does the law bend inside the data? A broken power law against the floor law, on budgets' minima.

The broken law (Caballero et al. 2022, with a turn of a fixed width) has one parameter more than the
floor law. It is believed if Akaike's criterion, with the scatter of the minima known from the
parabolas, prefers it by a margin, and if it also forecasts left-out budgets better than the floor
law, each from all the others. The place of a break is no ordinary parameter, a search over it finds
something in any noise, so the margin is larger than the usual 2; ``benchmarks/bends.py`` prints how
often the note then appears for laws that do not bend, and for laws that do.
"""

from dataclasses import dataclass

import numpy as np

from ditlaw import text
from ditlaw.equations import onedim
from ditlaw.equations.base import Sample
from ditlaw.equations.curves import Broken, Curve, Floor
from ditlaw.equations.fitting import estimate, fit_sample
from ditlaw.errors import DitlawError
from ditlaw.laws import IsoflopCurve, Law
from ditlaw.laws.noise import PRIOR_SHARE, Noise
from ditlaw.laws.table import FloatArray
from ditlaw.results import Note, Quantity

MIN_BUDGETS = 6
SHARPNESS = 0.2  # e-folds: the turn lies between two budgets
MARGIN = 3.0  # of Akaike's criterion
EXACT = 1e-6  # relative scatter that is rounding, not noise


@dataclass(frozen=True)
class Bend:
    """Where a law bends, in FLOPs; d ln L/d ln C before and after; how much better it fits."""

    flops: Quantity
    before: float
    after: float
    gain: float

    def note(self) -> Note:
        """In words."""
        return Note(
            code="law-bends",
            text=f"the best loss bends at {text.with_interval(self.flops, text.flops)} FLOPs: it "
            f"goes as C^{-self.before:.3g} before and as C^{-self.after:.3g} after. None of the "
            "forms behind a forecast bends; fit the budgets above it alone to compare.",
        )


def law_bends(law: Law) -> Note | None:
    """The note ``law-bends``, or None where six or more budgets show no bend.

    Fewer than six usable budgets cannot show one.
    """
    bend = find_bend(law.isoflops(), level=law.level)
    return None if bend is None else bend.note()


def find_bend(curves: list[IsoflopCurve], *, level: float = 0.9) -> Bend | None:
    """The bend of the minima of isoFLOP curves, or None."""
    usable = [c for c in curves if c.loss_opt is not None]
    if len(usable) < MIN_BUDGETS:
        return None
    log_c = np.log([c.flops for c in usable])
    y = np.log([c.loss_opt for c in usable if c.loss_opt is not None])
    noise = minimum_noise(usable)
    sd = max(noise.sd, EXACT)
    x = (log_c - log_c.mean())[None]
    floor, broken = Floor(), Broken(SHARPNESS)
    with np.errstate(all="ignore"):
        plain = _squares(floor, x, y)
        if plain is None or plain / sd**2 <= MARGIN:  # nothing that a bend could explain
            return None
        bent = _squares(broken, x, y)
        if bent is None:
            return None
        scatter = max(sd**2, bent / (len(y) - broken.parameters))
        gain = (plain - bent) / scatter - 2 * (broken.parameters - floor.parameters)
        if gain <= MARGIN or _left_out(broken, x, y) >= _left_out(floor, x, y):
            return None
    sample = Sample(
        source="budgets' minima",
        target="loss",
        x=log_c[None],
        y=np.exp(y),
        trunk=np.arange(len(y)),
        noise=noise,
    )
    try:
        fitted = fit_sample(onedim.broken("flops", SHARPNESS), sample, level=level)
        found = fitted.parameters
    except DitlawError:
        return None
    before, more = found["b"].value, found["c"].value
    return Bend(flops=found["d"], before=before, after=before + more, gain=gain)


def minimum_noise(curves: list[IsoflopCurve]) -> Noise:
    """Scatter of the minima of usable curves, from the residuals about their parabolas."""
    squares, df, leverage = 0.0, 0, []
    for curve in curves:
        if curve.coefficients is None or curve.params_opt is None:
            continue
        u = np.log(curve.params[curve.used]) - curve.centre
        residual = np.log(curve.losses[curve.used] / curve.loss(curve.params[curve.used]))
        squares += float(np.sum(residual**2))
        df += len(u) - 3
        design = u[:, None] ** np.arange(3)
        here = (np.log(curve.params_opt) - curve.centre) ** np.arange(3)
        leverage.append(float(here @ np.linalg.pinv(design.T @ design) @ here))
    df = max(df, 1)
    return Noise(
        float(np.sqrt(squares / df * np.mean(leverage))), PRIOR_SHARE, float(df), "parabolas"
    )


def _squares(curve: Curve, x: FloatArray, y: FloatArray) -> float | None:
    theta = estimate(curve, x, y)
    return None if theta is None else float(np.sum((curve.value(theta[None], x)[0] - y) ** 2))


def _left_out(curve: Curve, x: FloatArray, y: FloatArray) -> float:
    """Sum of squared errors of each budget, forecast from all the others."""
    total = 0.0
    for j in range(len(y)):
        others = np.arange(len(y)) != j
        theta = estimate(curve, x[:, others], y[others])
        if theta is None:
            return float("inf")
        total += float((curve.value(theta[None], x[:, j : j + 1])[0, 0] - y[j]) ** 2)
    return total
