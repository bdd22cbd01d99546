"""Which resolution each step of a run takes, and what any number of steps costs in all.

The one home of sums over steps. A batch is of one resolution (a bucket); which one a step takes is
a function of the step's number alone, so that images, tokens and FLOPs are exact at every step, and
a run that resumes knows where it stands without having counted.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate

from ditlaw.errors import BadInput
from ditlaw.families import Counts, Family, Geometry, Shape


@lru_cache(maxsize=256)
def pattern(weights: tuple[int, ...]) -> tuple[int, ...]:
    """The bucket of each step of one period, Σ weights long; it repeats.

    Each step takes the bucket that is furthest behind its share; of equals, the first.
    """
    total, behind, chosen = sum(weights), [0] * len(weights), []
    for _ in range(total):
        behind = [b + w for b, w in zip(behind, weights, strict=True)]
        taken = max(range(len(weights)), key=lambda i: behind[i])
        behind[taken] -= total
        chosen.append(taken)
    return tuple(chosen)


@lru_cache(maxsize=256)
def _taken(weights: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """How many of the first 0, 1, … steps of a period took each bucket."""
    so_far, all_so_far = [0] * len(weights), [(0,) * len(weights)]
    for bucket in pattern(weights):
        so_far[bucket] += 1
        all_so_far.append(tuple(so_far))
    return tuple(all_so_far)


def dealt(weights: tuple[int, ...], number: int) -> tuple[int, ...]:
    """How many of the first ``number`` steps take each bucket."""
    periods, rest = divmod(number, sum(weights))
    counted = zip(weights, _taken(weights)[rest], strict=True)
    return tuple(periods * weight + more for weight, more in counted)


def mean(values: Sequence[int], weights: tuple[int, ...]) -> float:
    """The mean over samples of what each bucket's sample has or costs."""
    return sum(v * w for v, w in zip(values, weights, strict=True)) / sum(weights)


@dataclass(frozen=True)
class Mix:
    """What the steps of one model's run take; steps are counted from 1.

    ``each`` has the counts of one sample of every bucket, ``weights`` the buckets' share of steps.
    """

    batch: int
    weights: tuple[int, ...]
    each: tuple[Counts, ...]

    def bucket(self, step: int) -> int:
        """The bucket of the ``step``-th step."""
        return pattern(self.weights)[(step - 1) % sum(self.weights)]

    def images_each(self, step: int) -> tuple[int, ...]:
        """Images of every bucket that the first ``step`` steps see."""
        return tuple(self.batch * steps for steps in dealt(self.weights, step))

    def images(self, step: int) -> int:
        """Images that the first ``step`` steps see."""
        return step * self.batch

    def tokens(self, step: int) -> int:
        """Image and text tokens that the first ``step`` steps see."""
        return self._sum(step, [counts.tokens_per_sample for counts in self.each])

    def flops(self, step: int) -> int:
        """Exact training FLOPs of the first ``step`` steps."""
        return self._sum(step, [counts.flops_train for counts in self.each])

    def flops_6nd(self, step: int) -> int:
        """The usual estimate 6·params·tokens of the first ``step`` steps."""
        return self._sum(step, [counts.flops_6nd for counts in self.each])

    def last_step(self, flops: float) -> int:
        """The last step within a budget; 0 where the first is beyond it."""
        *within, period = self._rising
        periods, rest = divmod(int(flops), period)
        return periods * sum(self.weights) + bisect_right(within, rest)

    @property
    def tokens_per_sample(self) -> float:
        """Mean over samples."""
        return mean([counts.tokens_per_sample for counts in self.each], self.weights)

    @property
    def flops_per_sample(self) -> float:
        """Mean training FLOPs over samples."""
        return mean([counts.flops_train for counts in self.each], self.weights)

    @cached_property
    def _rising(self) -> list[int]:
        """FLOPs of the first 1, 2, … steps of a period."""
        steps = (self.batch * self.each[bucket].flops_train for bucket in pattern(self.weights))
        return list(accumulate(steps))

    def _sum(self, step: int, of_sample: list[int]) -> int:
        return sum(n * value for n, value in zip(self.images_each(step), of_sample, strict=True))


@lru_cache(maxsize=4096)
def _closed_counts(family: Family, shape: Shape, geometry: Geometry) -> Counts:
    return family.counts(shape, geometry)


def counts_of(family: Family, shape: Shape, geometries: Sequence[Geometry]) -> tuple[Counts, ...]:
    """Counts of one member for a sample of each bucket.

    Raises:
        BadInput: it cannot read such samples, or has other weights for another resolution.
    """
    # A study has many runs of one shape: seeds, rates. A user's module is asked anew each time.
    count = _closed_counts if family.closed_form else family.__class__.counts
    each = tuple(count(family, shape, geometry) for geometry in geometries)
    for geometry, counts in zip(geometries, each, strict=True):
        if counts.params_total != each[0].params_total:
            raise BadInput(
                f"geometry.buckets: {family.label} has {each[0].params_total:,} params at "
                f"{geometries[0].size} and {counts.params_total:,} at {geometry.size}; buckets "
                "share one model's weights, so leave buckets out or let no weight depend on the "
                "sides"
            )
    return each
