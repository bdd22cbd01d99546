"""What could be run next: sizes, budgets, and the trunks that are there already.

A run is a trunk of one size that is observed at every budget it passes. What has not been run is a
new trunk, with a seed of its own, or a longer one, where its state allows that.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ditlaw.laws.table import BoolArray, FloatArray

MOST_SEEDS = 3  # new ones of a size: what more of them average out is less than what laws miss


@dataclass(frozen=True)
class Trunk:
    """A trunk: the index of its size, its seed, and of the last budget it has reached (−1: none).

    ``planned`` is whether it would be trained from the start, ``stuck`` whether it diverged,
    ``spent`` the FLOPs that it has taken (None: those of the budget).
    """

    size: int
    seed: int
    reached: int = -1
    planned: bool = False
    stuck: bool = False
    spent: float | None = None


@dataclass(frozen=True)
class Step:
    """A trunk trained on to the budget ``to``; its new rows are of the budgets ``rows``."""

    trunk: Trunk
    to: int
    rows: tuple[int, ...]
    cost: float  # FLOPs

    def done(self) -> Trunk:
        """The trunk afterwards."""
        return replace(self.trunk, reached=self.to, spent=None)


@dataclass(frozen=True)
class Pool:
    """Sizes ln N (s,), budgets ln C (b,) rising, and trunks by (size, seed).

    ``passes`` is whether a trunk is observed at the budgets on its way; ``extends`` whether one
    that was trained can go on. ``taken`` holds seeds that no new run may have. ``counts`` (s, b) is
    where a run of that size has steps enough to be fitted; everywhere if None. ``cooldown`` is the
    part of its steps that a budget's own branch takes.
    """

    log_n: FloatArray
    log_c: FloatArray
    trunks: dict[tuple[int, int], Trunk]
    passes: bool = True
    extends: bool = True
    taken: frozenset[int] = field(default_factory=frozenset)
    counts: BoolArray | None = None
    cooldown: float = 0.0

    def step(self, trunk: Trunk, to: int) -> Step:
        """A trunk trained on to the budget ``to``."""
        first = trunk.reached + 1 if self.passes else to
        spent = trunk.spent
        if spent is None:
            spent = float(self.flops[trunk.reached]) if trunk.reached >= 0 else 0.0
        return Step(trunk, to, tuple(range(first, to + 1)), float(self.flops[to]) - spent)

    @cached_property
    def flops(self) -> FloatArray:
        """FLOPs of a new trunk to each budget, the branches to those before it included: (b,)."""
        flops = np.exp(self.log_c)
        return np.asarray(flops + self.cooldown * (np.cumsum(flops) - flops))

    def able(self) -> Iterator[Trunk]:
        """Every trunk that can go on, and a new one of each size."""
        for size in range(len(self.log_n)):
            yield from self._able(size)

    def least(self) -> float:
        """FLOPs of the cheapest step."""
        able = [trunk for trunk in self.able() if trunk.reached + 1 < len(self.log_c)]
        return min(self.step(trunk, trunk.reached + 1).cost for trunk in able)

    def after(self, step: Step) -> "Pool":
        """The pool once a step has been taken."""
        key = (step.trunk.size, step.trunk.seed)
        return replace(self, trunks=self.trunks | {key: step.done()})

    def _able(self, size: int) -> Iterator[Trunk]:
        """The trunks of a size that can go on, and a new one."""
        own = [trunk for (of, _), trunk in self.trunks.items() if of == size]
        for trunk in own:
            if self.passes and (self.extends or trunk.planned) and not trunk.stuck:
                yield trunk
        if sum(trunk.planned for trunk in own) >= MOST_SEEDS:
            return
        used = {trunk.seed for trunk in own} | self.taken
        yield Trunk(size, next(s for s in range(len(used) + 1) if s not in used), planned=True)
