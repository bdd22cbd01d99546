"""The laws of a comparison against training FLOPs, with their runs and where they cross."""

from typing import TYPE_CHECKING

import numpy as np

from ditlaw import text
from ditlaw.report.compared import Compared
from ditlaw.report.crossings import compare_spans, seen_crossings
from ditlaw.report.publication.laws import draw_law, finish
from ditlaw.report.publication.style import BLACK, KINDS, error_bars, metric_label, plain
from ditlaw.report.rawpoints import thinned

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_comparison(axes: "Axes", compared: Compared) -> None:
    """A colour for each law: its band, its line, dashed where not fitted, and its runs, faint."""
    laws, found = compared.laws, compared.result
    whole, spans = compare_spans(laws, found)
    seen = []
    for i, ((name, law), span) in enumerate(zip(laws, spans, strict=True)):
        color, loss = KINDS[i % len(KINDS)], law.curve(span.flops).loss
        draw_law(axes, span, span.flops, loss, plain(name), color)
        rows = thinned(law.observations.frame)
        x, y = rows["flops"], rows[law.metric]
        axes.plot(x, y, "o", ms=2, mec=color, mfc="none", mew=0.4, alpha=0.5, zorder=1)
        seen += [loss.low, loss.high, y.to_numpy(float)]
    for _, where, at in seen_crossings(laws, found.pairs, whole):
        flops = np.array([where.value])
        bars = error_bars(flops, [where.low], [where.high])
        axes.errorbar(flops, [at], xerr=bars, fmt="x", ms=5, color=BLACK, elinewidth=0.8)
    y_axis = (metric_label(found.metric), np.concatenate(seen), text.loss)
    finish(axes, whole, whole.flops, y_axis, "lower left")
