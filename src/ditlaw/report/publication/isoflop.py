"""Loss against params, a colour a budget: the rows, their parabolas and the minima."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ditlaw import text
from ditlaw.report.axes import log_ticks
from ditlaw.report.drawn import left_out_rows
from ditlaw.report.material import Material
from ditlaw.report.publication.style import GREY, log_scales, metric_label, power_of_ten
from ditlaw.report.rawpoints import drawn_every

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_TICKS = 6


def draw_isoflop(axes: "Axes", material: Material) -> None:
    """Open marks are rows outside their parabola's window; a dotted line joins the minima."""
    law, step = material.law, drawn_every(material)
    frame = law.observations.frame
    colors = _Colors(law.table.log_c)
    loose = frame.iloc[np.flatnonzero(law.table.group < 0)[::step]]
    shown = colors(loose["flops"].to_numpy(float))
    axes.scatter(loose["params"], loose[law.metric], s=9, c=shown, linewidths=0)
    for curve in law.isoflops():
        color = colors(curve.flops)
        for used, face in ((True, color), (False, "white")):
            size, loss = curve.params[curve.used == used], curve.losses[curve.used == used]
            axes.plot(size[::step], loss[::step], "o", ms=2.6, mec=color, mfc=face, mew=0.5)
        if curve.coefficients is not None:
            grid = np.geomspace(*curve.window, 60)
            usable = curve.params_opt is not None
            axes.plot(grid, curve.loss(grid), color=color, lw=0.9, ls="-" if usable else "--")
    found = [(c.params_opt, c.loss_opt) for c in law.isoflops() if c.params_opt and c.loss_opt]
    if found:
        size, loss = np.array(found).T
        axes.plot(size, loss, ":", color=GREY, lw=0.8)
        axes.plot(size, loss, "D", ms=4, mec="black", mfc="white", mew=0.8, label="minimum")
    without = left_out_rows(material)
    if len(without):
        x, y, name = without["params"], without[law.metric], "left out of the fit"
        axes.plot(x, y, "x", ms=3, color=GREY, mew=0.6, label=name, zorder=1)
    if any(not curve.used.all() for curve in law.isoflops()):
        axes.plot([], [], "o", ms=2.6, mec=GREY, mfc="white", mew=0.5, label="outside the window")
    if axes.get_legend_handles_labels()[1]:
        axes.legend()
    log_scales(
        axes,
        ("parameters", [*frame["params"], *without["params"]], text.count),
        (metric_label(law.metric), [*frame[law.metric], *without[law.metric]], text.loss),
        pad=(0.04, 0.04),
    )
    colors.bar(axes, law.table.budgets.tolist())


class _Colors:
    """A colour for FLOPs, dark to light and readable on white; seen alike by all."""

    def __init__(self, log_flops: Any) -> None:
        from matplotlib import colormaps
        from matplotlib.colors import ListedColormap, LogNorm

        low, high = float(np.exp(log_flops.min())), float(np.exp(log_flops.max()))
        self.ends = (low * 0.999, high * 1.001)
        self.norm = LogNorm(*self.ends)
        self.map = ListedColormap(colormaps["viridis"](np.linspace(0.0, 0.9, 256)))

    def __call__(self, flops: Any) -> Any:
        return self.map(self.norm(flops))

    def bar(self, axes: "Axes", budgets: list[float]) -> None:
        """The key beside the axes; its ticks are the budgets where they are few."""
        from matplotlib.cm import ScalarMappable

        key = ScalarMappable(self.norm, self.map)
        bar = axes.figure.colorbar(key, ax=axes, aspect=28, pad=0.02)
        ticks = budgets
        if not 1 < len(budgets) <= MOST_TICKS:
            ticks = log_ticks(*self.ends, MOST_TICKS)
        bar.set_ticks(ticks, labels=[power_of_ten(t) for t in ticks])
        bar.minorticks_off()
        bar.outline.set_visible(False)
        bar.set_label("training FLOPs")
