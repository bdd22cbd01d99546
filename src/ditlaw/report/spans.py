"""The fitted range of a law and what lies beyond: grids, and marks of a figure that tell them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ditlaw.laws.table import BoolArray, FloatArray
from ditlaw.report.axes import Trace, band, line

GRID = 90


@dataclass(frozen=True)
class Span:
    """The fitted FLOPs ``low`` to ``high``, and a grid (m,) over them and beyond."""

    low: float
    high: float
    flops: FloatArray

    @classmethod
    def reaching(cls, low: float, high: float, ends: list[float]) -> "Span":
        """From a little below the fitted range to a little beyond it and all ``ends``."""
        grid = np.geomspace(low * 0.85, max([high, *ends]) * 1.8, GRID)
        return cls(low, high, np.unique([*grid, low, high]))

    def within(self, flops: FloatArray) -> list[tuple[BoolArray, bool]]:
        """Stretches of a grid and whether each was fitted; neighbours share their border."""
        inside = (flops >= self.low) & (flops <= self.high)
        found = [(inside, True), (flops >= self.high, False), (flops <= self.low, False)]
        return [(mask, fitted) for mask, fitted in found if mask.sum() > 1]

    def law(
        self, flops: FloatArray, values: FloatArray, name: str, color: str, hover: list[str]
    ) -> list[Trace]:
        """A law's line: solid where fitted; dashed and lighter where extrapolated."""
        found = []
        for mask, fitted in self.within(flops):
            said = [hover[i] for i in np.flatnonzero(mask)]
            style = {} if fitted else {"dash": "dash"}
            label = name if fitted else f"{name}, extrapolated"
            trace = line(flops[mask], values[mask], label, color, said, **style)
            hidden = (
                {} if fitted else {"opacity": 0.75, "showlegend": bool(flops[mask][0] >= self.high)}
            )
            found.append(trace | {"legendrank": 900} | hidden)
        return found

    def band(
        self, flops: FloatArray, low: FloatArray, high: FloatArray, name: str, color: str
    ) -> list[Trace]:
        """A law's interval: paler where extrapolated."""
        found = []
        for mask, fitted in self.within(flops):
            trace = band(flops[mask], low[mask], high[mask], name, color)
            found.append(trace if fitted else trace | {"opacity": 0.5, "showlegend": False})
        return found

    def shade(self) -> dict[str, Any]:
        """The fitted range shaded and named, for a layout with FLOPs on x."""
        box = {"type": "rect", "yref": "paper", "y0": 0, "y1": 1, "layer": "below"}
        label = {
            "x": float(np.log10(self.high)),
            "yref": "paper",
            "y": 1,
            "yanchor": "top",
            "yshift": -3,
            "showarrow": False,
            "font": {"color": "@muted", "size": 11},
        }
        ends = {"x0": self.low, "x1": self.high}
        edge = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "layer": "below"}
        dots = {"color": "@line", "width": 1, "dash": "dot"}
        return {
            "shapes": [
                {**box, **ends, "fillcolor": "@shade", "line": {"width": 0}},
                {**edge, "x0": self.high, "x1": self.high, "line": dots},
            ],
            "annotations": [
                {**label, "text": "fitted", "xanchor": "right", "xshift": -4},
                {**label, "text": "extrapolated →", "xanchor": "left", "xshift": 4},
            ],
        }
