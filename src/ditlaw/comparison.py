"""Which of two laws is better where: values at target budgets, never exponents alone."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal

import numpy as np

from ditlaw import text
from ditlaw.answering import AnsweringLaw
from ditlaw.compute.budget import MOST_FLOPS
from ditlaw.curves import Curves
from ditlaw.equal_time import EqualTime, device_of, equal_time, time_notes
from ditlaw.errors import BadInput, Refused
from ditlaw.fairness import of_comparison
from ditlaw.forecasting import Source, answering_law, is_published, name_of
from ditlaw.laws import Law, fit
from ditlaw.laws.law import REACH
from ditlaw.laws.notes.distance import below_notes, beyond_notes
from ditlaw.laws.table import FloatArray
from ditlaw.observations import Tabular, load_groups
from ditlaw.quantities import unlike
from ditlaw.results import CompareResult, Note, Pair, Quantity, RefusedLaw, Target, verdict_of

WIDER = np.log(1e3)  # how far beyond data and targets crossings and equal losses are looked for
POINTS = 241
ROUGH_CROSSING = 10.0  # high ÷ low
Named = tuple[str, AnsweringLaw]


def compare_sources(
    sources: Mapping[str, Source],
    flops: Sequence[float],
    *,
    where: list[str] | None = None,
    metric: str | None = None,
    level: float | None = None,
) -> CompareResult:
    """Compare every pair of the laws of SOURCEs, by what each is called, at target budgets.

    Raises:
        BadInput, Refused: as ``answering_law`` and ``compare_laws``.
    """
    all_printed = all(map(is_published, sources.values()))

    def law_of(source: Source) -> AnsweringLaw:
        # Rows and levels are the other sources' where only some are published.
        if is_published(source) and not all_printed:
            return answering_law(source, metric=metric)
        return answering_law(source, where, metric=metric, level=level)

    targets(flops)  # before any fitting
    return compare_laws([(name, law_of(source)) for name, source in sources.items()], flops)


def compare_groups(
    source: Tabular,
    by: str,
    flops: Sequence[float],
    *,
    where: list[str] | None = None,
    metric: str | None = None,
    level: float | None = None,
) -> CompareResult:
    """Compare every pair of a column's values; a group that cannot be fitted is named and left out.

    Raises:
        BadInput: as reading does; no such column.
        Refused: fewer than two groups can be fitted.
    """
    targets(flops)  # before any fitting
    found, refused = fit_groups(source, by, where=where, metric=metric, level=level)
    return compare_laws(found, flops, refused)


def fit_groups(
    source: Tabular,
    by: str,
    *,
    where: list[str] | None = None,
    metric: str | None = None,
    level: float | None = None,
) -> tuple[list[tuple[str, Law]], list[RefusedLaw]]:
    """The laws of a column's values, two at least, and the values that no law could be fitted to.

    Raises:
        BadInput, Refused: as ``compare_groups``.
    """
    groups, reasons = load_groups(source, by, where or [])
    found: list[tuple[str, Law]] = []
    for seed, (name, rows) in enumerate(groups.items()):
        try:
            law = fit(
                rows, metric=metric or "loss", level=0.9 if level is None else level, seed=seed
            )
        except Refused as error:
            reasons[name] = str(error)
        else:
            found.append((name, law))
    refused = [RefusedLaw(name=name, reason=reason) for name, reason in sorted(reasons.items())]
    if len(found) < 2:
        first = refused[0]
        raise Refused(
            f"{name_of(source)}: a comparison needs two groups that can be fitted, and column "
            f"'{by}' has {len(found)}; {by} '{first.name}': {first.reason}"
        )
    return found, refused


def compare_laws(
    laws: Sequence[Named], flops: Sequence[float], refused: Sequence[RefusedLaw] = ()
) -> CompareResult:
    """Compare every pair of named laws of one metric at target budgets.

    Raises:
        BadInput: a target is not a positive number, or the laws are of different metrics.
        Refused: a target is out of a law's reach, or a law has no such metric.
    """
    wanted = targets(flops)
    metrics = {law.metric for _, law in laws}
    if len(metrics) > 1:
        raise BadInput(f"compare: one law is of {' and the other of '.join(sorted(metrics))}")
    pairs, warnings = (
        [],
        [
            Note(
                code="group-refused",
                text=f"{r.name} could not be fitted and is left out: {r.reason}",
            )
            for r in refused
        ],
    )
    for a, b in combinations(laws, 2):
        pair = _pair(a, b, wanted)
        pairs.append(pair)
        warnings += _misleading(pair)
    return CompareResult(
        metric=metrics.pop(),
        pairs=pairs,
        checklist=of_comparison(laws, pairs, wanted[-1]),
        refused=list(refused),
        warnings=[
            *warnings,
            *_of_crossings(dict(laws), pairs),
            *_of_ratios(pairs),
            *time_notes(laws, pairs),
            *unlike(laws),
            *_of_laws(laws, wanted),
        ],
    )


def targets(flops: Sequence[float]) -> list[float]:
    """Target budgets, each once, smallest first.

    Raises:
        BadInput: none, or one that is not a positive number.
    """
    if not flops:
        raise BadInput("compare: give the budgets to compare at, as --at 1e20 1e21")
    for x in flops:
        if not 0 < x <= MOST_FLOPS:
            raise BadInput(f"--at: {x:g} is not a budget; use a positive number, as 1e21")
    return sorted(set(flops))


def _pair(a: Named, b: Named, flops: list[float]) -> Pair:
    curves = _curves(a[1], b[1], flops)
    timed = equal_time(a[1], b[1], curves)
    crossing = curves.crossing()
    return Pair(
        a_name=a[0],
        b_name=b[0],
        at=[_target(curves, timed, x) for x in flops],
        crossing=crossing,
        crossing_beyond=_side(crossing, [a[1], b[1]]),
        crossing_at_equal_time=timed.crossing() if timed else None,
        device=device_of([a[1], b[1]]) if timed else None,
        exponent_difference=curves.exponent_difference(float(np.log(flops[-1]))),
    )


def _side(crossing: Quantity | None, laws: list[AnsweringLaw]) -> Literal["below", "above"] | None:
    """On which side of all fitted ranges a crossing lies; None inside one, or where one lacks."""
    ranges = [r for law in laws if (r := law.observations.flops_range())]
    if crossing is None or len(ranges) < len(laws):
        return None
    if crossing.value < min(low for low, _ in ranges):
        return "below"
    return "above" if crossing.value > max(high for _, high in ranges) else None


def _curves(a: AnsweringLaw, b: AnsweringLaw, flops: list[float]) -> Curves:
    known = [r for r in (a.observations.flops_range(), b.observations.flops_range()) if r]
    ends = np.log([*flops, *(x for r in known for x in r)])
    # No further than both laws answer, by a hair.
    reach = np.log(REACH) - 1e-6
    low = max(ends.min() - WIDER, *(np.log(r[0]) - reach for r in known), -np.inf)
    high = min(ends.max() + WIDER, *(np.log(r[1]) + reach for r in known), np.inf)
    grid = np.linspace(low, high, POINTS)
    # The targets are points of the grid, so that their values are the forecasts' own.
    log_c = np.union1d(grid, np.log(flops))
    rows = [_rows(law, log_c, seed) for seed, law in enumerate((a, b))]
    draws = max(len(r) for r in rows) - 1
    rows = [np.vstack([r[:1], r[1:][np.arange(draws) % (len(r) - 1)]]) for r in rows]
    # Between two published laws the interval is all that rounding allows; with a fitted one in the
    # pair it is of that law's level.
    return Curves(log_c, rows[0], rows[1], min(a.level, b.level))


def _rows(law: AnsweringLaw, log_c: FloatArray, seed: int) -> FloatArray:
    """Ln L: the estimate, then draws in an order of their own, independent of the other law's."""
    flops = np.exp(log_c)
    draws = law.loss_draws(flops)
    shuffled = np.random.default_rng(seed).permutation(len(draws))
    loss = law.curve(flops).loss
    assert loss is not None  # or there had been no draws
    return np.vstack([np.log(loss.value)[None], draws[shuffled]])


def _target(curves: Curves, timed: EqualTime | None, flops: float) -> Target:
    log_c = float(np.log(flops))
    a, b = (float(np.exp(x[0])) for x in curves.at(log_c))
    difference = curves.difference(log_c)
    return Target(
        flops=flops,
        a=a,
        b=b,
        difference=difference,
        compute_ratio=curves.compute_ratio(log_c),
        verdict=verdict_of(difference),
        at_equal_time=timed.at(flops) if timed else None,
    )


def _of_crossings(laws: dict[str, AnsweringLaw], pairs: Sequence[Pair]) -> list[Note]:
    """Crossings that the data have seen, and those of which little is known: a line for each."""
    inside, outside, rest = [], [], set()
    for pair in pairs:
        crossing = pair.crossing
        if crossing is None:
            continue
        rough = (
            not crossing.low or not crossing.high or crossing.high > ROUGH_CROSSING * crossing.low
        )
        where = text.with_interval(crossing, text.flops)
        said = f"{pair.a_name} and {pair.b_name} cross at {where} FLOPs"
        ranges = [laws[name].observations.flops_range() for name in (pair.a_name, pair.b_name)]
        seen = all(r and r[0] <= crossing.value <= r[1] for r in ranges)
        # Open on both sides, it may be anywhere: two laws that are one cross somewhere too.
        seen = seen and not (crossing.low is None and crossing.high is None)
        if seen:
            inside.append(said)
        elif rough:
            outside.append(said)
        if rough:
            rest.add(crossing.level == 1)
    of_what = {True: "the rounding of the printed digits", False: "the scatter of the runs"}
    known = " and ".join(of_what[printed] for printed in sorted(rest))
    why = f" {known[:1].upper()}{known[1:]} allows no closer interval." if rest else ""
    notes = []
    if inside:
        told = "inside the fitted range: which is better depends on the budget, not on exponents."
        notes.append(Note(code="crossing-inside-range", text=f"{'; '.join(inside)}, {told}{why}"))
    if outside:
        notes.append(Note(code="rough-crossing", text=f"{'; '.join(outside)}.{why}"))
    return notes


def _of_ratios(pairs: Sequence[Pair]) -> list[Note]:
    """Why a ratio of compute, or a bound of it, is not there."""
    found = [
        f"{pair.b_name} against {pair.a_name} at {text.flops(at.flops)}"
        for pair in pairs
        for at in pair.at
        if at.compute_ratio is None or None in (at.compute_ratio.low, at.compute_ratio.high)
    ]
    if not found:
        return []
    return [
        Note(
            code="open-bound",
            text=f"the ratio of FLOPs is open for {'; '.join(found)}: within 1,000 times the data "
            "and the budgets the first may not come to the other's value.",
        )
    ]


def _misleading(pair: Pair) -> list[Note]:
    """The law that improves faster with compute is not the better one at a target."""
    exponent = pair.exponent_difference
    assert exponent.low is not None
    assert exponent.high is not None
    if exponent.low <= 0 <= exponent.high:
        return []
    faster = exponent.value > 0  # is b, then
    names = (pair.a_name, pair.b_name)
    steeper, other = names[faster], names[not faster]
    behind = [t.flops for t in pair.at if t.a != t.b and (t.b > t.a) == faster]
    if not behind:
        return []
    return [
        Note(
            code="exponent-misleads",
            text=f"{steeper} improves faster with compute, yet {other} is ahead at "
            f"{', '.join(map(text.flops, behind))} FLOPs: judge by the values.",
        )
    ]


def _of_laws(laws: Sequence[Named], flops: list[float]) -> list[Note]:
    """How far the targets lie from what each was fitted on, and what its intervals rest on."""
    said: dict[tuple[str, str], list[str]] = {}
    for name, law in laws:
        for note in _of_law(law, flops):
            said.setdefault((note.code, note.text), []).append(name)
    return [Note(code=c, text=f"{', '.join(names)}: {t}") for (c, t), names in said.items()]


def _of_law(law: AnsweringLaw, flops: list[float]) -> list[Note]:
    fitted = law.observations.flops_range()
    if fitted:
        notes = beyond_notes(flops[-1] / fitted[1]) + below_notes(flops[0], fitted[0])
    else:
        notes = [Note(code="unknown-range", text="which FLOPs were fitted is not known.")]
    if law.optimum(flops[-1]).basis == "published":
        notes.append(
            Note(
                code="rounding-only",
                text="published; only the rounding of its digits is in the intervals, so a verdict "
                "leaves out the scatter of its runs, and coefficients do not transfer.",
            )
        )
    return notes
