"""What a law expects of one run on its way, and the band that the run should stay in.

The points of a run share its luck and the law's error, so to leave a 90 % interval somewhere on the
way is far likelier than one in ten. The band here is wider: of runs that follow the law a share of
1 − level leaves it anywhere. The way from ``start`` to ``end`` is looked at ``LOOKS`` times, evenly
in ln C, however often the run is logged; a look is the mean of its points. Each look is allowed a
share of luck of its own. Where neighbours have theirs in common, as losses of one average of
weights do, or a look has many points that share none, fewer runs leave the band than stated.
"""

from dataclasses import dataclass

import numpy as np

from ditlaw import text
from ditlaw.errors import BadInput, Refused
from ditlaw.laws import Law
from ditlaw.laws.conditioning import about, possible
from ditlaw.laws.table import FloatArray, IntArray
from ditlaw.results import Quantity

LOOKS = 24
NEWEST = 6  # looks that tell what a run is off by now
SEARCHED = 400  # points of ln C at which the start is looked for, and of the way from there
NO_LESS = 1e-9  # of an sd of ln L: a table without scatter is no division by zero
HAIR = 1e-3  # of ln C that a point may lie outside the way: a run ends with a whole step
Cells = tuple[IntArray, FloatArray]  # which were looked at, in order, and the mean miss in ln L


@dataclass(frozen=True)
class Trajectory:
    """One run's way.

    ``edges`` (LOOKS + 1,) are the looks in ln C; ``path`` (2, n) is ln C and the estimate of ln L,
    finely. ``errors`` (draws, LOOKS + 1) are possible misses in ln L, the last column at ``end``;
    ``sd`` is of each column, ``wide`` how many of them make the band.
    """

    law: Law
    params: float
    end: float
    edges: FloatArray
    path: FloatArray
    errors: FloatArray
    sd: FloatArray
    wide: float

    @property
    def start(self) -> float:
        """FLOPs from which the law says something of a model of that size."""
        return float(np.exp(self.edges[0]))

    def which(self, flops: FloatArray) -> IntArray:
        """The look that each point is part of; −1 before the start, LOOKS past the end."""
        log_c = np.log(flops)
        found = np.searchsorted(self.edges[1:-1], log_c, side="right")
        found[log_c < self.edges[0] - HAIR] = -1
        found[log_c > self.edges[-1] + HAIR] = LOOKS
        return np.asarray(found)

    def cells(self, flops: FloatArray, loss: FloatArray) -> Cells:
        """The looks that a run's points make."""
        which = self.which(flops)
        misses = np.log(loss) - np.interp(np.log(flops), *self.path)
        seen = np.unique(which[(which >= 0) & (which < LOOKS)])
        return seen, np.array([misses[which == cell].mean() for cell in seen])

    def outside(self, cells: Cells) -> FloatArray:
        """Of each look 1 above the band, −1 below it, 0 inside: (k,)."""
        seen, misses = cells
        out = np.abs(misses) > self.wide * self.sd[seen]
        return np.asarray(np.sign(misses) * out)

    def band(self, flops: float, cell: int) -> Quantity:
        """The estimate and the band at FLOPs in a look."""
        value = float(np.exp(np.interp(np.log(flops), *self.path)))
        reach = float(np.exp(self.wide * self.sd[cell]))
        return Quantity(value=value, low=value / reach, high=value * reach, level=self.law.level)

    def projected(self, cells: Cells) -> Quantity:
        """Loss at the end, if the run stays off by what it was off by in its newest looks.

        As far as that is more than the luck of those looks, and no further: an error of the law
        would grow on the way, one of the recipe need not.
        """
        seen, misses = (part[-NEWEST:] for part in cells)
        at_end, so_far = self.errors[:, -1], self.errors[:, seen].mean(axis=1)
        kept = float(np.clip(at_end @ so_far / max(so_far @ so_far, NO_LESS**2), 0.0, 1.0))
        value = float(np.exp(self.path[1, -1] + kept * misses.mean()))
        return about(value, float(np.std(at_end - kept * so_far)), self.law.level)


def trajectory(law: Law, params: float, end: float) -> Trajectory:
    """The way of a run of that size to that many FLOPs.

    Raises:
        BadInput: params or end is not a positive number.
        Refused: the law says nothing of such a model before the end.
    """
    for name, value in (("params", params), ("flops", end)):
        if not 0 < value < float("inf"):
            raise BadInput(f"{name}: {value:g} is not a positive number")
    start = _start(law, params, end)
    edges = np.linspace(np.log(start), np.log(end), LOOKS + 1)
    log_c = np.append((edges[:-1] + edges[1:]) / 2, np.log(end))
    fine = np.linspace(edges[0], edges[-1], SEARCHED)
    path = np.stack([fine, law.losses_at(params, np.exp(fine))])
    drawn = possible(law, law.draws_at(params, np.exp(log_c)), log_c, np.zeros(len(log_c), int))
    errors = drawn - np.interp(log_c, *path)
    sd = np.maximum(np.sqrt(np.mean(errors**2, axis=0)), NO_LESS)
    furthest = np.max(np.abs(errors[:, :LOOKS]) / sd[:LOOKS], axis=1)
    return Trajectory(
        law, params, end, edges, path, errors, sd, float(np.quantile(furthest, law.level))
    )


def _start(law: Law, params: float, end: float) -> float:
    """The least FLOPs at which a fitted run was as far above its budget's best size.

    Never below the smallest that was fitted.
    """
    table = law.table
    smallest = float(table.log_c.min())
    furthest = float(np.max(table.log_n - best_size(law, table.log_c)))
    if np.log(end) <= smallest:
        raise Refused(
            f"{law.observations.source}: the run ends at {text.flops(end)} FLOPs, below the "
            f"smallest that was fitted ({text.flops(np.exp(smallest))}): the law says nothing of it"
        )
    grid = np.linspace(smallest, np.log(end), SEARCHED)
    near = np.log(params) - best_size(law, grid) <= furthest + 1e-9
    if not near[:-1].any():
        best = law.optimum(end).params.value
        raise Refused(
            f"{law.observations.source}: {text.count(params)} params are {params / best:.3g} times "
            f"the best size at {text.flops(end)} FLOPs, further above it than any fitted run "
            f"({np.exp(furthest):.3g} times): the law says nothing of it on its way; fit larger "
            "models too"
        )
    last_far = np.flatnonzero(~near)
    return float(np.exp(grid[0 if not len(last_far) else min(last_far[-1] + 1, SEARCHED - 2)]))


def best_size(law: Law, log_c: FloatArray) -> FloatArray:
    """Ln N* at ln C (m,), the estimate alone."""
    return np.asarray(np.log(law.fitted.ensemble.best_size(log_c, law.level).value))
