"""A study for a target: the budgets, sizes and seeds that what may be spent allows.

The largest budget is as large as the spend allows; the others lie below it, evenly in ln C, as far
down as models take steps enough. A size is one trunk, and ends with the last budget that wants it.
"""

from dataclasses import dataclass

import numpy as np

from ditlaw import text
from ditlaw.design.centre import Centre
from ditlaw.design.sizes import Size, enough_steps, last_wanted, lattice, sizes_along, window
from ditlaw.errors import BadInput, Refused
from ditlaw.laws.minima import MIN_BUDGETS
from ditlaw.study import Study, study_runs
from ditlaw.study.schema import Target

BUDGETS = 6
CLOSEST = 1.4  # one budget ÷ the next, at least
SMALLEST = 20  # smallest budgets that are tried


@dataclass(frozen=True)
class Layout:
    """How a spend is laid out: ``sizes`` a budget, and the largest ÷ smallest budget at most."""

    sizes: int = 7
    seeds: int = 1
    widest: float = 32.0


def propose(
    base: Study, target: float, spend: float, centre: Centre, layout: Layout | None = None
) -> Study:
    """The study of the largest budgets that ``spend`` FLOPs pay for, all that is trained counted.

    ``base`` gives all else: family, data, recipe.

    Raises:
        BadInput: target or spend is no such number, or the family cannot be counted.
        Refused: the spend is below one run, or below a study of three budgets.
    """
    _check(target, spend)
    layout, there = layout or Layout(), sizes_along(base)
    least = float(there[0].mix.flops(enough_steps(base.recipe)))
    spent = f"--spend: {text.flops(spend)} FLOPs, {text.share(spend / target)} of the target,"
    if spend < least:
        raise Refused(
            f"{spent} are below one run: the smallest model, "
            f"{there[0].shape}, takes {text.flops(least)} for the {enough_steps(base.recipe)} "
            "steps from which on a run counts"
        )
    for largest in reversed(_budgets(least, spend)):
        study = _laid_out(base, there, largest, centre, layout)
        if study is not None and cost(study) <= spend:
            aim = Target(flops=target, like=centre.like)
            return study.model_copy(update={"forecast": aim})
    for largest in _budgets(least, target):
        study = _laid_out(base, there, largest, centre, layout)
        if study is not None:
            needed = cost(study)
            mend = "more than the target" if needed > target else f"--spend {1.01 * needed:.3g}"
            raise Refused(
                f"{spent} do not pay for {MIN_BUDGETS} budgets with sizes on both sides of the "
                f"best; that takes about {text.flops(needed)}, {mend}"
            )
    raise Refused(
        f"--target: no {MIN_BUDGETS} budgets below {text.flops(target)} FLOPs have sizes on both "
        f"sides of the best one that train {enough_steps(base.recipe)} steps; lower recipe.batch, "
        "or centre the sizes by another law (--like)"
    )


def _budgets(low: float, high: float) -> list[float]:
    """Budgets of two significant digits from one to another."""
    decades = range(int(np.floor(np.log10(low))), int(np.floor(np.log10(high))) + 1)
    digits = (float(f"{tenths / 10:.1f}e{power}") for power in decades for tenths in range(10, 100))
    return [budget for budget in digits if low <= budget <= high]


def cost(study: Study) -> float:
    """FLOPs of all that a study trains."""
    return float(sum(run.trained_flops for run in study_runs(study)))


def rounded(flops: float) -> float:
    """A budget with two significant digits, not above what was asked for."""
    unit = 10.0 ** (np.floor(np.log10(flops)) - 1)
    return float(f"{np.floor(flops / unit + 1e-6) * unit:.1e}")


def _check(target: float, spend: float) -> None:
    if not 0 < target < float("inf"):
        raise BadInput(f"--target: {target:g} is not a budget; use a positive number, as 1e21")
    if not 0 < spend < float("inf"):
        raise BadInput(f"--spend: {spend:g} is not a number of FLOPs; use a positive one, as 1e19")
    if spend >= target:
        raise BadInput(
            f"--spend: {text.flops(spend)} FLOPs would pay for the target itself, "
            f"{text.flops(target)}; train that, or spend less"
        )


def _laid_out(
    base: Study, there: list[Size], largest: float, centre: Centre, layout: Layout
) -> Study | None:
    """The study whose largest budget is that; None where fewer than three budgets fit."""
    sizes = lattice(there, centre, largest / layout.widest, largest, layout.sizes)
    lowest = np.geomspace(largest / layout.widest, largest / CLOSEST ** (MIN_BUDGETS - 1), SMALLEST)
    fit = [c for c in lowest if window(sizes, float(c), centre, layout.sizes, base.recipe)]
    if not fit:
        return None
    number = min(BUDGETS, int(np.log(largest / fit[0]) / np.log(CLOSEST) + 1e-9) + 1)
    budgets = [rounded(float(c)) for c in np.geomspace(fit[0], largest, number)]
    last = last_wanted(sizes, budgets, centre, layout.sizes, base.recipe)
    if last is None or any(size.mix.last_step(budgets[0]) < 1 for size, _ in last):
        return None
    shapes = [size.entry(None if c == budgets[-1] else c) for size, c in last]
    seeds = list(range(layout.seeds))
    return base.model_copy(
        update={"budgets": budgets, "shapes": shapes, "seeds": seeds, "replicates": None}
    )
