"""What the law would say without a budget, by another method, or with other FLOPs."""

from collections.abc import Callable
from dataclasses import dataclass

from ditlaw import text
from ditlaw.audit.refits import Refits, change, inside
from ditlaw.audit.seen import Seen
from ditlaw.results import Quantity, Refit

NEXT = "'ditlaw next SOURCE --target {} --spend F' proposes runs that tell"
SIZES = "sizes near each N*, at one budget nearer {}"  # 'next' narrows the loss, not N*


@dataclass(frozen=True)
class _Of:
    """What of a refit is compared, its error at held-out budgets, and how it is written."""

    value: Callable[[Refit], Quantity]
    error: Callable[[Refit], float | None]
    form: Callable[[float], str]
    mend: str  # where methods are apart at a target


LOSS = _Of(lambda r: r.loss, lambda r: r.loss_error, text.loss, NEXT)
PARAMS = _Of(lambda r: r.params, lambda r: r.params_error, text.count, SIZES)


def one_budget(refits: Refits) -> Seen:
    """Whether the law stays in the interval of what the others say, whichever budget is left out.

    Leaving out the largest makes that interval wider, as it is forecast from further away.
    """
    if not refits.without:
        return Seen("unknown", "no budget can be left out", "more budgets")
    tilted = max(abs(refit.exponent - refits.own.exponent) for refit in refits.without)
    loss, params = (_most(refits, refits.without, of) for of in (LOSS, PARAMS))
    said = f"at most L {loss}, N* {params}, exponent of N* by {tilted:.2g} if one is left out"
    bad = [refit for refit in refits.without if _outside(refits.own, refit)]
    if not bad:
        return Seen("met", f"{said}; inside the others' interval each time")
    where = ", ".join(refit.name.removeprefix("without ") for refit in bad[:3])
    return Seen(
        "not met",
        f"{said}; the rest without {where} excludes the law",
        f"seeds or sizes at {where}, or a budget beside it",
    )


def smallest(refits: Refits) -> Seen:
    """The same of the smallest budget, which most bends or is still warming up."""
    if not refits.without:
        return Seen("unknown", "no budget can be left out", "more budgets")
    first = refits.without[0]
    said = (
        f"{first.name}: L {text.percent(change(first.loss, refits.own.loss))}, "
        f"N* {text.percent(change(first.params, refits.own.params))}, "
        f"its exponent {refits.own.exponent:.2f} → {first.exponent:.2f}"
    )
    if inside(first.loss, refits.own.loss) and inside(first.params, refits.own.params):
        return Seen("met", said)
    return Seen("not met", said, "leave the smallest out, and go on to a larger one")


def by_method(refits: Refits, target: float) -> tuple[Seen, Seen]:
    """Of the loss and of N*: whether some other method is apart from the law.

    It is where neither of the two intervals holds the other's estimate.
    """
    return _methods(refits, LOSS, target), _methods(refits, PARAMS, target)


def _methods(refits: Refits, of: _Of, target: float) -> Seen:
    if not refits.methods:
        return Seen("unknown", "no other method can be fitted", "more budgets and sizes")
    own = of.value(refits.own)
    said = f"{of.form(own.value)} {text.bounds(own, of.form)}"
    values = {refit.name: of.value(refit) for refit in refits.methods}
    apart = [n for n, v in values.items() if not inside(v, own) and not inside(own, v)]
    if not apart:
        low, high = (f(values, key=lambda n: values[n].value) for f in (min, max))
        ends = " to ".join(f"{of.form(values[n].value)} ({n})" for n in (low, high))
        return Seen("met", f"{said}; others {ends}")
    error = of.error(refits.own)
    named = []
    for refit in refits.methods:
        if refit.name in apart:
            other = of.error(refit)
            past = "" if other is None else f" (erred {text.share(other)})"
            named.append(f"{refit.name} {of.form(of.value(refit).value)}{past}")
    past = "" if error is None else f" (erred {text.share(error)} held out)"
    said = f"{said}{past}; {', '.join(named)}"
    return Seen("not met", said, of.mend.format(text.flops(target)))


def by_count(refits: Refits) -> Seen:
    """What the exponent of N* would have been by 6·params·tokens."""
    other = refits.counted_6nd
    if other is None:
        return Seen("unknown", "there is no other count to fit again with", "exact 'flops'")
    said = f"N* ∝ C^{refits.own.exponent:.2f} by exact FLOPs, C^{other.exponent:.2f} by 6·N·D"
    moved = change(other.params, refits.own.params)
    said += f"; N* {text.percent(moved)} at the target"
    if inside(other.params, refits.own.params):
        return Seen("met", said)
    return Seen("not met", said, "compare exponents only with those of exact FLOPs")


def _outside(own: Refit, refit: Refit) -> bool:
    return not (inside(own.loss, refit.loss) and inside(own.params, refit.params))


def _most(refits: Refits, others: list[Refit], of: _Of) -> str:
    moved = [change(of.value(refit), of.value(refits.own)) for refit in others]
    return text.percent(max(moved, key=abs))
