"""What a report shows of rows that no one law can be fitted to: what they set side by side."""

import contextlib
from dataclasses import dataclass, field

from ditlaw import text
from ditlaw.aspect import shapes_of
from ditlaw.comparison import compare_groups
from ditlaw.errors import DitlawError
from ditlaw.observations import load_groups
from ditlaw.report.axes import Figure
from ditlaw.report.fair import checks_table
from ditlaw.report.rates import RatesSection, rates_sections
from ditlaw.report.shapes import ShapesSection, shapes_section
from ditlaw.report.tables import Cell, Table, interval
from ditlaw.results import CompareResult, Note, Pair, Target

LEVEL = 0.9
COMPARED = ("family", "parametrization", "dataset", "patch", "text_tokens")
AHEAD = 4.0  # times the largest budget: the second target where none is stated


@dataclass(frozen=True)
class Compared:
    """The values of one column against each other."""

    by: str
    pairs: Table
    crossings: Table
    checklist: Table
    notes: list[Note]


@dataclass(frozen=True)
class Lawless:
    """The sections that there are."""

    compared: list[Compared] = field(default_factory=list)
    shapes: ShapesSection | None = None
    rates: list[RatesSection] = field(default_factory=list)

    @property
    def figures(self) -> list[Figure]:
        """Of all sections."""
        return [
            *(self.shapes.figures if self.shapes else []),
            *(section.figure for section in self.rates),
        ]


def lawless(source: str, where: list[str]) -> Lawless | None:
    """What the rows of a source compare; None where they compare nothing."""
    compared = [found for by in COMPARED if (found := _compared(source, by, where)) is not None]
    shapes = None
    with contextlib.suppress(DitlawError):  # no shape study
        shapes = shapes_section(shapes_of(source, where, level=LEVEL))
    rates = rates_sections(source, where, LEVEL)
    if not compared and shapes is None and not rates:
        return None
    return Lawless(compared, shapes, rates)


def _compared(source: str, by: str, where: list[str]) -> Compared | None:
    try:
        groups, _ = load_groups(source, by, where)
        largest = min(group.flops_range()[1] for group in groups.values())
        budgets = [max(group.frame["budget"]) for group in groups.values()]
        largest = min(budgets) if all(b > 0 for b in budgets) else largest
        studies = [group.study for group in groups.values() if group.study is not None]
        stated = [study.forecast.flops for study in studies if study.forecast is not None]
        target = stated[0] if stated else AHEAD * largest
        found = compare_groups(source, by, [largest, target], where=where, level=LEVEL)
    except (DitlawError, ValueError):
        return None  # one value, or no two that can be compared
    return Compared(by, _pairs(found), _crossings(found), _checks(found), found.warnings)


def _pairs(found: CompareResult) -> Table:
    columns = ["a", "b", "FLOPs", "a's loss", "b's loss", "b − a", "b's FLOPs ÷ a's for a's loss"]
    return Table(
        f"Laws side by side; one is better where the {LEVEL:.0%} interval of b − a leaves out 0",
        [*columns, "better", "in equal time"],
        [_row(pair, at) for pair in found.pairs for at in pair.at],
        left=frozenset({0, 1, 7, 8}),
    )


def _row(pair: Pair, at: Target) -> list[Cell]:
    names = {"a": pair.a_name, "b": pair.b_name, "undecided": "undecided"}
    timed = at.at_equal_time
    ratio = Cell("–") if at.compute_ratio is None else interval(at.compute_ratio, text.number)
    return [
        Cell(pair.a_name),
        Cell(pair.b_name),
        Cell(text.flops(at.flops)),
        Cell(text.loss(at.a)),
        Cell(text.loss(at.b)),
        interval(at.difference, lambda x: f"{x:+.2g}"),
        ratio,
        Cell(names[at.verdict]),
        Cell("not measured" if timed is None else names[timed.verdict]),
    ]


def _crossings(found: CompareResult) -> Table:
    rows = []
    for pair in found.pairs:
        when = pair.crossing_at_equal_time
        rows.append(
            [
                Cell(pair.a_name),
                Cell(pair.b_name),
                Cell("none") if pair.crossing is None else interval(pair.crossing, text.flops),
                Cell(f"{pair.crossing_beyond} the data" if pair.crossing_beyond else ""),
                Cell("–") if when is None else interval(when.seconds, lambda s: f"{s:.3g} s"),
            ]
        )
    columns = ["a", "b", "equal at FLOPs", "", "equal after"]
    return Table("Where they cross", columns, rows, left=frozenset({0, 1, 3}))


def _checks(found: CompareResult) -> Table:
    return checks_table(found.checklist, "What the comparison rests on")
