"""What 'ditlaw evaluate' added to runs, as columns beside their observations. No torch here.

``vlb`` and ``nll`` are columns of their names. A metric of drawn pictures (``frechet``, ``fid``,
``kid``, ``attributes``) has a column for each guidance and step count, ``frechet:g2:s24``, and one
of its name: the best of those settings that every row it was drawn for has. Metrics drawn without
captions end in ``_unconditional``. ``attribute_error`` is 1 − ``attributes``.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ditlaw.metric_names import DRAWN, ERRORS, UNCONDITIONAL, is_drawn, kind

Row = dict[str, Any]
Place = tuple[str, float]  # of an observation: run and budget
# Whose features, pictures and counts a metric compares; of several, the newest is heard.
Conditions = tuple[str, str, float]  # extractor, reference, samples
Setting = tuple[float | None, float | None, str]  # guidance, sampler steps, sampler
ONE: Setting = (None, None, "")  # of what is not drawn


@dataclass
class _Readings:
    """Values of one metric under one set of conditions, by setting and place."""

    conditions: Conditions
    values: dict[Setting, dict[Place, tuple[float, float | None]]] = field(default_factory=dict)

    @property
    def places(self) -> set[Place]:
        return {place for found in self.values.values() for place in found}

    def shared(self) -> list[Setting]:
        """The settings that every place has: the best of others would be the best of unlike sets.

        In order of guidance, steps and sampler.
        """
        places = self.places
        return sorted((s for s, found in self.values.items() if places <= found.keys()), key=_rank)


def merged(rows: Sequence[Row], evaluated: Mapping[str, Sequence[Row]]) -> list[Row]:
    """Observations with the metrics that were evaluated, each in a column.

    Args:
        rows: observations with ``run``, ``budget`` and ``steps``.
        evaluated: the lines of each run's ``metrics.jsonl``, oldest first. A line that repeats
            another's settings takes its place; one that is of no observation, at the same budget
            and step, is passed over.

    Of a metric with several extractors, references or sample counts only the newest is kept: what
    comes after the others in the runs' files.
    """
    if not evaluated:
        return list(rows)
    added: dict[Place, Row] = {(row["run"], row["budget"]): {} for row in rows}
    steps = {(row["run"], row["budget"]): row["steps"] for row in rows}
    found = _newest(_by_conditions(evaluated, steps))
    for metric in sorted(found, key=_position):
        _fill(metric, found[metric], added)
    _label(found, added)
    # What training measured stays as it is.
    return [
        row | {k: v for k, v in added[row["run"], row["budget"]].items() if k not in row}
        for row in rows
    ]


def _by_conditions(
    evaluated: Mapping[str, Sequence[Row]], steps: Mapping[Place, Any]
) -> dict[str, list[list[_Readings]]]:
    """Of each metric, and each run that has it: its readings, in the order they were last made."""
    pooled: dict[tuple[str, Conditions], _Readings] = {}
    orders: dict[str, list[list[_Readings]]] = {}
    for run, lines in evaluated.items():
        order: dict[str, dict[Conditions, None]] = {}
        for line in lines:
            budget, value = _float(line.get("budget")), _float(line.get("value"))
            if budget is None or value is None or not isinstance(line.get("metric"), str):
                continue
            place = run, budget
            if place not in steps or steps[place] != line.get("steps"):
                continue
            conditions, setting = _conditions(line), _setting(line)
            for metric, number in _told(line, value):
                readings = pooled.setdefault((metric, conditions), _Readings(conditions))
                reading = number, _float(line.get("error"))
                readings.values.setdefault(setting, {})[place] = reading
                # Last made, last in order.
                order.setdefault(metric, {}).pop(conditions, None)
                order[metric][conditions] = None
        for metric, conditions_of in order.items():
            orders.setdefault(metric, []).append([pooled[metric, c] for c in conditions_of])
    return orders


def _newest(orders: dict[str, list[list[_Readings]]]) -> dict[str, _Readings]:
    """Of each metric, the readings that come after the others in the runs' files."""
    found = {}
    for metric, lists in orders.items():
        after = {(a.conditions, b.conditions) for each in lists for a, b in _pairs(each)}
        every = {r.conditions: r for each in lists for r in each}
        last = [c for c in every if not any((c, d) in after and (d, c) not in after for d in every)]
        # Of readings that no run has both of, those of most places.
        chosen = max(last or every, key=lambda c: (len(every[c].places), str(c)))
        found[metric] = every[chosen]
    return found


def _pairs(each: list[_Readings]) -> list[tuple[_Readings, _Readings]]:
    return [(a, b) for i, a in enumerate(each) for b in each[i + 1 :]]


def _fill(metric: str, readings: _Readings, added: dict[Place, Row]) -> None:
    """The columns of one metric: one a setting where it is drawn, and its own name."""
    if is_drawn(metric):
        samplers = {sampler for _, _, sampler in readings.values}
        for setting in sorted(readings.values, key=_rank):
            column = _column(metric, setting, several=len(samplers) > 1)
            for place, (value, _) in readings.values[setting].items():
                added[place][column] = value
    shared = readings.shared()
    for place in readings.places:
        best = _best(metric, readings, shared, place)
        if best is None:
            continue
        value, error = readings.values[best][place]
        added[place][metric] = value
        if error is not None:
            added[place][f"{metric}_standard_error"] = error


def _best(metric: str, readings: _Readings, shared: list[Setting], place: Place) -> Setting | None:
    """The shared setting with the best value there; None where no setting is shared."""
    sign = -1.0 if kind(metric) in ERRORS else 1.0
    return min(shared, key=lambda s: sign * readings.values[s][place][0], default=None)


def _label(found: dict[str, _Readings], added: dict[Place, Row]) -> None:
    """Whose features and pictures the drawn metrics compare, and which guidance was best."""
    drawn = [
        m for m in sorted(found, key=_position) if is_drawn(m) and kind(m) != "attribute_error"
    ]
    shared = {metric: found[metric].shared() for metric in drawn}
    for place, row in added.items():
        here = [found[metric] for metric in drawn if place in found[metric].places]
        if not here:
            continue
        for column, part in (("extractor", 0), ("reference", 1), ("samples_drawn", 2)):
            values = list(dict.fromkeys(r.conditions[part] for r in here if r.conditions[part]))
            if values:
                row[column] = values[0] if len(values) == 1 else " + ".join(map(str, values))
        first = next(m for m in drawn if place in found[m].places)
        best = _best(first, found[first], shared[first], place)
        if best is not None and best[0] is not None:
            row["guidance"] = best[0]


def _told(line: Row, value: float) -> list[tuple[str, float]]:
    """The columns that a line speaks of, with their values."""
    name = line["metric"]
    end = UNCONDITIONAL if line.get("unconditional") is True else ""
    told = [(name + end, value)]
    if name in ERRORS:
        told.append((ERRORS[name] + end, 1.0 - value))
    return told


def _conditions(line: Row) -> Conditions:
    name, digest = line.get("extractor"), line.get("extractor_sha256")
    extractor = "-".join(part for part in (name, str(digest)[:8] if digest else None) if part)
    # With a word before it, a table file does not take a hash of digits for a number.
    reference = line.get("reference_sha256")
    return (
        extractor,
        f"reference-{str(reference)[:8]}" if reference else "",
        _float(line.get("samples")) or 0.0,
    )


def _setting(line: Row) -> Setting:
    if line["metric"] not in DRAWN:
        return ONE
    # Without captions there is nothing to be guided towards.
    guidance = None if line.get("unconditional") is True else _float(line.get("guidance"))
    sampler = line.get("sampler")
    return guidance, _float(line.get("sampler_steps")), sampler if isinstance(sampler, str) else ""


def _column(metric: str, setting: Setting, *, several: bool) -> str:
    guidance, steps, sampler = setting
    parts = [metric]
    parts += [] if guidance is None else [f"g{guidance:g}"]
    parts += [] if steps is None else [f"s{steps:g}"]
    return ":".join([*parts, *([sampler] if several and sampler else [])])


def _rank(setting: Setting) -> tuple[float, float, str]:
    guidance, steps, sampler = setting
    return (-1.0 if guidance is None else guidance, -1.0 if steps is None else steps, sampler)


def _position(metric: str) -> tuple[int, int, str]:
    """Vlb and likelihood, then what is drawn with captions, then without; others first."""
    order = ("vlb", "nll", *DRAWN)
    place = order.index(kind(metric)) if kind(metric) in order else -1
    return (metric.endswith(UNCONDITIONAL), place, metric)


def _float(value: object) -> float | None:
    """A finite number; None for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return None
    return float(value)
