"""The look of a figure for a paper: one column wide, colours that all can tell apart."""

import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ditlaw.laws.table import FloatArray
from ditlaw.report.axes import log_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 3.3, 2.6  # inches: one column of a two-column page
SUFFIXES = ("svg", "pdf", "png")
# Okabe and Ito's colours, told apart by all kinds of sight.
BLUE, SKY, ORANGE, GREEN, BLACK = "#0072B2", "#56B4E9", "#D55E00", "#009E73", "#000000"
SETTINGS = (GREEN, "#CC79A7", "#E69F00", SKY)
KINDS = (BLUE, ORANGE, *SETTINGS, BLACK)
GREY, SHADE = "#707070", "#F1F1EE"
DPI = 300
RC: Any = {
    "font.family": ["STIXGeneral", "DejaVu Sans"],  # both come with matplotlib
    "mathtext.fontset": "stix",
    "font.size": 8,
    "axes.labelsize": 8.5,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.labelspacing": 0.25,
    "legend.borderaxespad": 0.3,
    "legend.handletextpad": 0.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.2,
    "patch.linewidth": 0,
    "pdf.fonttype": 42,  # TrueType inside the file: journals take no Type 3
    "svg.fonttype": "path",
    "svg.hashsalt": "ditlaw",  # else ids are random, and no two files alike
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.02,
    "figure.constrained_layout.w_pad": 0.02,
}
# Nothing of the day or the machine: the same rows give the same bytes.
METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}


@contextmanager
def drawing() -> Iterator[tuple["Figure", "Axes"]]:
    """An empty figure in this style, without a window and without the user's own settings."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that no font has is drawn as a box
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(RC)
        figure = Figure(figsize=(WIDTH, HEIGHT))
        FigureCanvasAgg(figure)
        yield figure, figure.add_subplot()


def rendered(figure: "Figure") -> dict[str, bytes]:
    """The bytes of the figure's files, by suffix."""
    found = {}
    for suffix in SUFFIXES:
        file = io.BytesIO()
        figure.savefig(file, format=suffix, dpi=DPI, metadata=METADATA[suffix])
        found[suffix] = file.getvalue()
    return found


def log_scales(
    axes: "Axes",
    x: tuple[str, Sequence[float] | FloatArray, Callable[[float], str]],
    y: tuple[str, Sequence[float] | FloatArray, Callable[[float], str]],
    pad: tuple[float, float] = (0.0, 0.03),
) -> None:
    """Log axes over values, with few round ticks; each is its label, values and words."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    for which, (label, values, form), margin in (("x", x, pad[0]), ("y", y, pad[1])):
        found = log_axis(label, values, form, margin)
        ends = [10**end for end in found["range"]]
        axes.set(**{f"{which}lim": ends, f"{which}label": label})
        axis = axes.xaxis if which == "x" else axes.yaxis
        axis.set_ticks(found["tickvals"], labels=found["ticktext"])
        axis.set_ticks([], minor=True)


def power_of_ten(value: float) -> str:
    """2·10¹⁸ as a formula: the plain power where the factor is one."""
    factor, exponent = f"{value:.2e}".split("e")
    power = f"10^{{{int(exponent)}}}"
    return f"${power}$" if float(factor) == 1 else f"${float(factor):g}{{\\cdot}}{power}$"


def metric_label(metric: str) -> str:
    """A metric's name on an axis."""
    return "validation loss" if metric == "loss" else plain(metric.replace("_", " "))


def plain(label: str) -> str:
    """A user's name, in which a dollar begins no formula."""
    return label.replace("$", r"\$")


def error_bars(
    value: FloatArray, low: Sequence[float | None], high: Sequence[float | None]
) -> FloatArray:
    """Lengths below and above (2, m); an unknown bound has none."""
    below = [0.0 if a is None else v - a for v, a in zip(value, low, strict=True)]
    above = [0.0 if b is None else b - v for v, b in zip(value, high, strict=True)]
    return np.array([below, above])
