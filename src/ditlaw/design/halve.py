"""How many more budgets, or seeds, would halve the interval at the target: tried in simulation.

The same truths as the plan's, so that a pair of studies differs in its design and its noise alone.
"""

from collections.abc import Callable

import numpy as np

from ditlaw.design.centre import Centre
from ditlaw.design.propose import cost, rounded
from ditlaw.design.simulate import Said, planned_rows, simulate
from ditlaw.design.sizes import last_wanted, lattice, size_of, sizes_along
from ditlaw.design.truths import Truth
from ditlaw.results import Halving
from ditlaw.study import Study

STUDIES = 6  # that a change is judged by
MOST_SEEDS = 3  # to add to each of the plan's: 4 times as many halve what noise alone makes
MOST_BUDGETS = 12  # to add
FEWEST = 5  # sizes of a new budget, at least
HALF = 0.5
APART = 1.2  # the next size ÷ the plan's largest, at least
Simulated = list[Said | None]
Change = Callable[[int], Study | None]


def by_budgets(
    study: Study, target: float, centre: Centre, truths: list[Truth], said: Simulated
) -> Halving | None:
    """More budgets above the plan's, as far apart as its last two; None where none fits below."""
    if not study.design().closed_form or len(study.budgets) < 2:
        return None
    ratio = study.budgets[-1] / study.budgets[-2]
    most = int(np.log(target / study.budgets[-1]) / np.log(ratio) - 1e-9)
    if most < 1:
        return None
    most = min(most, MOST_BUDGETS)

    def change(number: int) -> Study | None:
        return more_budgets(study, number, ratio, centre)

    return _search(study, change, 1, most, target, centre, truths, said)


def by_seeds(
    study: Study, target: float, centre: Centre, truths: list[Truth], said: Simulated
) -> Halving | None:
    """More seeds of every run."""

    def change(number: int) -> Study:
        return more_seeds(study, number)

    return _search(study, change, MOST_SEEDS, MOST_SEEDS, target, centre, truths, said)


def more_seeds(study: Study, number: int) -> Study:
    """The study with that many seeds more for each of its own."""
    first = max(study.every_seed()) + 1
    new = range(first, first + number * len(study.seeds))
    return study.model_copy(update={"seeds": [*study.seeds, *new]})


def more_budgets(study: Study, number: int, ratio: float, centre: Centre) -> Study | None:
    """The study gone on upwards: its sizes, and the next ones where larger budgets want them.

    None where the family cannot build what they want.
    """
    last = study.budgets[-1]
    new = [rounded(last * ratio**k) for k in range(1, number + 1)]
    own = [(size_of(study, study.shape(entry)), entry.until or last) for entry in study.shapes]
    a_budget = max(FEWEST, sum(until >= last for _, until in own))
    top = max(size.params for size, _ in own)
    beyond = [
        size
        for size in lattice(sizes_along(study), centre, last, new[-1], a_budget)
        if size.params > APART * top
    ]
    sizes = [*(size for size, _ in own), *beyond]
    wanted = last_wanted(sizes, new, centre, a_budget, study.recipe)
    if wanted is None or any(size.mix.last_step(study.budgets[0]) < 1 for size, _ in wanted):
        return None
    gone_on = {size.shape for size, _ in wanted}
    shapes = [size.entry(until) for size, until in own if size.shape not in gone_on]
    shapes += [size.entry(until) for size, until in wanted]
    return study.model_copy(update={"budgets": [*study.budgets, *new], "shapes": shapes})


def _search(
    study: Study,
    change: Change,
    start: int,
    most: int,
    target: float,
    centre: Centre,
    truths: list[Truth],
    said: Simulated,
) -> Halving | None:
    """The least number whose change halves the interval: doubled until it does, then bisected.

    Where ``most`` does not, ``number`` is null.
    """
    tried: dict[int, tuple[float, float]] = {}  # number: FLOPs, half-width

    def halves(number: int) -> bool:
        changed = change(number)
        if changed is None:
            return False
        found = _narrowed(changed, target, centre, truths, said)
        if found is None:
            return False
        width, ratio = found
        tried[number] = (cost(changed), width)
        return ratio <= HALF

    short, enough = 0, start
    while not halves(enough):
        if enough >= most:
            break
        short, enough = enough, min(2 * enough, most)
    else:
        while enough - short > 1:
            middle = (short + enough) // 2
            enough, short = (middle, short) if halves(middle) else (enough, middle)
        flops, width = tried[enough]
        return Halving(number=enough, tried=max(tried), flops=flops - cost(study), half_width=width)
    if not tried:
        return None
    flops, width = tried[max(tried)]
    return Halving(number=None, tried=max(tried), flops=flops - cost(study), half_width=width)


def _narrowed(
    changed: Study, target: float, centre: Centre, truths: list[Truth], said: Simulated
) -> tuple[float, float] | None:
    """The changed study's median half-width, and the median of its ratios to the plan's.

    None where no truth gave an answer for both.
    """
    rows = planned_rows(changed)
    now = simulate(changed, rows, truths[:STUDIES], centre.scatter, target)
    pairs = [(a.half_width, b.half_width) for a, b in zip(said, now, strict=False) if a and b]
    if not pairs:
        return None
    before, after = np.array(pairs).T
    plan = float(np.median([one.half_width for one in said if one]))
    ratio = float(np.median(after / before))
    return plan * ratio, ratio
