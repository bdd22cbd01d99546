"""Warnings about what the rows leave open: few budgets, and parameters at a bound of the search."""

import numpy as np

from ditlaw import text
from ditlaw.laws.solver import LOG_EXPONENT_RANGE
from ditlaw.laws.table import FloatArray
from ditlaw.results import LossLaw, Note, SurfaceLaw

COMFORTABLE_BUDGETS = 5
FLOOR_PARAMETERS = 3
NO_FLOOR, ALL_FLOOR = 1e-4, 0.975  # share of the smallest loss; a fit searches it up to 0.98
NEAR_BOUND = 1.001


def few_budgets(log_c: FloatArray, loss: LossLaw, half_width: float) -> list[Note]:
    """Warnings of a law through few minima at ln C (B,); ``half_width`` as ``notes.of_fit`` has."""
    usable = len(log_c)
    if usable >= COMFORTABLE_BUDGETS:
        return []
    wider = _wider(log_c, loss)
    compared = (
        f"ten times further the interval of the law with a floor is {wider:.2g} times as wide as "
        f"it would be with {COMFORTABLE_BUDGETS}, going on at the same spacing"
        if wider is not None
        else f"{COMFORTABLE_BUDGETS} or more are advised"
    )
    notes = [
        Note(
            code="few-budgets",
            text=f"only {usable} usable budgets: the loss law is known to "
            f"±{100 * half_width:.2g} % at the largest of them, and {compared}.",
        )
    ]
    if usable == FLOOR_PARAMETERS:
        notes.append(
            Note(
                code="three-points",
                text="a law with a floor has as many parameters as there are usable budgets (3): "
                "it passes through all of them, right or wrong, so nothing here tests it.",
            )
        )
    return notes


def _wider(log_c: FloatArray, loss: LossLaw) -> float | None:
    """Sd of L = E + k·C^(−c) at 10·C_max ÷ what it would be, were there larger budgets up to five.

    They go on at the mean spacing. To first order (delta method), every minimum equally well known
    in ln L; None where the law leaves it undetermined.
    """
    at = log_c.max() + np.log(10.0)
    step = float(np.ptp(log_c)) / (len(log_c) - 1)
    more = log_c.max() + step * np.arange(1, COMFORTABLE_BUDGETS - len(log_c) + 1)
    centre = float(log_c.mean())

    def slopes(x: FloatArray) -> FloatArray:
        """Derivatives of ln L by E, ln k and c: (m, 3)."""
        falling = loss.coefficient.value * np.exp(-loss.exponent.value * x)
        total = loss.floor.value + falling
        return np.stack([1 / total, falling / total, -falling / total * (x - centre)], axis=1)

    def sd(x: FloatArray) -> float:
        return float(np.linalg.norm(np.linalg.pinv(slopes(x)).T @ slopes(np.array([at]))[0]))

    with np.errstate(all="ignore"):
        try:
            ratio = sd(log_c) / sd(np.append(log_c, more))
        except np.linalg.LinAlgError:
            return None
    return ratio if np.isfinite(ratio) and ratio >= 1 else None


def at_bounds(smallest: float, loss: LossLaw, surface: SurfaceLaw | None) -> list[Note]:
    """Warnings of parameters that lie where the search ends.

    ``smallest`` is the loss that the floor is searched below: a budget's minimum, or a row's.
    """
    notes = []
    share = loss.floor.value / smallest
    if share < NO_FLOOR or share > ALL_FLOOR:
        told = (
            "shows no floor (E = 0), so the law is a straight power law, too optimistic further on "
            "where there is one"
            if share < NO_FLOOR
            else f"puts the floor at {100 * share:.0f} % of the smallest loss, about as high as it "
            "may be: E and the exponent are not determined by these rows"
        )
        notes.append(Note(code="floor-at-bound", text=f"the loss {told}."))
    if surface is not None:
        low, high = (float(np.exp(end)) for end in LOG_EXPONENT_RANGE)
        stuck = [
            f"{name} = {text.number(value)}"
            for name, value in (("alpha", surface.alpha.value), ("beta", surface.beta.value))
            if value < low * NEAR_BOUND or value > high / NEAR_BOUND
        ]
        if stuck:
            notes.append(
                Note(
                    code="exponent-at-bound",
                    text=f"the surface's {' and '.join(stuck)} is at the bound of what is searched "
                    f"({low:.2g} to {high:.2g}): the rows do not determine it, and the surface's "
                    "coefficients mean little.",
                )
            )
    return notes
