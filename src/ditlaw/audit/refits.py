"""The law fitted again: without a budget, by another method, with other FLOPs.

Each keeps the settings of the law but for the draws. What is compared is what one would act on: the
loss and the size at a target, and the exponent of N*.
"""

from dataclasses import dataclass, replace

import numpy as np

from ditlaw.audit.seen import Found, name_of
from ditlaw.errors import DitlawError
from ditlaw.laws import Law
from ditlaw.laws.candidates import METHODS
from ditlaw.laws.fitting import fit, refit
from ditlaw.observations import Observations
from ditlaw.results import Quantity, Refit

DRAWS = 100


@dataclass(frozen=True)
class Refits:
    """The law itself at the target, and every other fit of its rows there."""

    own: Refit
    without: list[Refit]  # smallest budget first
    methods: list[Refit]
    counted_6nd: Refit | None  # None where the FLOPs are 6·params·tokens anyway

    @property
    def all(self) -> list[Refit]:
        """The law, then every other."""
        return [self.own, *self.without, *self.methods, *filter(None, [self.counted_6nd])]


def refits_of(found: Found, target: float, counts_differ: bool) -> Refits:
    """All of them; one that the rows do not allow is left out."""
    law = found.law
    without = [
        _again(law, target, f"without {name_of(curve)}", without=curve.budget)
        for curve in found.usable
    ]
    others = [m for m in METHODS if m not in ("auto", law.method)]
    methods = [_again(law, target, method, method=method) for method in others]
    return Refits(
        own=_at(law, target, "the law"),
        without=[refit for refit in without if refit is not None],
        methods=[refit for refit in methods if refit is not None],
        counted_6nd=_as_6nd(law, target) if counts_differ else None,
    )


def _again(
    law: Law, target: float, name: str, *, without: float | None = None, method: str | None = None
) -> Refit | None:
    rows = law.observations
    if without is not None:
        rows = replace(rows, frame=rows.frame[rows.frame["budget"] != without])
    try:
        found = refit(
            rows,
            law.kappa,
            method=method or law.method,  # type: ignore[arg-type]
            metric=law.metric,
            level=law.level,
            draws=DRAWS,
            seed=law.seed,
        )
        return _at(found, target, name)
    except DitlawError:
        return None


def _as_6nd(law: Law, target: float) -> Refit | None:
    """Of the same models; the target is that of the same model and tokens, so nearly the same."""
    frame = law.observations.frame
    flops = 6.0 * frame["params"] * frame["tokens"]
    rows: Observations = replace(law.observations, frame=frame.assign(flops=flops), flops_as="6nd")
    try:
        found = fit(
            replace(rows, study=None),
            method=law.method,
            metric=law.metric,
            level=law.level,
            draws=DRAWS,
            seed=law.seed,
        )
        moved = found.largest_flops / law.largest_flops
        return _at(found, target * moved, "6·params·tokens")
    except DitlawError:
        return None


def _at(law: Law, target: float, name: str) -> Refit:
    optimum, tests = law.optimum(target), law.fitted.backtest
    return Refit(
        name=name,
        exponent=law.result().params.exponent.value,
        params=optimum.params,
        loss=Quantity(
            value=optimum.loss.value, low=optimum.law_low, high=optimum.law_high, level=law.level
        ),
        loss_error=_rms([test.loss_error for test in tests]),
        params_error=_rms([test.params_error for test in tests]),
    )


def _rms(errors: list[float]) -> float | None:
    return float(np.sqrt(np.mean(np.square(errors)))) if errors else None


def inside(value: Quantity, other: Quantity) -> bool:
    """Whether one estimate lies in the interval of the other."""
    assert other.low is not None
    assert other.high is not None
    return bool(other.low <= value.value <= other.high)


def change(new: Quantity, old: Quantity) -> float:
    """Relative change of the estimate."""
    return float(np.expm1(np.log(new.value) - np.log(old.value)))
