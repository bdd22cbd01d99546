"""How ditlaw puts things in words: nearest names, and numbers with units."""

import difflib
import re
from collections.abc import Callable, Iterable
from typing import Any

from ditlaw.errors import BadInput
from ditlaw.results import Quantity, RunNoise, Tally

MOST_LISTED = 24


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that the user most likely meant: one with it as a word, else one alike."""
    by_lower = {k.lower(): k for k in known}
    whole = [k for k in by_lower if name.lower() in k.replace("-", "_").split("_")]
    match = whole or difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[match[0]] if match else None


def unknown(what: str, name: str, known: Iterable[str]) -> BadInput:
    """The error for a name that does not exist: the nearest one, else all that a line can hold."""
    known = list(known)
    guess = nearest(name, known)
    listed = ", ".join(known)
    if len(known) > MOST_LISTED:
        listed = f"{', '.join(known[:MOST_LISTED])}, … ({len(known)} in all)"
    mend = f"did you mean '{guess}'?" if guess else f"known: {listed}"
    return BadInput(f"{what}: '{name}' is unknown; {mend}")


def plain(name: str, length: int = 40) -> str:
    """A name of the user's in one short line: what does not print becomes a question mark."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in name)
    return shown if len(shown) <= length else shown[: length - 3] + "..."


def slug(name: str) -> str:
    """A name as part of a file name: letters, digits, dot, dash and underscore."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-")


def count(value: float) -> str:
    """A count for people: 23.4k, 1.2M, 3.4B, 5.6T."""
    if abs(value) >= 1e15:
        return flops(value)
    for limit, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit * 0.9995:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}"


def flops(value: float) -> str:
    """FLOPs for people: 2.4e11."""
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def budget_name(flops: float) -> str:
    """A budget as part of a file name, exact: 9.6e+11."""
    short = f"{flops:.6g}"
    return short if float(short) == flops else repr(flops)


def run_noise(noise: RunNoise, metric: str) -> str:
    """How far one run scatters, and how that is known."""
    low, high = (f"{bound:.2%}" for bound in (noise.sd.low or 0, noise.sd.high or 0))
    how = "the scatter about the fit"
    if noise.source == "seeds":
        how = f"the seeds of {noise.replicated} sizes and budgets"
    return (
        f"One run scatters by {noise.sd.value:.2%} [{low}, {high}] of its {metric} at the largest "
        f"budget, {noise.sd_smallest_budget:.2%} at the smallest, by {how}."
    )


def shape(model: Any) -> str:
    """A model's shape in words, of anything with its depth, width and heads."""
    single = f" + {model.single_depth} single" if model.single_depth else ""
    return f"depth {model.depth}{single}, width {model.width}, heads {model.heads}"


def days(value: float) -> str:
    """Days for people; less than one in hours."""
    return f"{count(value)} days" if value >= 1 else hours(value * 24)


def hours(value: float) -> str:
    """GPU hours for people, from microseconds to years of GPUs."""
    if value >= 0.1:
        return f"{count(value)} h" if value >= 1000 else f"{value:.3g} h"
    seconds = value * 3600
    for limit, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= limit:
            return f"{seconds / limit:.3g} {unit}"
    return f"{seconds:.2g} s"


def memory(gigabytes: float) -> str:
    """Memory for people: 109 GB, 0.55 MB."""
    return f"{gigabytes:.3g} GB" if gigabytes >= 0.1 else f"{gigabytes * 1000:.2g} MB"


def hardware(gpu: str, mfu: float, source: str | None, assumed: bool) -> str:
    """What hours are counted on, and where its MFU is from unless it was stated."""
    known = source or ("assumed" if assumed else "stated")
    return f"{gpu} at {mfu:.3g} MFU" + ("" if known == "stated" else f", {known}")


def loss(value: float) -> str:
    """A loss with four significant digits."""
    return f"{value:.4g}"


def number(value: float) -> str:
    """Any other number, three significant digits."""
    return f"{value:.3g}"


def bounds(quantity: Quantity, form: Callable[[float], str] = count) -> str:
    """``[low, high]``; an unknown bound is a question mark."""
    ends = (quantity.low, quantity.high)
    return "[{}, {}]".format(*("?" if end is None else form(end) for end in ends))


def with_interval(quantity: Quantity | None, form: Callable[[float], str] = count) -> str:
    """``value [low, high]``, or a dash where there is none."""
    return f"{form(quantity.value)} {bounds(quantity, form)}" if quantity else "-"


def percent(fraction: float) -> str:
    """A signed percentage: +1.2 %."""
    return f"{100 * fraction:+.2g} %" if abs(fraction) < 0.1 else f"{100 * fraction:+.0f} %"


def share(fraction: float) -> str:
    """A fraction without a sign: 0.26 %; 12× where it is ten or more."""
    if fraction >= 10:
        return f"{count(fraction)}×"
    return f"{100 * fraction:.2g} %" if fraction < 0.1 else f"{100 * fraction:.0f} %"


def one_law(believed: float, metric: str) -> str:
    """How far the metric along the minima is one law through all budgets, as a sentence."""
    return (
        f"One law with a floor for all budgets is believed to {100 * believed:.0f} %; for the rest "
        f"the {metric} along their minima goes on as in the latest ones."
    )


def tested(beyond: float | None) -> str:
    """How far a law has been put to the test, as a sentence."""
    if beyond is None:
        return "Not tested on held-out budgets."
    return f"Tested up to {beyond:.3g}× beyond what it was fitted on."


def tally(found: Tally) -> str:
    """How often the forecasts of a study held, as a sentence."""
    return (
        f"Of all checks of this study {found.inside} of {found.runs} runs lie inside; "
        f"{found.level:.0%} is nominal."
    )
