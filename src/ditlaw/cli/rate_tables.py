"""A sweep of learning rates or batches as terminal tables, made for 80 columns."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ditlaw import text
from ditlaw.cli.table_parts import make_table, show_notes
from ditlaw.results import RatesResult, SettingCell, SettingGroup
from ditlaw.tuning import words

MOST_FLAGS = 8  # rows that are listed; --json has all
EXPLAINED = (
    "status: inside, lower and higher ones are worse; edge, the best is the lowest or highest "
    "tried; cliff, a higher one diverged. tried: the best of those run, not interpolated. within "
    "{}: what gives away no more of the loss. ?: beyond what was tried. sens.: mean loss over what "
    "was tried, minus the best."
)
LEFT = ("status", "rule", "run", "how")


def show_rates(console: Console, result: RatesResult) -> None:
    """What to set; then each group's law, rules and optima, the flagged rows and the notes."""
    said = f"{words.WORDS[result.setting]}, {result.level:.0%} intervals"
    console.print(f"[bold]{escape(result.source)}[/]: {said}", soft_wrap=True)
    for group in result.groups:
        if advice := words.advice(group, result.setting):
            name = words.name(group)
            line = f"{escape(name)}: {advice}" if name else advice[0].upper() + advice[1:]
            console.print(line)
    for group in result.groups:
        if group.cells:
            _group(console, group, result)
        elif words.name(group):
            console.print(f"\n{escape(words.name(group))}: nothing was swept")
    console.print(f"[dim]{EXPLAINED.format(text.share(result.tolerance))}[/]")
    console.print(f"\n{words.flags(result)}")
    _flags(console, result)
    show_notes(console, result.warnings)


def _group(console: Console, group: SettingGroup, result: RatesResult) -> None:
    name = words.name(group)
    title = f"[bold]{escape(name)}[/]: " if name else ""
    console.print(f"\n{title}{words.noise(group)}")
    _law(console, group, result.setting)
    _rules(console, group, result.setting)
    console.print()
    console.print(_cells(group, result))


def _cells(group: SettingGroup, result: RatesResult) -> Table:
    """A row a size and budget, sizes apart."""
    within = f"within {text.share(result.tolerance)}"
    table = make_table("FLOPs", "params", "status", "best", within, "loss", "sens.", left=LEFT)
    size = group.cells[0].params
    for cell in group.cells:
        if abs(cell.params - size) > 1e-6 * size:
            table.add_row()
            size = cell.params
        table.add_row(
            text.flops(cell.flops),
            text.count(cell.params),
            cell.status,
            _best(cell),
            _near(cell),
            text.loss(cell.loss.value),
            "-" if cell.sensitivity is None else _short(cell.sensitivity.value),
        )
    return table


def _law(console: Console, group: SettingGroup, setting: str) -> None:
    if group.law is not None:
        console.print(words.equation(group.law, setting))
    for line in (
        group.no_law and f"no law of the best: {group.no_law}",
        group.law and group.law.note,
        words.transfer(group, setting),
        words.sensitivity_trend(group),
    ):
        if line:
            console.print(escape(line))


def _rules(console: Console, group: SettingGroup, setting: str) -> None:
    if not group.rules or group.rules_at is None:
        return
    reasons = words.rule_reasons(group, setting)
    if all(rule.params is None for rule in group.rules):
        for line in reasons:
            console.print(escape(line))
        return
    console.print(f"\nN* under each rule, at {text.flops(group.rules_at)} FLOPs")
    table = make_table("rule", "cells", "exponent of N*", "N*", "loss", left=LEFT)
    for rule in group.rules:
        table.add_row(
            words.rule(rule, setting),
            f"{rule.cells}/{rule.of_cells}",
            text.with_interval(rule.exponent, _two),
            "-" if rule.params is None else text.count(rule.params.value),
            "-" if rule.loss is None else text.loss(rule.loss.value),
        )
    console.print(table)
    for line in reasons:
        console.print(escape(line))


def _flags(console: Console, result: RatesResult) -> None:
    if not result.flagged:
        return
    worst = sorted(result.flagged, key=lambda flag: flag.excess, reverse=True)[:MOST_FLAGS]
    table = make_table("row", "run", "FLOPs", "tried", "best", "worse by", "how", left=LEFT)
    for flag in worst:
        table.add_row(
            str(flag.row),
            escape(text.plain(flag.run)),
            "-" if flag.budget is None else text.flops(flag.budget),
            text.number(flag.setting),
            text.number(flag.best),
            text.share(flag.excess),
            words.flag_how(flag),
        )
    console.print(table)
    if len(result.flagged) > len(worst):
        console.print(f"the {len(worst)} worst; --json lists all")


def _best(cell: SettingCell) -> str:
    if cell.optimum is None:
        return f"{text.number(cell.best_tried)} tried"
    return text.with_interval(cell.optimum, _short)


def _near(cell: SettingCell) -> str:
    if cell.status == "too few":
        return "-"
    return "–".join("?" if end is None else _short(end) for end in cell.near)


def _short(value: float) -> str:
    return f"{value:.2g}"


def _two(value: float) -> str:
    return f"{value:.2f}"
