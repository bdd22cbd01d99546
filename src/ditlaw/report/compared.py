"""Values of one column set side by side: verdicts, crossings, and how fair that is."""

from dataclasses import dataclass

from ditlaw import text
from ditlaw.comparison import compare_laws, fit_groups
from ditlaw.errors import DitlawError
from ditlaw.laws import Law
from ditlaw.observations import load_groups, split_source
from ditlaw.report.axes import Figure
from ditlaw.report.crossings import compare_figure, compare_formulas, compare_units
from ditlaw.report.fair import checks_table
from ditlaw.report.formulas import Formula
from ditlaw.report.tables import Cell, Table, interval, number
from ditlaw.report.units import Units
from ditlaw.results import CompareResult, Note, Pair, Target

LEVEL = 0.9
COMPARED = ("family", "parametrization", "dataset", "recipe", "patch", "text_tokens")
AHEAD = 4.0  # times the largest budget: the second target where none is stated
MOST_SAID = 6  # pairs that have a sentence; the tables have all


@dataclass(frozen=True)
class Compared:
    """The values of one column against each other; ``said`` are the verdicts in sentences."""

    by: str
    laws: list[tuple[str, Law]]
    result: CompareResult
    said: list[str]
    pairs: Table
    crossings: Table
    checklist: Table
    notes: list[Note]
    figure: Figure
    formulas: list[Formula]
    units: Units


def compared(source: str, where: list[str]) -> list[Compared]:
    """Every column whose values can be compared."""
    return [found for by in COMPARED if (found := _compared(source, by, where)) is not None]


def beside(source: str, where: list[str]) -> list[Compared]:
    """What the filters of one law left out, beside it: each filtered column's values compared."""
    path, filters = split_source(source, where)
    columns = [column for column, _ in filters if column in COMPARED]
    found = []
    for by in dict.fromkeys(columns):
        others = [f"{column}={value}" for column, value in filters if column != by]
        found.append(_compared(str(path), by, others))
    return [one for one in found if one is not None]


def _compared(source: str, by: str, where: list[str]) -> Compared | None:
    try:
        groups, _ = load_groups(source, by, where)
        largest = min(group.flops_range()[1] for group in groups.values())
        budgets = [max(group.frame["budget"]) for group in groups.values()]
        largest = min(budgets) if all(b > 0 for b in budgets) else largest
        studies = [group.study for group in groups.values() if group.study is not None]
        stated = [study.forecast.flops for study in studies if study.forecast is not None]
        target = stated[0] if stated else AHEAD * largest
        laws, refused = fit_groups(source, by, where=where, level=LEVEL)
        found = compare_laws(laws, [largest, target], refused)
        figure = compare_figure(laws, found, by)
    except (DitlawError, ValueError):
        return None  # one value, or no two that can be compared
    tables = (_pairs(found), _crossings(found), _checks(found))
    units, formulas = compare_units(laws), compare_formulas(laws)
    return Compared(by, laws, found, _said(found), *tables, found.warnings, figure, formulas, units)


def _said(found: CompareResult) -> list[str]:
    """Each pair at every budget, and where it crosses; those decided at any budget first."""
    pairs = sorted(found.pairs, key=lambda pair: all(at.verdict == "undecided" for at in pair.at))
    said = [_verdict(pair, found.metric) for pair in pairs[:MOST_SAID]]
    more = len(pairs) - len(said)
    return [*said, f"{more} more pairs are in the table below."] if more else said


def _verdict(pair: Pair, metric: str) -> str:
    said = " ".join(_at(pair, at, metric) for at in pair.at)
    if pair.crossing is None:
        return f"{said} They do not cross."
    crossing = text.with_interval(pair.crossing, text.flops)
    outside = f", {pair.crossing_beyond} the data" if pair.crossing_beyond else ""
    return f"{said} They are equal at {crossing} FLOPs{outside}."


def _at(pair: Pair, at: Target, metric: str) -> str:
    gap = f"{at.difference.value:+.2g} {text.bounds(at.difference, '{:+.2g}'.format)}"
    said = f"{pair.a_name} and {pair.b_name} cannot be told apart in {metric}"
    if at.verdict != "undecided":
        names = (pair.a_name, pair.b_name)
        better, other = names if at.verdict == "a" else names[::-1]
        said = f"{better} has the better {metric} than {other}"
    return f"At {text.flops(at.flops)} FLOPs {said}: {pair.b_name} − {pair.a_name} is {gap}."


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
        number(at.flops, text.flops),
        number(at.a, text.loss),
        number(at.b, text.loss),
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
    return Table(
        "Where they cross, in FLOPs and in measured time of one device",
        columns,
        rows,
        left=frozenset({0, 1, 3}),
    )


def _checks(found: CompareResult) -> Table:
    return checks_table(found.checklist, "What the comparison rests on")
