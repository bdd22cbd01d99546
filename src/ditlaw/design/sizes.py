"""Which sizes budgets want: the family's own, an even step apart, around each expected optimum."""

from dataclasses import dataclass

import numpy as np

from ditlaw.design.centre import Centre
from ditlaw.errors import BadInput
from ditlaw.families import Shape
from ditlaw.laws.isoflop import MIN_SIZES, WINDOW
from ditlaw.laws.kappa import shapes_along
from ditlaw.observations import MIN_STEPS
from ditlaw.study import Study, study_mix
from ditlaw.study.mix import Mix
from ditlaw.study.schema import Recipe
from ditlaw.study.shape_section import ShapeSection

SPAN = float(np.log(16.0))  # ln of the largest ÷ the smallest size of a budget
BESIDE = 2  # sizes above the expected best one, and below it, at least


@dataclass(frozen=True)
class Size:
    """One member of a family, and what its steps take."""

    shape: Shape
    mix: Mix

    @property
    def params(self) -> int:
        """Of the model."""
        return self.mix.each[0].params

    @property
    def log_n(self) -> float:
        """Ln N."""
        return float(np.log(float(self.params)))

    def entry(self, until: float | None) -> ShapeSection:
        """As the study file has it."""
        single = self.shape.single_depth or None
        own = {"depth": self.shape.depth, "width": self.shape.width, "heads": self.shape.heads}
        return ShapeSection(**own, single_depth=single, until=until)


def sizes_along(study: Study) -> list[Size]:
    """Rising sizes of a study's family that are wider than a patch.

    A narrower token measures linear algebra, not scaling: of one as wide, a run at the quickstart's
    settings never left its first plateau.

    Raises:
        BadInput: the family has no closed form to count with.
    """
    if not study.design().closed_form:
        raise BadInput(f"family: {study.design().label} has no closed form to lay sizes out with")
    patch = study.geometry.geometry().patch_dim
    shapes = [shape for shape in shapes_along(study) if shape.width > patch]
    return sorted((size_of(study, shape) for shape in shapes), key=lambda size: size.params)


def size_of(study: Study, shape: Shape) -> Size:
    """One shape of a study with its costs."""
    return Size(shape, study_mix(study, shape))


def lattice(
    there: list[Size], centre: Centre, smallest: float, largest: float, number: int
) -> list[Size]:
    """``number`` sizes to each factor ``SPAN`` for budgets between two, as nearly as can be built.

    One lattice for all budgets, so that a size which two of them want is one run.
    """
    step = SPAN / (number - 1)
    bottom, top = (centre.log_n(float(np.log(budget))) for budget in (smallest, largest))
    below = int(np.ceil((top - bottom + SPAN / 2) / step))
    wanted = top + step * np.arange(-below, number // 2 + 1)
    logs = np.array([size.log_n for size in there])
    return [there[i] for i in sorted({int(np.abs(logs - x).argmin()) for x in wanted})]


def last_wanted(
    sizes: list[Size], budgets: list[float], centre: Centre, number: int, recipe: Recipe
) -> list[tuple[Size, float]] | None:
    """Each size that a budget wants, with the last one that does; None where one has too few."""
    last: dict[Shape, float] = {}
    for budget in budgets:
        wanted = window(sizes, budget, centre, number, recipe)
        if not wanted:
            return None
        last |= {size.shape: budget for size in wanted}
    return [(size, last[size.shape]) for size in sizes if size.shape in last]


def window(
    sizes: list[Size], budget: float, centre: Centre, number: int, recipe: Recipe
) -> list[Size]:
    """The sizes that a budget wants; none where they could not show a minimum.

    The nearest to its expected optimum, of those that take steps enough to count. A parabola reads
    those within a factor 6, and a minimum needs sizes on both sides.
    """
    middle = centre.log_n(float(np.log(budget)))
    able = [size for size in sizes if size.mix.last_step(budget) >= enough_steps(recipe)]
    chosen = sorted(able, key=lambda size: abs(size.log_n - middle))[:number]
    away = [size.log_n - middle for size in chosen]
    near = [x for x in away if abs(x) <= WINDOW]
    shows = len(near) >= MIN_SIZES and min(near) < 0 < max(near)
    beside = min(sum(x < 0 for x in away), sum(x > 0 for x in away))
    return chosen if shows and beside >= BESIDE else []


def enough_steps(recipe: Recipe) -> int:
    """Steps from which on a run counts: past its first plateau, and well past its warm-up."""
    return max(MIN_STEPS, 2 * recipe.warmup_steps)
