"""Swept learning rates and batches: the curves of each size, optima, and N* under each rule."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ditlaw import text
from ditlaw.errors import DitlawError
from ditlaw.report.axes import Figure, Trace, layout, line, log_axis, points, ramp, safe
from ditlaw.report.download import with_download
from ditlaw.report.formulas import Formula, swept_formula
from ditlaw.report.labels import SYMBOLS
from ditlaw.report.tables import Cell, Table, interval
from ditlaw.results import Note, RatesResult, SettingCell, SettingGroup
from ditlaw.tuning import Rates, Setting, rates_of
from ditlaw.tuning import words as rate_words
from ditlaw.tuning.curve import value
from ditlaw.tuning.group import GroupAnswer
from ditlaw.tuning.optimum import Optimum

GRID = 60


@dataclass(frozen=True)
class RatesSection:
    """One swept setting: its figure at the largest budget, its tables and what is said of it."""

    id: str
    setting: Setting
    title: str
    caption: str
    optima: Table
    rules: Table | None
    said: list[str]
    notes: list[Note]
    formulas: list[Formula]
    figure: Figure


def rates_sections(source: str, where: list[str], level: float) -> list[RatesSection]:
    """A section for each setting that the rows sweep; none for a saved law."""
    if not Path(source.partition("@")[0]).exists():
        return []
    settings: tuple[Setting, ...] = ("learning_rate", "batch")
    found = []
    for setting in settings:
        try:
            rates = rates_of(source, where, setting=setting, level=level)
        except DitlawError:  # not swept, or a saved law: there is nothing to show
            continue
        answers = [answer for answer in rates.groups if answer.optima]
        found += [_section(rates, a, n, several=len(answers) > 1) for n, a in enumerate(answers)]
    return found


def _section(rates: Rates, answer: GroupAnswer, number: int, several: bool) -> RatesSection:
    """The section of one family and parametrization, told apart where there are ``several``."""
    result, group = rates.result, answer.printed
    flagged = [flag for flag in result.flagged if flag.row in answer.group.frame.index]
    own = result.model_copy(update={"groups": [group], "flagged": flagged})
    name = f"rates-{result.setting.replace('_', '-')}{f'-{number}' if several else ''}"
    whose = ", ".join(filter(None, [group.family, group.parametrization])) if several else ""
    setting, word = result.setting, rate_words.WORDS[result.setting]
    largest = max(o.cell.log_c for o in answer.optima)
    shown = [o for o in answer.optima if np.isclose(o.cell.log_c, largest, atol=0.1)]
    lines = [
        rate_words.advice(group, setting),
        group.no_law and f"no law of the best {word}: {group.no_law}",
        group.law and group.law.note,
        rate_words.transfer(group, setting),
        rate_words.sensitivity_trend(group),
        rate_words.noise(group),
        *rate_words.rule_reasons(group, setting),
        rate_words.flags(own),
    ]
    # An equation begins with its symbol.
    said = [f"{s[0].upper() if s[0].isascii() else s[0]}{s[1:]}." for s in lines if s]
    return RatesSection(
        id=name,
        setting=setting,
        title=f"{word.capitalize()} of each size{f': {whose}' if whose else ''}",
        caption=f"Loss against {word}, a curve a size, at {text.flops(float(np.exp(largest)))} "
        "training FLOPs, the largest budget that was swept. Points are means over seeds, diamonds "
        "the optima between them, crosses settings of which a seed diverged.",
        optima=_optima(group, result),
        rules=_rules(group, setting) if any(r.params for r in group.rules) else None,
        said=said,
        notes=result.warnings if number == 0 else [],
        formulas=[] if group.law is None else [swept_formula(group.law, setting, result.level)],
        figure=_figure(shown, answer.group.frame, name, word),
    )


def _optima(group: SettingGroup, result: RatesResult) -> Table:
    rows = [
        [
            Cell(text.flops(cell.flops)),
            Cell(text.count(cell.params), "" if cell.width is None else f"width {cell.width:g}"),
            Cell(cell.status, mood="" if cell.status == "inside" else "bad"),
            _best(cell),
            Cell(" – ".join("?" if end is None else text.number(end) for end in cell.near)),
            Cell(text.loss(cell.loss.value)),
            interval(cell.sensitivity, text.number),
        ]
        for cell in group.cells
    ]
    within = f"within {text.share(result.tolerance)}"
    columns = ["FLOPs", "params", "status", "best", within, "loss there", "sensitivity"]
    caption = (
        f"The best {rate_words.WORDS[result.setting]} of each size and budget, the range that "
        f"gives away {text.share(result.tolerance)} of the loss at most, and the sensitivity: the "
        f"mean loss over the settings tried, minus the best; {result.level:.0%} intervals"
    )
    return Table(caption, columns, rows, left=frozenset({0, 2}))


def _best(cell: SettingCell) -> Cell:
    if cell.optimum is None:
        return Cell(text.number(cell.best_tried), "tried")
    return interval(cell.optimum, text.number)


def _rules(group: SettingGroup, setting: str) -> Table:
    rows = [
        [
            Cell(rate_words.rule(rule, setting)),
            Cell(f"{rule.cells} of {rule.of_cells}"),
            interval(rule.exponent, text.number),
            interval(rule.params),
            Cell("–" if rule.loss is None else text.loss(rule.loss.value)),
        ]
        for rule in group.rules
    ]
    at = "" if group.rules_at is None else f" at {text.flops(group.rules_at)} FLOPs"
    columns = ["rule", "sizes and budgets", "exponent of N*", f"N*{at}", "loss there"]
    caption = f"How N* depends on the rule by which the {rate_words.WORDS[setting]} is chosen"
    strong = frozenset(i for i, rule in enumerate(group.rules) if rule.rule == "best of each")
    return Table(caption, columns, rows, strong=strong)


def _figure(optima: list[Optimum], frame: pd.DataFrame, name: str, word: str) -> Figure:
    """Curves of the sizes at one budget, whole."""
    best = float(np.exp(min(o.log_loss[0] for o in optima)))
    top = float(np.exp(max(o.cell.log_loss.max() for o in optima)))
    traces: list[Trace] = []
    ordered = sorted(optima, key=lambda o: o.cell.log_n)
    for k, (optimum, color) in enumerate(zip(ordered, ramp(len(ordered)), strict=True)):
        traces += _size(optimum, frame, color, SYMBOLS[k % len(SYMBOLS)], top)
    tried = np.exp(np.concatenate([o.cell.tried for o in optima]))
    losses = np.exp(np.concatenate([o.cell.log_loss for o in optima]))
    x = log_axis(word, tried, text.number, 0.06)
    y = log_axis("loss", [*losses, best], text.loss, 0.06)
    return with_download({"id": name, "data": traces, "layout": layout(x, y)})


def _size(
    optimum: Optimum, frame: pd.DataFrame, color: str, symbol: str, top: float
) -> list[Trace]:
    cell = optimum.cell
    x, name = cell.log_setting, f"{text.count(float(np.exp(cell.log_n)))} params"
    traces = []
    if len(x) > 1:
        grid = np.linspace(x[0], x[-1], GRID)
        drawn = np.exp([value(x, optimum.losses[:1], at)[0] for at in grid])
        traces.append(line(np.exp(grid), drawn, name, color, width=1.75) | {"showlegend": False})
    losses = np.exp(cell.log_loss)
    runs = [[str(run) for run in frame["run"].iloc[rows]] for rows in cell.members]
    hover = [
        f"<b>{'<br>'.join(map(safe, of))}</b><br>{safe(name)} at {text.number(np.exp(at))}"
        f"<br>loss {text.loss(loss)}, {len(of)} {'seed' if len(of) == 1 else 'seeds'}"
        for at, loss, of in zip(x, losses, runs, strict=True)
    ]
    marker: dict[str, Any] = {"color": color, "symbol": symbol, "size": 8}
    columns = [{"run": " ".join(of), "seeds": len(of)} for of in runs]
    traces.append(points(np.exp(x).tolist(), losses.tolist(), name, hover, columns, **marker))
    if optimum.log_setting is not None:
        at, lowest = float(np.exp(optimum.log_setting[0])), float(np.exp(optimum.log_loss[0]))
        said = [f"<b>best of {safe(name)}</b><br>{text.number(at)}<br>loss {text.loss(lowest)}"]
        style: dict[str, Any] = {"symbol": "diamond", "size": 12, "color": color}
        style["line"] = {"color": "@paper", "width": 2}
        best = points([at], [lowest], f"best of {name}", said, **style)
        traces.append(best | {"showlegend": False})
    gone = [float(np.exp(u.log_setting)) for u in cell.unstable]
    if gone:
        said = [f"<b>{safe(name)}</b><br>{text.number(at)}<br>diverged" for at in gone]
        cross = points(gone, [top] * len(gone), "diverged", said, color=color, symbol="x", size=9)
        traces.append(cross | {"showlegend": False})
    return traces
