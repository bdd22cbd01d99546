"""What a wish costs: the FLOPs at which a law's best size, images or loss is what is asked for."""

from collections.abc import Callable
from functools import cache
from typing import Literal, get_args

import numpy as np
from scipy.optimize import brentq

from ditlaw import text
from ditlaw.answering import AnsweringLaw
from ditlaw.errors import BadInput, Refused
from ditlaw.laws.ensemble import Band
from ditlaw.laws.table import FloatArray
from ditlaw.results import Note, Quantity, Wish

Of = Literal["params", "images", "loss"]
End = Literal["value", "low", "high"]
OF: tuple[Of, ...] = get_args(Of)
DECADES = np.arange(-12.0, 13.0)  # about the largest fitted FLOPs; laws are refused further out
INSIDE = 1e-6  # how far inside the reach its ends are asked, where rounding cannot put them outside
WITHOUT_RANGE = 1e20  # the middle of the search where the fitted FLOPs are not known


def asked_for(**wishes: float | None) -> dict[Of, float]:
    """The wishes that were given, of ``params``, ``images`` and ``loss``."""
    return {of: value for of in OF if (value := wishes[of]) is not None}


def cost(law: AnsweringLaw, of: Of, value: float, each: float | None = None) -> Wish:
    """The FLOPs at which the law's best ``of`` is ``value``, with an interval.

    ``each`` is the tokens of one image, where the law does not know them. The interval is that of
    the law read across: from where one of its bounds meets the value to
    where the other does. A bound that never does is null.

    Raises:
        BadInput: the value is not a positive number, or images are asked of a law that does not
            know the tokens of one.
        Refused: the law does not speak of that, or does not come there within 1e12 times what was
            fitted.
    """
    if not 0 < value < float("inf"):
        raise BadInput(f"--{of}: {value:g} is not a positive number")
    source = law.observations.source
    each = law.observations.tokens_per_image() or each
    if of == "images" and each is None:
        raise BadInput(
            f"--images: {source}: the tokens of one image are not known; an images column gives "
            "them, as do --family, --latent, --patch and --text-tokens"
        )
    start = (law.observations.flops_range() or (0.0, WITHOUT_RANGE))[1]
    if _band(law, of, start) is None:
        raise Refused(f"--{of}: {source}: its {of} are not known at any budget")
    target = value * (each if of == "images" and each else 1.0)

    @cache
    def band(log_c: float) -> Band | None:
        try:
            return _band(law, of, float(np.exp(log_c)))
        except Refused:
            return None

    def gap(end: End) -> Callable[[float], float]:
        def of_end(log_c: float) -> float:
            found = band(log_c)
            return np.nan if found is None else float(np.log(getattr(found, end)[0] / target))

        return of_end

    grid = np.log(start) + np.log(10) * DECADES
    grid[[0, -1]] += (INSIDE, -INSIDE)
    central = _solve(gap("value"), grid, np.log(start))
    if central is None:
        raise Refused(_out_of_reach(source, of, value, grid, band))
    # A size is reached early by the law's upper bound, a loss by its lower one.
    ends: tuple[End, End] = ("low", "high") if of == "loss" else ("high", "low")
    early, late = (_solve(gap(end), grid, central) for end in ends)
    flops = Quantity(
        value=float(np.exp(central)),
        low=None if early is None else float(np.exp(early)),
        high=None if late is None else float(np.exp(late)),
        level=law.level,
    )
    return Wish(of=of, value=value, flops=flops, how=_how(law, of, value, flops.value))


def _band(law: AnsweringLaw, of: Of, flops: float) -> Band | None:
    curve = law.curve(np.array([flops]))
    return {"params": curve.params, "images": curve.tokens, "loss": curve.loss}[of]


def _solve(gap: Callable[[float], float], grid: FloatArray, start: float) -> float | None:
    """Ln C nearest to ``start`` at which the gap passes zero; None if nowhere on the grid."""
    signs = np.sign([gap(float(c)) for c in grid])
    passes = np.flatnonzero(signs[:-1] * signs[1:] <= 0)  # never where either is not a number
    if not len(passes):
        return None
    k = passes[np.abs((grid[passes] + grid[passes + 1]) / 2 - start).argmin()]
    return float(brentq(gap, float(grid[k]), float(grid[k + 1]), xtol=1e-9))


def _out_of_reach(
    source: str, of: Of, value: float, grid: FloatArray, band: Callable[[float], Band | None]
) -> str:
    form = text.loss if of == "loss" else text.count
    what = {"params": "params", "images": "tokens", "loss": "loss"}[of]
    there = [(float(b.value[0]), float(c)) for c in grid if (b := band(float(c)))]
    said = "no number there"
    if there:
        nearest, log_c = min(there, key=lambda found: abs(np.log(found[0] / value)))
        said = f"no nearer than {form(nearest)} at {text.flops(float(np.exp(log_c)))} FLOPs"
    return (
        f"--{of}: {value:g} is not reached within 1e12 times what {source} was fitted on "
        f"(its {what}: {said})"
    )


def _how(law: AnsweringLaw, of: Of, value: float, flops: float) -> str:
    """One line: the formula of a published law, or the law in words."""
    name, key = {"params": ("N*", "params"), "images": ("D*", "tokens"), "loss": ("L", "loss")}[of]
    formula = law.optimum(flops).formulas.get(key)
    said = text.loss(value) if of == "loss" else text.count(value)
    said += " images" if of == "images" else ""
    if formula is None:
        return f"there {name} of this law is {said}"
    return f"{formula}; it is {said} at C = {text.flops(flops)}"


def open_ended(wish: Wish) -> list[Note]:
    """Why a bound of what a wish costs is not there."""
    ends = {"lower": wish.flops.low, "upper": wish.flops.high}
    missing = [name for name, end in ends.items() if end is None]
    if not missing:
        return []
    return [
        Note(
            code="open-bound",
            text=f"what it costs has no {' and no '.join(missing)} bound: the interval of the law "
            f"never comes to that {wish.of} within 1e12 times what was fitted.",
        )
    ]
