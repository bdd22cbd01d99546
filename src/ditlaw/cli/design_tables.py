"""What the fit of a plan can be expected to say, in words."""

from rich.console import Console
from rich.markup import escape

from ditlaw import text
from ditlaw.results import ErrorQuantiles, ExpectedInterval, Halving


def show_expected(console: Console, expected: ExpectedInterval, planned: float) -> None:
    """What the plan's fit would say, its errors, and what would halve it; the plan's own FLOPs."""
    at = f"At {text.flops(expected.flops)} FLOPs, {expected.beyond:.3g}× the largest budget"
    of = f"{expected.simulated} simulated studies"
    half, size = expected.loss_half_width, expected.params_half_width
    lines = []
    if half is None or size is None:
        lines.append(
            f"{at}, nothing can be expected of this plan: of {of} {expected.refused} gave no "
            "answer, for want of budgets whose minimum can be used, or as the target is too far."
        )
    else:
        lines += [
            f"{at}, expect a loss to within ±{text.share(half)} and the best size within a factor "
            f"{1 + size:.2g} ({100 * expected.level:.0f} % intervals, medians of {of})."
            f"{_lost(expected)}",
            f"Estimates miss the loss by {_errors(expected.loss_error)}; "
            f"the best size by {_errors(expected.params_error)}.",
            f"To halve ±{text.share(half)}: {_budgets(expected.more_budgets, planned)}; "
            f"{_seeds(expected.more_seeds, planned)}.",
        ]
    lines.append(f"Assumed: {'; '.join(expected.assumptions)}.")
    console.print()
    for line in lines:
        console.print(escape(line), soft_wrap=True)


def _lost(expected: ExpectedInterval) -> str:
    if not expected.refused:
        return ""
    one_in = round(expected.simulated / expected.refused)
    return (
        f" About one such study in {one_in} cannot be fitted ({expected.refused} of "
        f"{expected.simulated} gave no answer): spend more, or add budgets."
    )


def _errors(errors: ErrorQuantiles | None) -> str:
    if errors is None:
        return "?"
    return f"{text.share(errors.median)}, one in ten by over {text.share(errors.ninetieth)}"


def _budgets(halving: Halving | None, planned: float) -> str:
    if halving is None:
        return "no budget more fits below the target"
    if halving.number is None:
        return _not(halving, f"{halving.tried} more budgets", planned)
    more = "1 more budget" if halving.number == 1 else f"{halving.number} more budgets"
    return f"{more} above, {_cost(halving, planned)}"


def _seeds(halving: Halving | None, planned: float) -> str:
    if halving is None:
        return "seeds were not tried"
    if halving.number is None:
        return _not(halving, f"{halving.tried + 1}× as many seeds", planned)
    return f"{halving.number + 1}× as many seeds, {_cost(halving, planned)}"


def _not(halving: Halving, what: str, planned: float) -> str:
    left = text.share(halving.half_width)
    return f"{what} would not, they leave ±{left} for {_cost(halving, planned)}"


def _cost(halving: Halving, planned: float) -> str:
    return f"{text.flops(halving.flops)} FLOPs more ({halving.flops / planned:.2g}× the plan)"
