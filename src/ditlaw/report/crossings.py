"""The figure of a comparison: each value's law with its band and runs, and where two cross."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from ditlaw import text
from ditlaw.laws import Law
from ditlaw.laws.table import FloatArray
from ditlaw.report.axes import Figure, Trace, bars, layout, log_axis, points, safe
from ditlaw.report.download import with_download
from ditlaw.report.formulas import LOSS, Formula, loss_formula
from ditlaw.report.labels import SYMBOLS
from ditlaw.report.rawpoints import run_columns, thinned
from ditlaw.report.spans import Span
from ditlaw.report.units import Units
from ditlaw.results import CompareResult, Pair, Quantity
from ditlaw.study import hardware_of

PALE = "/30"  # alpha of a band, in hexadecimal
Named = tuple[str, Law]


def compare_units(laws: Sequence[Named]) -> Units:
    """FLOPs as time on the first study's hardware; images where all tokens of one are the same."""
    hardware = hardware_of(laws[0][1].observations.study)
    each = {law.observations.tokens_per_image() for _, law in laws}
    return Units(hardware.gpu, hardware.mfu, each.pop() if len(each) == 1 else None)


def compare_figure(laws: Sequence[Named], found: CompareResult, by: str) -> Figure:
    """Loss against FLOPs, a colour and a symbol for each value of a column."""
    units = compare_units(laws)
    whole, spans = compare_spans(laws, found)
    traces: list[Trace] = []
    seen: list[FloatArray] = []
    for i, ((name, law), span) in enumerate(zip(laws, spans, strict=True)):
        drawn = _law(name, law, span, units, f"@kind:{i}", SYMBOLS[i % len(SYMBOLS)])
        traces += drawn
        seen += [np.asarray(trace["y"], float) for trace in drawn]
    traces += _crossings(laws, found.pairs, whole, units)
    y = log_axis(found.metric, np.concatenate(seen), text.loss, 0.03)
    look = layout(units.compute_axis(whole.flops), y, **whole.shade())
    return with_download({"id": f"compare-{by}", "data": traces, "layout": look}, units)


def compare_spans(laws: Sequence[Named], found: CompareResult) -> tuple[Span, list[Span]]:
    """What was fitted of any law, and of each, over one grid that reaches every target."""
    ends = [at.flops for pair in found.pairs for at in pair.at]
    ranges = [_fitted(law) for _, law in laws]
    whole = Span.reaching(min(r[0] for r in ranges), max(r[1] for r in ranges), ends)
    return whole, [Span(*each, np.unique([*whole.flops, *each])) for each in ranges]


def seen_crossings(
    laws: Sequence[Named], pairs: Sequence[Pair], span: Span
) -> Iterator[tuple[Pair, Quantity, float]]:
    """Pairs that cross within a span, where (FLOPs), and at what loss."""
    known = dict(laws)
    for pair in pairs:
        where = pair.crossing
        if where is not None and span.flops[0] <= where.value <= span.flops[-1]:
            loss = known[pair.a_name].curve(np.array([where.value])).loss
            yield pair, where, float(loss.value[0])


def compare_formulas(laws: Sequence[Named]) -> list[Formula]:
    """Each value's loss law."""
    found = []
    for name, law in laws:
        low, high = _fitted(law)
        known = (
            f"{law.level:.0%} intervals; fitted over {text.flops(low)} to {text.flops(high)} FLOPs"
        )
        form = Markup("{}: ").format(name) + LOSS
        found.append(loss_formula(form, law.result().loss, known))
    return found


def _fitted(law: Law) -> tuple[float, float]:
    low, high = law.observations.flops_range()
    return low, max(high, law.largest_flops)


def _law(name: str, law: Law, span: Span, units: Units, color: str, symbol: str) -> list[Trace]:
    curve, label = law.curve(span.flops), safe(name)
    frame = thinned(law.observations.frame)
    loss = curve.loss
    hover = [
        f"<b>{label}</b><br>{units.said(c)}<br>{safe(law.metric)} {text.loss(v)} "
        f"[{text.loss(a)}, {text.loss(b)}]"
        for c, v, a, b in zip(span.flops, loss.value, loss.low, loss.high, strict=True)
    ]
    told = [
        f"<b>{safe(row['run'])}</b><br>{label}<br>{units.said(row['flops'])}"
        f"<br>params {text.count(row['params'])}<br>{safe(law.metric)} {text.loss(row[law.metric])}"
        for _, row in frame.iterrows()
    ]
    style: dict[str, Any] = {"symbol": f"{symbol}-open", "size": 6, "color": color, "opacity": 0.6}
    x, y = frame["flops"].tolist(), frame[law.metric].tolist()
    bands = span.band(span.flops, loss.low, loss.high, f"{label}, interval", color + PALE)
    lines = span.law(span.flops, loss.value, label, color, hover)
    runs = points(x, y, f"{label}, runs", told, run_columns(frame), **style)
    return [
        *(trace | {"showlegend": False} for trace in bands),
        lines[0],
        *(trace | {"showlegend": False} for trace in lines[1:]),
        runs,
    ]


def _crossings(
    laws: Sequence[Named], pairs: Sequence[Pair], span: Span, units: Units
) -> list[Trace]:
    """A mark where two laws are equal, with the interval in FLOPs; none off the figure."""
    traces = []
    for pair, where, loss in seen_crossings(laws, pairs, span):
        name = f"{safe(pair.a_name)} = {safe(pair.b_name)}"
        said = (
            f"<b>{name}</b><br>at {units.said(where.value)}"
            f"<br>{text.bounds(where, text.flops)} FLOPs"
        )
        style: dict[str, Any] = {"symbol": "x-thin", "size": 11, "color": "@ink"}
        style["line"] = {"color": "@ink", "width": 2}
        mark = points([where.value], [loss], f"crossing, {name}", [said], **style)
        traces.append(mark | {"error_x": bars([where.value], [where.low], [where.high], "@ink")})
    return traces
