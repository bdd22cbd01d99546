"""Loss, N*, D* and other metrics against training FLOPs, with what was fitted and what was not."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ditlaw import text
from ditlaw.laws.ensemble import Band
from ditlaw.laws.table import FloatArray
from ditlaw.metric_laws import MetricLaws
from ditlaw.report.drawn import law_curve, metric_curves, optima, span_of
from ditlaw.report.material import Material
from ditlaw.report.publication.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SETTINGS,
    SHADE,
    SKY,
    error_bars,
    log_scales,
    metric_label,
    plain,
    power_of_ten,
)
from ditlaw.report.spans import Span
from ditlaw.results import Quantity, known

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FLOPS = "training FLOPs $C$"
DASHED = (0, (4, 2))


def draw_loss(axes: "Axes", material: Material) -> None:
    """The law, the interval of one new run, the budgets' minima, forecasts and their runs."""
    curve, span, level = law_curve(material), span_of(material), f"{material.fit.level:.0%}"
    low, high = curve.run.low, curve.run.high
    draw_law(axes, span, span.flops, curve.loss, f"law, {level}")
    axes.fill_between(span.flops, low, high, color=SKY, alpha=0.2, label=f"one new run, {level}")
    flops, best = optima(material)
    _optima(axes, flops, best["loss"])
    seen = [low, high, best["loss"].value, _checks(axes, material)]
    metric = metric_label(material.law.metric)
    finish(axes, span, span.flops, (metric, np.concatenate(seen), text.loss), "lower left")


def draw_params(axes: "Axes", material: Material) -> None:
    """The compute-optimal size."""
    _draw_best(axes, material, "params", r"compute-optimal parameters $N^{\ast}$")


def draw_tokens(axes: "Axes", material: Material) -> None:
    """The tokens that it sees."""
    _draw_best(axes, material, "tokens", r"compute-optimal tokens $D^{\ast}$")


def draw_metric(axes: "Axes", material: Material, found: MetricLaws, metric: str) -> bool:
    """A metric and each setting of its sampler; False where none has a law to draw."""
    span = span_of(material)
    curves = list(metric_curves(found, metric, span))
    settings = iter(SETTINGS * len(curves))
    for curve in curves:
        name = f"law, {material.law.level:.0%}" if len(curves) == 1 else plain(curve.name)
        color = BLUE if curve.name == metric else next(settings)
        draw_law(axes, span, curve.flops, curve.law, name, color)
        marks = f"_{name}" if axes.collections[1:] else "best of a budget"  # said once
        axes.plot(curve.at, curve.best, "D", ms=3, color=color, mfc="white", mew=0.8, label=marks)
    if curves:
        seen = np.concatenate([v for c in curves for v in (c.law.low, c.law.high, c.best)])
        reach = np.concatenate([c.flops for c in curves])
        y = (metric_label(metric), seen, text.number)
        finish(axes, span, reach, y, "lower left")
    return bool(curves)


def _draw_best(axes: "Axes", material: Material, name: str, label: str) -> None:
    curve, span, level = law_curve(material), span_of(material), f"{material.fit.level:.0%}"
    values: Band = getattr(curve, name)
    draw_law(axes, span, span.flops, values, f"law, {level}")
    flops, best = optima(material)
    _optima(axes, flops, best[name])
    seen = np.concatenate([values.low, values.high, best[name].low, best[name].high])
    finish(axes, span, span.flops, (label, seen, text.count), "lower right")


def draw_law(
    axes: "Axes", span: Span, flops: FloatArray, law: Band, name: str, color: str = BLUE
) -> None:
    """A band and its line: solid where fitted, dashed where not."""
    axes.fill_between(flops, law.low, law.high, color=color, alpha=0.25)
    for part, fitted in span.within(flops):
        style = {"label": name} if fitted else {"ls": DASHED}
        axes.plot(flops[part], law.value[part], color=color, **style)


def _optima(axes: "Axes", flops: FloatArray, best: Band) -> None:
    if len(flops):
        style: dict[str, Any] = {"fmt": "D", "ms": 3, "mfc": "white", "mew": 0.8, "lw": 0}
        bars = error_bars(best.value, best.low.tolist(), best.high.tolist())
        axes.errorbar(
            flops, best.value, bars, color=BLUE, elinewidth=0.8, label="best of a budget", **style
        )


def _checks(axes: "Axes", material: Material) -> FloatArray:
    """Forecasts and the runs that checked them; returns all that has to be seen."""
    answers = [c.forecast for c in material.checks]
    if material.check is None:
        answers.append(material.answer)
    losses: list[Quantity] = [known(a.loss) for a in answers]
    value = np.array([q.value for q in losses])
    bars = error_bars(value, [q.low for q in losses], [q.high for q in losses])
    name = "forecast" if material.check is None else "frozen forecast"
    style: dict[str, Any] = {"fmt": "s", "ms": 4, "mfc": "none", "mew": 1, "lw": 0, "capsize": 2}
    at = [a.flops for a in answers]
    axes.errorbar(at, value, bars, color=GREY, elinewidth=1, label=name, **style)
    runs = [run for c in material.checks for run in c.runs]
    kinds = (
        (True, "verified, inside", "*", GREEN, 6.5),
        (False, "verified, outside", "X", ORANGE, 5),
    )
    for inside, label, mark, color, size in kinds:
        chosen = [r.measured for r in runs if r.inside == inside]
        x, y = [m.flops for m in chosen], [m.loss for m in chosen]
        if chosen:
            axes.plot(x, y, mark, color=color, ms=size, mec="white", mew=0.4, label=label, zorder=5)
    ends = [end for q in losses for end in (q.low, q.high) if end is not None]
    return np.array([*value, *ends, *(r.measured.loss for r in runs)])


def finish(
    axes: "Axes",
    span: Span,
    flops: FloatArray,
    y: tuple[str, Sequence[float] | FloatArray, Callable[[float], str]],
    legend: Any,
) -> None:
    """Axes, the shade of the fitted range, and the key."""
    high = span.high
    axes.axvspan(span.low, high, color=SHADE, zorder=0)
    log_scales(axes, (FLOPS, flops, power_of_ten), y)
    axes.legend(loc=legend)
    if high < flops.max():
        for said, side in (("fitted ", "right"), (" extrapolated", "left")):
            top = axes.get_xaxis_transform()  # FLOPs across, a share of the height up
            axes.text(high, 0.99, said, ha=side, va="top", transform=top, color=GREY, size=7)
