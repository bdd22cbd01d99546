"""What a wish costs: the FLOPs at which a law's best size, images or loss is what is asked for."""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from scipy.optimize import brentq

from ditlaw import text
from ditlaw.answering import Answer, AnsweringLaw
from ditlaw.errors import BadInput, Refused
from ditlaw.results import Quantity, Wish

Of = Literal["params", "images", "loss"]
OF: tuple[Of, ...] = get_args(Of)
DECADES = range(-12, 13)  # about the largest fitted FLOPs; beyond them a law is refused anyway
WITHOUT_RANGE = 1e20  # where the search starts for a law whose range is not known


def asked_for(**wishes: float | None) -> dict[Of, float]:
    """The wishes that were given, of ``params``, ``images`` and ``loss``."""
    return {of: value for of in OF if (value := wishes[of]) is not None}


def cost(law: AnsweringLaw, of: Of, value: float) -> Wish:
    """The FLOPs at which the law's best ``of`` is ``value``, with an interval.

    The interval is that of the law read across: from where its upper bound of a size (its lower
    bound of a loss) meets the value to where the other bound does; a bound that never does is null.

    Raises:
        BadInput: the value is not a positive number, or images are asked of a law that does not
            know the tokens of one.
        Refused: the law does not speak of that, or does not come there within 1e12 times what was
            fitted.
    """
    if not 0 < value < float("inf"):
        raise BadInput(f"--{of}: {value:g} is not a positive number")
    source = law.observations.source
    each = law.observations.tokens_per_image()
    if of == "images" and each is None:
        raise BadInput(
            f"--images: {source}: the tokens of one image are not known; an images column gives "
            "them, or ask with --flops"
        )
    target = value * each if of == "images" and each else value

    def end(name: str) -> Callable[[float], float]:
        return lambda flops: _bound(law.optimum(flops), of, name)

    start = (law.observations.flops_range() or (0.0, WITHOUT_RANGE))[1]
    if _part(law.optimum(start), of) is None:
        raise Refused(f"--{of}: {source}: its {of} are not known at any budget")
    central = _solve(end("value"), target, start)
    if central is None:
        raise Refused(_out_of_reach(law, of, value, start))
    # A size is reached early by the law's upper bound, a loss by its lower one.
    early, late = ("low", "high") if of == "loss" else ("high", "low")
    flops = Quantity(
        value=central,
        low=_solve(end(early), target, central),
        high=_solve(end(late), target, central),
        level=law.level,
    )
    return Wish(of=of, value=value, flops=flops, how=_how(law, of, value, central))


def _part(answer: Answer, of: Of) -> Quantity | None:
    return {"params": answer.params, "images": answer.tokens, "loss": answer.loss}[of]


def _bound(answer: Answer, of: Of, end: str) -> float:
    """The value, or a bound of the law's own: one run's luck does not change what a loss costs."""
    if of == "loss" and end != "value":
        found = answer.law_low if end == "low" else answer.law_high
    else:
        found = getattr(_part(answer, of), end, None)
    return float("nan") if found is None else float(found)


def _solve(value: Callable[[float], float], target: float, start: float) -> float | None:
    """FLOPs nearest to ``start`` at which ``value`` passes ``target``; None if nowhere in reach."""

    def gap(log_c: float) -> float:
        try:
            return float(np.log(value(float(np.exp(log_c))) / target))
        except Refused:
            return float("nan")

    grid = np.log(start) + np.log(10) * np.array(DECADES)
    # The ends are a hair inside the reach, where rounding could put them outside.
    grid[[0, -1]] += (1e-6, -1e-6)
    gaps = np.array([gap(c) for c in grid])
    passes = np.flatnonzero(np.sign(gaps[:-1]) * np.sign(gaps[1:]) <= 0)
    if not len(passes):
        return None
    middle = (grid[passes] + grid[passes + 1]) / 2
    k = passes[np.abs(middle - np.log(start)).argmin()]
    return float(np.exp(brentq(gap, grid[k], grid[k + 1], xtol=1e-10)))


def _out_of_reach(law: AnsweringLaw, of: Of, value: float, start: float) -> str:
    ends = []
    for decades in (DECADES[0], DECADES[-1]):
        flops = start * 10.0**decades * (1 + 1e-6 if decades < 0 else 1 - 1e-6)
        try:
            there = _bound(law.optimum(flops), of, "value")
        except Refused:
            continue
        form = text.loss if of == "loss" else text.count
        ends.append(f"{form(there)} at {text.flops(flops)} FLOPs")
    reached = " and ".join(ends) or "no number there"
    return (
        f"--{of}: {value:g} is not reached within 1e12 times what {law.observations.source} was "
        f"fitted on (it says {reached})"
    )


def _how(law: AnsweringLaw, of: Of, value: float, flops: float) -> str:
    """One line: the formula of a published law, or the law in words."""
    form = text.loss if of == "loss" else text.count
    name = {"params": "N*", "images": "D*", "loss": "L"}[of]
    key = "tokens" if of == "images" else of
    formula = law.optimum(flops).formulas.get(key, f"{name} of this law")
    said = f"{form(value)} images" if of == "images" else form(value)
    return f"{formula}; it is {said} at C = {text.flops(flops)}"
