"""What a comparison must not be taken for: its warnings."""

from collections.abc import Iterator, Sequence

from ditlaw import text
from ditlaw.answering import AnsweringLaw
from ditlaw.comparison.equal_time import time_notes
from ditlaw.comparison.pairs import Named
from ditlaw.comparison.quantities import unlike
from ditlaw.laws.notes.distance import below_notes, beyond_notes
from ditlaw.results import Note, Pair, RefusedLaw

ROUGH_CROSSING = 10.0  # high ÷ low


def warnings_of(
    laws: Sequence[Named], pairs: Sequence[Pair], refused: Sequence[RefusedLaw], flops: list[float]
) -> Iterator[Note]:
    """All that there is to say of compared laws and of the groups that could not be fitted."""
    for each in refused:
        left_out = f"{each.name} could not be fitted and is left out: {each.reason}"
        yield Note(code="group-refused", text=left_out)
    for pair in pairs:
        yield from _misleading(pair)
    yield from _of_crossings(dict(laws), pairs)
    yield from _of_ratios(pairs)
    yield from time_notes(laws, pairs)
    yield from unlike(laws)
    yield from _of_laws(laws, flops)


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
