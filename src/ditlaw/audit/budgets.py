"""Budgets and the sizes at each: enough of them, wide enough, around the minimum, centred on it."""

from collections.abc import Callable

import numpy as np

from ditlaw import text
from ditlaw.audit.seen import Found, Seen, name_of, some
from ditlaw.laws.isoflop import EDGE, FEW, Parabola
from ditlaw.laws.table import FloatArray
from ditlaw.tablefile import numbers

ENOUGH = 5  # usable budgets
SPAN = 100.0  # largest ÷ smallest of them
ASIDE = 2  # sizes on either side of a minimum
WIDTH = 6.0  # largest ÷ smallest size near a minimum
OFF_CENTRE = 1.3  # middle of the sizes ÷ N*, over all budgets
DRIFTS = 2.0  # by how much that may change from the smallest to the largest budget
ERRORS = 2.0  # standard errors that either must exceed
NO_BUDGETS = Seen("unknown", "the rows are in no budgets", "a column 'budget'")


def enough(found: Found) -> Seen:
    """Usable budgets, of all; lone runs at larger ones are budgets to the joint form."""
    if not found.usable:
        return NO_BUDGETS
    usable = found.usable + found.lone
    said = f"{len(usable)} usable of {len(found.curves)}{_lone(found)}; a line wants {ENOUGH}"
    if len(usable) >= ENOUGH:
        return Seen("met", said)
    lacking = ENOUGH - len(usable)
    step = np.exp(max((usable[-1].log_c - usable[0].log_c) / max(len(usable) - 1, 1), np.log(2)))
    ahead = [float(np.exp(usable[-1].log_c) * step**k) for k in range(1, lacking + 1)]
    return Seen(
        "not met", said, f"run {lacking} more, as at {', '.join(map(text.flops, ahead))} FLOPs"
    )


def spanned(found: Found) -> Seen:
    """How far the usable budgets lie apart."""
    if not found.usable:
        return NO_BUDGETS
    first, last = found.usable[0], (found.usable + found.lone)[-1]
    apart = float(np.exp(last.log_c - first.log_c))
    said = f"{name_of(first)} to {name_of(last)} FLOPs, {text.count(apart)} times"
    if apart >= SPAN * 0.99:
        return Seen("met", said)
    wanted = float(np.exp(first.log_c)) * SPAN
    return Seen("not met", said, f"a budget of {text.flops(wanted)} makes it {SPAN:g} times")


def bracketed(found: Found) -> Seen:
    """Whether every budget has a minimum inside its sizes."""
    if not found.curves:
        return NO_BUDGETS
    bad = [curve for curve in found.curves if curve not in found.usable + found.lone]
    if not bad:
        return Seen("met", f"at all {len(found.curves) - len(found.lone)} budgets{_lone(found)}")
    said = f"no minimum inside the sizes at {some([name_of(c) for c in bad])} FLOPs"
    return Seen("not met", said, "; ".join(_where_to_run(found, curve) for curve in bad[:3]))


def sided(found: Found) -> Seen:
    """Whether each minimum has two sizes on either side."""
    if not found.usable:
        return NO_BUDGETS
    said, mends = [], []
    for curve in found.usable:
        sizes = found.sizes(curve)
        below, above = int(np.sum(sizes < curve.log_n)), int(np.sum(sizes > curve.log_n))
        if min(below, above) < ASIDE:
            side = "above" if above < below else "below"
            said.append(f"{name_of(curve)} has {min(below, above)} {side} its best")
            mends.append(_beyond(sizes, side == "above", curve))
    if not said:
        return Seen("met", f"{ASIDE} or more on either side at all {len(found.usable)}")
    return Seen("not met", some(said), "; ".join(mends[:3]))


def wide(found: Found) -> Seen:
    """How far apart the sizes near each minimum are."""
    if not found.usable:
        return NO_BUDGETS
    spans = [float(np.exp(np.ptp(found.sizes(curve)))) for curve in found.usable]
    middle = float(np.median(spans))
    said = f"{min(spans):.2g} to {max(spans):.2g} times apart, {middle:.2g} in the middle"
    if middle >= WIDTH:
        return Seen("met", said)
    mend = f"sizes from N*/4 to 4·N* at each budget: what is under {WIDTH:g} times apart sees noise"
    return Seen("not met", said, mend)


def centred(found: Found) -> Seen:
    """Whether the middle of the sizes is the best size, on the whole."""
    return _placed(found, _centring)


def steady(found: Found) -> Seen:
    """Whether it is so at small and large budgets alike: a drift tilts the exponent."""
    return _placed(found, _drifting)


def _placed(found: Found, judge: Callable[[FloatArray, FloatArray], Seen]) -> Seen:
    if len(found.usable) < 3:
        return NO_BUDGETS if not found.usable else Seen("unknown", "too few budgets to tell")
    middles = [float(np.mean(found.grid(c)[[0, -1]])) for c in found.usable]
    away = np.array(middles) - np.array([c.log_n for c in found.usable])
    return judge(np.array([c.log_c for c in found.usable]), away)


def _centring(log_c: FloatArray, away: FloatArray) -> Seen:
    mean = float(np.mean(away))
    error = float(np.std(away, ddof=1) / np.sqrt(len(away)))
    said = f"their middle is {np.exp(mean):.2g}·N* on average"
    if abs(mean) <= np.log(OFF_CENTRE) or abs(mean) <= ERRORS * error:
        return Seen("met", said)
    side = "larger" if mean < 0 else "smaller"
    return Seen("not met", said, f"{side} sizes at each budget: off-centre parabolas shift N*")


def _drifting(log_c: FloatArray, away: FloatArray) -> Seen:
    x = (log_c - log_c.mean()) / np.ptp(log_c)
    slope = float(x @ away / (x @ x))
    rest = away - away.mean() - slope * x
    error = float(np.sqrt(rest @ rest / max(len(x) - 2, 1) / (x @ x)))
    ends = np.exp(away.mean() + slope * x[[0, -1]])
    said = f"from {ends[0]:.2g}·N* at the smallest budget to {ends[1]:.2g}·N*"
    if abs(slope) <= np.log(DRIFTS) or abs(slope) <= ERRORS * error:
        return Seen("met", said)
    side = ("smaller", "larger") if slope > 0 else ("larger", "smaller")
    mend = f"{side[1]} sizes at small budgets, {side[0]} at large ones: a drift tilts N*'s exponent"
    return Seen("not met", said, mend)


def _lone(found: Found) -> str:
    """How many larger budgets have few sizes, if any; rounds of an adaptive study leave them so."""
    if not found.lone:
        return ""
    rows = np.concatenate([curve.rows for curve in found.lone])
    chosen = found.tells("round") and bool((numbers(found.frame["round"]).iloc[rows] > 0).all())
    why = "on purpose, " if chosen else ""
    return f" ({len(found.lone)} larger have few sizes, {why}which the joint form uses)"


def _where_to_run(found: Found, curve: Parabola) -> str:
    """What would give a budget a minimum."""
    sizes = found.sizes(curve)
    if curve.status == FEW:
        return f"{4 - len(sizes)} more sizes near {text.count(np.exp(sizes).mean())} at " + name_of(
            curve
        )
    rows = curve.rows
    best = found.law.table.log_n[rows[np.argmin(found.law.table.log_loss[rows])]]
    above = curve.log_n > sizes.mean() if curve.status == EDGE else bool(best > sizes.mean())
    return _beyond(sizes, above, curve)


def _beyond(sizes: FloatArray, above: bool, curve: Parabola) -> str:
    end = text.count(float(np.exp(sizes[-1 if above else 0])))
    return f"sizes {'above' if above else 'below'} {end} at {name_of(curve)}"
