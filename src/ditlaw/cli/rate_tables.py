"""A sweep of learning rates or batches as terminal tables, made for 80 columns."""

from rich.console import Console
from rich.markup import escape

from ditlaw import rate_words as words
from ditlaw import text
from ditlaw.cli.table_parts import make_table, show_notes
from ditlaw.results import RatesResult, SettingCell, SettingGroup

MOST_FLAGS = 8  # rows that are listed; --json has all
LEFT = ("status", "rule", "run", "how")


def show_rates(console: Console, result: RatesResult) -> None:
    """Each group's optima, law and rules; then the flagged rows and the notes."""
    said = f"{words.WORDS[result.setting]}, {result.level:.0%} intervals"
    console.print(f"[bold]{escape(result.source)}[/]: {said}", soft_wrap=True)
    for group in result.groups:
        if group.cells:
            _group(console, group, result)
        elif words.name(group):
            console.print(f"\n{escape(words.name(group))}: nothing was swept")
    console.print(f"\n{words.flags(result)}", soft_wrap=True)
    _flags(console, result)
    show_notes(console, result.warnings)


def _group(console: Console, group: SettingGroup, result: RatesResult) -> None:
    name = words.name(group)
    console.print(f"\n{escape(name) + ': ' if name else ''}{words.noise(group)}", soft_wrap=True)
    within = f"within {text.share(result.tolerance)}"
    table = make_table("FLOPs", "params", "status", "best", within, "loss", "sens.", left=LEFT)
    for cell in group.cells:
        table.add_row(
            text.flops(cell.flops),
            text.count(cell.params),
            cell.status,
            _best(cell),
            _near(cell),
            text.loss(cell.loss.value),
            "-" if cell.sensitivity is None else text.number(cell.sensitivity.value),
        )
    console.print(table)
    if group.law is not None:
        console.print(words.equation(group.law, result.setting), soft_wrap=True)
    for line in (
        group.no_law and f"no law of the best: {group.no_law}",
        group.law and group.law.note,
        words.transfer(group, result.setting),
        words.sensitivity_trend(group),
    ):
        if line:
            console.print(line, soft_wrap=True)
    _rules(console, group, result.setting)


def _rules(console: Console, group: SettingGroup, setting: str) -> None:
    if not group.rules or group.rules_at is None:
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
    for rule in group.rules:
        if rule.reason:
            console.print(f"{words.rule(rule, setting)}: {escape(rule.reason)}", soft_wrap=True)


def _flags(console: Console, result: RatesResult) -> None:
    if not result.flagged:
        return
    worst = sorted(result.flagged, key=lambda flag: flag.excess, reverse=True)[:MOST_FLAGS]
    table = make_table("row", "run", "tried", "best", "worse by", "how", left=LEFT)
    for flag in worst:
        table.add_row(
            str(flag.row),
            escape(text.plain(flag.run)),
            text.number(flag.setting),
            text.number(flag.best),
            text.share(flag.excess),
            flag.how if flag.beyond_noise else f"{flag.how}, within noise",
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
