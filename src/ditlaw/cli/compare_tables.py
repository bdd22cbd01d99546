"""Comparisons and published laws as terminal tables, made for 80 columns."""

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from ditlaw import text
from ditlaw.cli.table_parts import make_table, show_notes
from ditlaw.cli.time_tables import crossing_in_time, equal_time_of, equal_times_of, on_device
from ditlaw.results import (
    CompareResult,
    LawsResult,
    Pair,
    PublishedEntry,
    Quantity,
    Verdict,
)

MARKS = {"met": "[green]yes[/]", "not met": "[yellow]no [/]", "unknown": "?  "}
SHORT = 16  # a name that three columns hold beside a ratio


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
    """One pair: a row a budget. Several: a table a budget with a row a pair. Then the crossings.

    Several names leave 80 columns no room for differences and exponents; JSON has them.
    """
    level = result.pairs[0].at[0].difference.level
    kind = "what the printed digits allow" if level == 1 else f"{level:.0%} intervals"
    console.print(f"{escape(result.metric)}, {kind}; one is better where b − a leaves out 0")
    if len(result.pairs) == 1:
        _one_pair(console, result.pairs[0])
    else:
        console.print()
        console.print(_values(result.pairs))
        for k, target in enumerate(result.pairs[0].at):
            console.print(f"\n[bold]{text.flops(target.flops)} FLOPs[/]")
            console.print(_of_budget(result.pairs, k))
            timed = equal_times_of(result.pairs, k, _better_of)
            if timed:
                spent, where = text.flops(target.flops), on_device(result.pairs)
                console.print(
                    f"\nat equal time: what a's {spent} FLOPs take{where}", soft_wrap=True
                )
                console.print(timed)
        console.print("\n[bold]where they cross[/]")
        console.print(_crossings(result.pairs))
    if result.checklist:
        console.print("\n[bold]is it fair?[/]")
    for check in result.checklist:
        mark = MARKS[check.state]
        console.print(f"{mark} {escape(check.item)}: {escape(check.text)}", soft_wrap=True)
    console.print()
    show_notes(console, result.warnings)


def _one_pair(console: Console, pair: Pair) -> None:
    console.print(f"a: {escape(pair.a_name)}\nb: {escape(pair.b_name)}\n", soft_wrap=True)
    table = make_table("FLOPs", "a", "b", "b − a", "b's FLOPs ÷ a's", "better", left=("better",))
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
        console.print(f"\nequal at {text.with_interval(pair.crossing, text.flops)} FLOPs")
    else:
        console.print("\nno crossing within 1,000 times the data and the budgets")
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


def _of_budget(pairs: list[Pair], k: int) -> Table:
    table = make_table("a", "b", "b's FLOPs ÷ a's", "better", left=("a", "b", "better"))
    for pair in pairs:
        at = pair.at[k]
        table.add_row(
            escape(pair.a_name),
            escape(pair.b_name),
            text.with_interval(at.compute_ratio, text.number),
            _better_of(pair, at.verdict),
        )
    return table


def _crossings(pairs: list[Pair]) -> Table:
    timed = any(pair.crossing_at_equal_time for pair in pairs)
    columns = ["equal at FLOPs", *(["equal after"] if timed else [])]
    table = make_table("a", "b", *columns, left=("a", "b"))
    for pair in pairs:
        table.add_row(
            escape(pair.a_name),
            escape(pair.b_name),
            text.with_interval(pair.crossing, text.flops),
            *([crossing_in_time(pair)] if timed else []),
        )
    return table


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
    """The better one's name, where a third column of names fits in 80."""
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
