"""Comparisons and published laws as terminal tables, made for 80 columns."""

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from ditlaw import text
from ditlaw.cli.table_parts import MARKS, make_table, show_notes
from ditlaw.cli.time_tables import crossing_in_time, equal_time_of, equal_times_of, on_device
from ditlaw.results import (
    Check,
    CompareResult,
    LawsResult,
    Pair,
    PublishedEntry,
    Quantity,
    Verdict,
)

RATIO = "b's FLOPs for\na's loss ÷ a's"
NO_CROSSING = "no crossing within 1,000 times the data and the budgets"
SHORT = 16  # a name that a column holds beside a difference and a ratio


def show_laws(console: Console, result: LawsResult) -> None:
    """One block a law."""
    for law in result.laws:
        _law(console, law)
    console.print(escape(result.warning), soft_wrap=True)


def _law(console: Console, law: PublishedEntry) -> None:
    fitted = "not known"
    if law.range:
        fitted = f"{text.flops(law.range[0])} to {text.flops(law.range[1])} FLOPs"
    console.print(f"[bold]published:{law.name}[/]  {law.year}, arXiv {law.arxiv}")
    lines = [f"{law.source}", *law.formulas.values()]
    lines += [
        f"{name} ∝ {form}" if form[0] == "C" else f"{name} = {form} (units unknown)"
        for name, form in law.unscaled.items()
    ]
    lines += [f"fitted: {fitted}; {law.data}", f"counts: {law.flops_as}; {law.units}"]
    lines += [f"{metric} compares {whose} features" for metric, whose in law.extractors.items()]
    if law.unknown:
        lines.append(f"not known: {'; '.join(law.unknown)}")
    lines += [*law.remarks, f"read in: {law.read}"]
    for line in lines:
        console.print(Padding(escape(line), (0, 0, 0, 2)))
    console.print()


def show_comparison(console: Console, result: CompareResult) -> None:
    """A row a budget for each pair, its names above; several have their laws' values first."""
    level = result.pairs[0].at[0].difference.level
    kind = "what the printed digits allow" if level == 1 else f"{level:.0%} intervals"
    console.print(f"{escape(result.metric)}, {kind}; one is better where b − a leaves out 0")
    if len(result.pairs) == 1:
        _one_pair(console, result.pairs[0])
    else:
        console.print()
        console.print(_values(result.pairs))
        for pair in result.pairs:
            _one_of_several(console, pair)
        for k, target in enumerate(result.pairs[0].at):
            timed = equal_times_of(result.pairs, k, _better_of)
            if timed:
                spent, where = text.flops(target.flops), on_device(result.pairs)
                console.print(
                    f"\nat equal time: what a's {spent} FLOPs take{where}", soft_wrap=True
                )
                console.print(timed)
    if result.checklist:
        console.print("\n[bold]is it fair?[/]")
        console.print(_checklist(result.checklist))
    console.print()
    show_notes(console, result.warnings)


def _one_pair(console: Console, pair: Pair) -> None:
    console.print(f"a: {escape(pair.a_name)}\nb: {escape(pair.b_name)}\n", soft_wrap=True)
    table = make_table("FLOPs", "a", "b", "b − a", RATIO, "better", left=("better",))
    for at in pair.at:
        table.add_row(
            text.flops(at.flops),
            text.loss(at.a),
            text.loss(at.b),
            _signed(at.difference),
            text.with_interval(at.compute_ratio, text.number),
            _better(at.verdict),
        )
    console.print(table)
    if pair.crossing:
        console.print(f"\nequal at {_crossing(pair)}")
    else:
        console.print(f"\n{NO_CROSSING}")
    exponent = _signed(pair.exponent_difference)
    console.print(f"exponent at the largest budget, b − a: {exponent}")
    timed = equal_time_of(pair, _better, _signed)
    if timed:
        console.print(f"\nat equal time{on_device([pair])}", soft_wrap=True)
        console.print(timed)
        when = crossing_in_time(pair)
        console.print(
            f"\nequal after {when}" if pair.crossing_at_equal_time else "\nno crossing in time"
        )


def _one_of_several(console: Console, pair: Pair) -> None:
    console.print(f"\na: [bold]{escape(pair.a_name)}[/], b: [bold]{escape(pair.b_name)}[/]")
    table = make_table("FLOPs", "b − a", RATIO, "better", left=("better",))
    for at in pair.at:
        table.add_row(
            text.flops(at.flops),
            _signed(at.difference),
            text.with_interval(at.compute_ratio, text.number),
            _better_of(pair, at.verdict),
        )
    console.print(table)
    if pair.crossing is None:
        console.print(NO_CROSSING)
        return
    after = f", after {crossing_in_time(pair)}" if pair.crossing_at_equal_time else ""
    console.print(f"equal at {_crossing(pair)}{after}")


def _crossing(pair: Pair) -> str:
    """Where two laws are equal, and whether that lies in the data."""
    where = f" ({pair.crossing_beyond} the data)" if pair.crossing_beyond else ""
    return f"{text.with_interval(pair.crossing, text.flops)} FLOPs{where}"


def _checklist(checks: list[Check]) -> Table:
    """A mark and an item a line; what is long goes on below its own beginning."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for check in checks:
        grid.add_row(MARKS[check.state], f"{escape(check.item)}: {escape(check.text)}")
    return grid


def _values(pairs: list[Pair]) -> Table:
    """Each law's own value at each target."""
    targets = pairs[0].at
    found: dict[str, list[float]] = {}
    for pair in pairs:
        found[pair.a_name] = [at.a for at in pair.at]
        found[pair.b_name] = [at.b for at in pair.at]
    table = make_table("FLOPs", *(text.flops(at.flops) for at in targets), left=("FLOPs",))
    for name, values in found.items():
        table.add_row(escape(name), *map(text.loss, values))
    return table


def _better_of(pair: Pair, verdict: Verdict) -> str:
    """The better one's name, where a column of names fits in 80."""
    names = {"a": pair.a_name, "b": pair.b_name}
    if verdict == "undecided" or max(map(len, names.values())) > SHORT:
        return _better(verdict)
    return f"[green]{escape(names[verdict])}[/]"


def _better(verdict: Verdict) -> str:
    return verdict if verdict == "undecided" else f"[green]{verdict}[/]"


def _signed(difference: Quantity) -> str:
    """Two digits, or as many as tell the bounds from the value."""
    for digits in (2, 3, 4):
        said = text.with_interval(difference, lambda v, d=digits: f"{v:+.{d}g}")  # type: ignore[misc]
        value, _, bounds = said.partition(" ")
        if bounds != f"[{value}, {value}]":
            break
    return said
