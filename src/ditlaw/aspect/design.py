"""Which rows a law of shapes reads, and the columns of its two designs.

Of ln L at budget C, with u = ln N less the budget's mean and t = ln C less the mean of all:

    size only     a_C + b_C·u + (c + c'·t)·u²
    with shape    the same + g1·y + g2·y² + g3·y·t (+ g4·y³) (+ h·u·y),    y = ln(width/depth)

y less its mean over the rows. c' is there from three budgets on, g3 from two; g4 (a valley that
leans) and h (interplay) where asked for. Only rows near the minimum take part, as in
``laws.isoflop``: further out neither size nor ratio has the valley of a parabola.
"""

from dataclasses import dataclass

import numpy as np

from ditlaw.aspect.rows import Shapes
from ditlaw.errors import Refused
from ditlaw.laws.isoflop import MIN_SIZES, WINDOW, window
from ditlaw.laws.table import BoolArray, FloatArray, IntArray

MIN_RATIOS = 3  # a parabola in the ratio
SIMILAR = float(np.log(1.5))  # ln N within which sizes are alike
APART = float(np.log(1.1))  # ratios closer than this are one
SPARE = 3  # rows more than parameters


@dataclass(frozen=True)
class Design:
    """The rows of a fit, n of them in B budgets: arrays are (n,) but for those of budgets (B,).

    ``rows`` index the study's table. ``low`` and ``high`` are the ends of ln(width/depth) that are
    read at each budget, ``span`` those of u.
    """

    rows: IntArray
    log_loss: FloatArray
    u: FloatArray
    y: FloatArray  # ln(width/depth) less ``middle``
    group: IntArray
    t: FloatArray  # (B,)
    log_c: FloatArray  # (B,)
    centre: FloatArray  # (B,) ln N where u is 0
    low: FloatArray
    high: FloatArray
    span: FloatArray  # (B, 2)
    middle: float
    budgets: FloatArray

    @property
    def bends(self) -> bool:
        """Whether the valley's curvature may change with compute."""
        return len(self.t) >= 3

    @property
    def drifts(self) -> bool:
        """Whether the best ratio may."""
        return len(self.t) >= 2

    def size_columns(self) -> FloatArray:
        """(n, 2B + 1 or 2B + 2): of each budget 1 and u, then u² (and u²·t)."""
        one = (self.group[:, None] == np.arange(len(self.t))).astype(float)
        square = self.u**2
        curved = [square, square * self.t[self.group]] if self.bends else [square]
        return np.column_stack([one, one * self.u[:, None], *curved])

    def columns(self, *, lean: bool = False, interplay: bool = False) -> FloatArray:
        """All columns of the law with shape: of size, y, y² (and y·t, y³, u·y)."""
        columns = [self.y, self.y**2]
        if self.drifts:
            columns.append(self.y * self.t[self.group])
        if lean:
            columns.append(self.y**3)
        if interplay:
            columns.append(self.u * self.y)
        return np.column_stack([self.size_columns(), *columns])

    def estimable(self, *, lean: bool = False, interplay: bool = False) -> bool:
        """Whether the rows tell all its terms apart, with some to spare."""
        found = self.columns(lean=lean, interplay=interplay)
        found = found / np.maximum(np.linalg.norm(found, axis=0), 1e-300)
        terms, rank = found.shape[1], int(np.linalg.matrix_rank(found, tol=1e-4))
        return bool(rank == terms and terms <= len(found) - SPARE)


def design_of(shapes: Shapes, near: BoolArray | None = None) -> Design:
    """The rows near each budget's best size; of those only the ones of ``near`` (all rows).

    Raises:
        Refused: no budget has enough sizes, or enough ratios at a similar size.
    """
    table, source = shapes.table, shapes.observations.source
    keep = shapes.base if near is None else shapes.base & near
    groups = [np.flatnonzero(keep & (table.group == g)) for g in range(len(table.budgets))]
    found = [window(table, rows) for rows in groups if len(rows)]
    enough = [rows for rows in found if len(np.unique(table.log_n[rows])) >= MIN_SIZES]
    if not enough:
        most = max((len(np.unique(table.log_n[rows])) for rows in found), default=0)
        raise Refused(
            f"{source}: a law of shapes needs {MIN_SIZES} sizes within a factor 6 of a budget's "
            f"best one; the most at a budget is {most}"
        )
    ratios = [similar_ratios(table.log_n[rows], shapes.ratio[rows]) for rows in enough]
    if max(ratios) < MIN_RATIOS:
        raise Refused(
            f"{source}: a law of shapes needs {MIN_RATIOS} ratios width/depth at a similar size "
            f"(params within 1.5×) and one budget; the most is {max(ratios)}, so add shapes such "
            "as a deeper, narrower and a shallower, wider one of the same params"
        )
    rows = np.concatenate(enough)
    group = np.repeat(np.arange(len(enough)), [len(part) for part in enough])
    log_c = np.array([table.log_c[part].mean() for part in enough])
    centre = np.array([table.log_n[part].mean() for part in enough])
    u, ratio = table.log_n[rows] - centre[group], shapes.ratio[rows]
    ends = [(shapes.ratio[part].min(), shapes.ratio[part].max()) for part in enough]
    design = Design(
        rows=rows,
        log_loss=table.log_loss[rows],
        u=u,
        y=ratio - ratio.mean(),
        group=group,
        t=log_c - log_c.mean(),
        log_c=log_c,
        centre=centre,
        low=np.array([low for low, _ in ends]) - ratio.mean(),
        high=np.array([high for _, high in ends]) - ratio.mean(),
        span=np.array([(u[group == g].min(), u[group == g].max()) for g in range(len(enough))]),
        middle=float(ratio.mean()),
        budgets=np.array([float(table.budgets[table.group[part[0]]]) for part in enough]),
    )
    if not design.estimable():
        raise Refused(
            f"{source}: {len(rows)} rows near the best sizes do not tell size and ratio apart "
            f"({design.columns().shape[1]} terms); add shapes of other ratios at the same params"
        )
    return design


def similar_ratios(log_n: FloatArray, ratio: FloatArray) -> int:
    """The most ratios, each 10 % apart, among sizes within a factor 1.5 of each other."""
    most = 0
    for size in np.unique(log_n):
        near = np.sort(ratio[(log_n >= size - 1e-9) & (log_n <= size + SIMILAR)])
        count, last = 0, -np.inf
        for value in near:
            if value - last >= APART:
                count, last = count + 1, value
        most = max(most, count)
    return most


def near_ratio(shapes: Shapes, design: Design, best: FloatArray) -> BoolArray:
    """Rows of the table within a factor 6 of the best ratio (B,) of their budget: all rows."""
    kept = np.zeros(len(shapes.table), dtype=bool)
    for budget, at in zip(design.budgets, best, strict=True):
        inside = shapes.table.budgets[shapes.table.group] == budget
        kept |= inside & (np.abs(shapes.ratio - at) <= WINDOW + 1e-9)
    return kept
