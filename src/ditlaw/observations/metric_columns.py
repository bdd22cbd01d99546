"""What 'ditlaw evaluate' added to runs, as columns beside their observations. No torch here.

``vlb`` and ``nll`` are columns of their names. A metric of drawn pictures (``frechet``, ``fid``,
``kid``, ``attributes``) has a column for each guidance and step count, ``frechet:g2:s24``, and one
of its name: the best of those settings that every row it was drawn for has. Metrics without
captions end in ``_unconditional``. ``attribute_error`` is 1 − ``attributes``.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ditlaw.observations.metric_names import DRAWN, ERRORS, UNCONDITIONAL, is_drawn, kind

Row = dict[str, Any]
Place = tuple[str, float]  # of an observation: run and budget
Value = tuple[float, float | None]  # and its standard error
DISTANCES = ("frechet", "fid", "kid")
LABELS = ("extractor", "reference", "samples_drawn")


class Conditions(NamedTuple):
    """Whose features, which pictures, how many samples: values under others are other quantities.

    ``detail`` is whatever else a value depends on, as its line says it.
    """

    extractor: str
    reference: str
    samples_drawn: float
    detail: str


class Setting(NamedTuple):
    """What pictures were drawn with; nothing for a metric without pictures."""

    guidance: float | None = None
    steps: float | None = None
    sampler: str = ""

    def __str__(self) -> str:
        return ":".join(_parts(self) + ([self.sampler] if self.sampler else []))

    @property
    def rank(self) -> tuple[float, float, str]:
        """By guidance, then steps; what is not stated first."""
        guidance, steps = (-1.0 if n is None else n for n in self[:2])
        return guidance, steps, self.sampler


@dataclass
class _Readings:
    """Values of one metric by setting and place, and the conditions of each place."""

    values: dict[Setting, dict[Place, Value]] = field(default_factory=dict)
    conditions: dict[Place, Conditions] = field(default_factory=dict)

    def add(self, place: Place, conditions: Conditions, setting: Setting, value: Value) -> None:
        self.values.setdefault(setting, {})[place] = value
        self.conditions[place] = conditions

    def join(self, other: "_Readings") -> None:
        for setting, found in other.values.items():
            self.values.setdefault(setting, {}).update(found)
        self.conditions |= other.conditions

    def shared(self) -> list[Setting]:
        """The settings that all places have, in order."""
        places = self.conditions.keys()
        shared = (s for s, found in self.values.items() if places <= found.keys())
        return sorted(shared, key=lambda s: s.rank)

    def best(self, metric: str) -> dict[Place, Setting]:
        """The best setting at each place, of those that all places have.

        The best of settings that only some have would be the best of more or fewer draws.
        """
        places, shared = self.conditions.keys(), self.shared()
        sign = -1.0 if kind(metric) in ERRORS else 1.0
        if not shared:
            return {}
        return {p: min(shared, key=lambda s: sign * self.values[s][p][0]) for p in places}


def merged(rows: Sequence[Row], evaluated: Mapping[str, Sequence[Row]]) -> list[Row]:
    """Observations with the metrics that were evaluated, each in a column.

    Args:
        rows: observations with ``run``, ``budget``, ``steps`` and ``dataset``.
        evaluated: the lines of each run's ``metrics.jsonl``, oldest first. A line that repeats
            another's settings takes its place; one that is of no observation, of the same budget,
            step and loss, is passed over.

    Where a metric of a data set has several extractors, references or sample counts, only the
    newest is kept: what comes after the others in the runs' files.
    """
    if not evaluated:
        return list(rows)
    seen: dict[Place, Row] = {(row["run"], row["budget"]): row for row in rows}
    found = _newest(evaluated, seen)
    added: dict[Place, Row] = {place: {} for place in seen}
    for metric in sorted(found, key=_position):
        _fill(metric, found[metric], added)
    _label(found, added)
    return [row | _new(added[row["run"], row["budget"]], row) for row in rows]


def _new(cells: Row, row: Row) -> Row:
    """What training has not measured itself."""
    return {name: value for name, value in cells.items() if name not in row}


def _newest(
    evaluated: Mapping[str, Sequence[Row]], seen: Mapping[Place, Row]
) -> dict[str, _Readings]:
    """Each metric's readings under the newest conditions of each data set."""
    pooled: dict[tuple[str, str], dict[Conditions, _Readings]] = {}
    orders: dict[tuple[str, str], list[list[Conditions]]] = {}
    for run, lines in evaluated.items():
        last: dict[tuple[str, str], list[Conditions]] = {}
        for line in lines:
            budget, value = _float(line.get("budget")), _float(line.get("value"))
            if budget is None or value is None or not isinstance(line.get("metric"), str):
                continue
            row = seen.get((run, budget))
            if row is None or _other(line, row):
                continue
            conditions, setting = _conditions(line), _setting(line)
            for metric, number in _told(line, value):
                group = metric, str(row.get("dataset"))
                readings = pooled.setdefault(group, {}).setdefault(conditions, _Readings())
                reading = number, _float(line.get("error"))
                readings.add((run, budget), conditions, setting, reading)
                order = last.setdefault(group, [])
                if conditions in order:
                    order.remove(conditions)
                order.append(conditions)
        for group, order in last.items():
            orders.setdefault(group, []).append(order)
    found: dict[str, _Readings] = {}
    for (metric, dataset), each in pooled.items():
        chosen = _latest(orders[metric, dataset], each)
        found.setdefault(metric, _Readings()).join(each[chosen])
    return found


def _other(line: Row, row: Row) -> bool:
    """Whether a line is of an observation that has been made anew since."""
    return row["steps"] != line.get("steps") or row.get("loss") != line.get("loss", row.get("loss"))


def _latest(orders: list[list[Conditions]], each: Mapping[Conditions, _Readings]) -> Conditions:
    """What comes after the others; of conditions that no run has both of, those of most places."""
    after = {(a, b) for order in orders for i, a in enumerate(order) for b in order[i + 1 :]}
    last = [c for c in each if not any((c, d) in after and (d, c) not in after for d in each)]
    return max(last or each, key=lambda c: (len(each[c].conditions), c))


def _fill(metric: str, readings: _Readings, added: dict[Place, Row]) -> None:
    """The columns of one metric: one a setting where it is drawn, and its own name."""
    if is_drawn(metric):
        several = len({setting.sampler for setting in readings.values}) > 1
        stated = [setting for setting in readings.values if setting != Setting()]
        for setting in sorted(stated, key=lambda s: s.rank):
            for place, (value, _) in readings.values[setting].items():
                added[place][_column(metric, setting, several=several)] = value
    for place, setting in readings.best(metric).items():
        value, error = readings.values[setting][place]
        added[place][metric] = value
        if error is not None:
            added[place][f"{metric}_standard_error"] = error


def _label(found: Mapping[str, _Readings], added: dict[Place, Row]) -> None:
    """Whose features and pictures the distances compare, and which guidance was best.

    Attributes, which compare with captions, are told of where there are no distances.
    """
    distances = [metric for metric in found if kind(metric) in DISTANCES]
    told = distances or [metric for metric in found if kind(metric) == "attributes"]
    told.sort(key=_position)
    best = {metric: found[metric].best(metric) for metric in told}
    settings = {metric: " ".join(map(str, found[metric].shared())) for metric in told}
    for place, row in added.items():
        here = [metric for metric in told if place in found[metric].conditions]
        for i, label in enumerate(LABELS):
            values = {found[metric].conditions[place][i]: None for metric in here}
            stated = [value for value in values if value]
            if stated:
                row[label] = stated[0] if len(stated) == 1 else " + ".join(map(str, stated))
        ways = [settings[metric] for metric in here if not metric.endswith(UNCONDITIONAL)]
        if ways and ways[0]:
            row["drawn_with"] = ways[0]
        guidances = (best[metric][place].guidance for metric in here if place in best[metric])
        guidance = next(guidances, None)
        if guidance is not None:
            row["guidance"] = guidance


def _told(line: Row, value: float) -> Iterable[tuple[str, float]]:
    """The columns that a line speaks of, with their values."""
    name, end = line["metric"], UNCONDITIONAL if line.get("unconditional") is True else ""
    yield name + end, value
    if name in ERRORS:
        yield ERRORS[name] + end, 1.0 - value


def _conditions(line: Row) -> Conditions:
    name, digest = line.get("extractor"), line.get("extractor_sha256")
    reference, detail = line.get("reference_sha256"), line.get("detail")
    return Conditions(
        extractor="-".join(str(part)[:40] for part in (name, digest and str(digest)[:8]) if part),
        # With a word before it, a table file does not take a hash of digits for a number.
        reference=f"pictures-{str(reference)[:8]}" if reference else "",
        samples_drawn=_float(line.get("samples")) or 0.0,
        detail=str(detail or ""),
    )


def _setting(line: Row) -> Setting:
    if line["metric"] not in DRAWN:
        return Setting()
    # Without captions there is nothing to be guided towards.
    guidance = None if line.get("unconditional") is True else _float(line.get("guidance"))
    sampler = line.get("sampler")
    steps = _float(line.get("sampler_steps"))
    return Setting(guidance, steps, sampler if isinstance(sampler, str) else "")


def _column(metric: str, setting: Setting, *, several: bool) -> str:
    end = [setting.sampler] if several and setting.sampler else []
    return ":".join([metric, *_parts(setting), *end])


def _parts(setting: Setting) -> list[str]:
    stated = (("g", setting.guidance), ("s", setting.steps))
    return [f"{letter}{number:g}" for letter, number in stated if number is not None]


def _position(metric: str) -> tuple[bool, int, str]:
    """Vlb and likelihood, then what is drawn; without captions last."""
    order = ("vlb", "nll", *DRAWN)
    place = order.index(kind(metric)) if kind(metric) in order else -1
    return metric.endswith(UNCONDITIONAL), place, metric


def _float(value: object) -> float | None:
    """A finite number; None for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return None
    return float(value)
