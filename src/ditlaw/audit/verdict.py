"""The verdict: how far a law is defensible, or that it is not, and the reasons that weigh most."""

from collections.abc import Sequence

from ditlaw import text
from ditlaw.audit.heldout import FEWEST, loss_inside, params_inside, reach
from ditlaw.audit.seen import Found
from ditlaw.results import AuditCheck

REASONS = 3
Reason = tuple[str, AuditCheck]
# Items without which nothing may be defended, then those that weigh most, heaviest first.
DECISIVE = {
    "enough budgets": "there are too few budgets",
    "losses forecast": "forecasts of held-out budgets do not bear it out",
}
HEAVY = {
    "best sizes forecast": "best sizes of held-out budgets were missed",
    "one law at all budgets": "the law bends inside its data",
    "no one budget decides": "it hangs on one budget",
    "N* alike by all methods": "N* depends on the method",
    "loss alike by all methods": "the loss depends on the method",
    "optimum inside the sizes": "not every budget brackets its minimum",
    "centre does not drift": "the grid drifts against N*",
    "sizes centred": "the grid is off-centre",
    "residuals look like noise": "the fit leaves a pattern",
    "smallest budget fits in": "the smallest budget tilts it",
    "no run stands out": "some runs stand out",
    "parameters determined": "its parameters are not determined",
    "sizes wide enough": "sizes are too close together",
    "no data seen twice": "data were repeated",
    "noise known from seeds": "no seeds measure run noise",
    "budgets far apart": "the budgets span little",
    "learning rate tuned at each size": "the learning rate was not tuned at each size",
    "FLOPs counted exactly": "FLOPs are 6·params·tokens",
}


def verdict(found: Found, checks: Sequence[AuditCheck]) -> tuple[str, float | None, float | None]:
    """The verdict in words, and the reach of the loss and of N*; None where there is none."""
    failed = {check.item: check for check in checks if check.state == "not met"}
    gain = "no-gain" not in found.notes
    decisive = [(said, failed[item]) for item, said in DECISIVE.items() if item in failed]
    held = reach(found, loss_inside) if gain and not decisive else None
    sizes = reach(found, params_inside) if held is not None else None
    if held is None:
        return _not(decisive, gain), None, None
    said = (
        f"Defensible up to {_times(found, held)}, where {found.result.metric} is known to "
        f"±{_half_width(found, held)}: {_tests(found)}."
    )
    if sizes is None:
        said += " N* is not."
    elif sizes < held:
        said += f" N* only up to {_times(found, sizes)}."
    reasons = [item for item in HEAVY if item in failed][:REASONS]
    if reasons:
        said += f" Against it: {'; '.join(HEAVY[item] for item in reasons)}."
    return said, held, sizes


def _not(decisive: Sequence[Reason], gain: bool) -> str:
    if not gain:
        return "Not defensible: the best loss does not fall with compute."
    if decisive:
        return f"Not defensible: {_listed(decisive)}."
    return f"Not defensible: at no distance did a forecast of {FEWEST} held-out budgets hold."


def _times(found: Found, beyond: float) -> str:
    flops = found.law.largest_flops * beyond
    return f"{beyond:.3g} times the largest budget ({text.flops(flops)} FLOPs)"


def _half_width(found: Found, beyond: float) -> str:
    there = found.law.optimum(found.law.largest_flops * beyond)
    return text.share((there.law_high - there.law_low) / 2 / there.loss.value)


def _tests(found: Found) -> str:
    tests = found.result.backtest
    good = sum(test.loss_covered for test in tests)
    budgets = len({test.held_out for test in tests})
    return f"{good} of {len(tests)} forecasts of {budgets} held-out budgets lay in their intervals"


def _listed(reasons: Sequence[Reason]) -> str:
    return "; ".join(f"{said} ({check.text})" for said, check in reasons)
