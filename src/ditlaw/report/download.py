"""The data of a figure as CSV: a row for each point and each step of a line or a band."""

import csv
import html
import io
from typing import Any

from ditlaw.report.axes import Figure, Trace
from ditlaw.report.units import Units

SHARED = ("series", "run")
BOUNDS = ("low", "high")
FORMULA = tuple("=+-@\t\r")


def with_download(figure: Figure, units: Units | None = None) -> Figure:
    """The figure with its ``csv``: its own columns named by its axes, both units where told.

    ``low`` and ``high`` are the ends of an interval, in the unit of the column ``interval_of``.
    """
    x, y = (figure["layout"][axis]["column"] for axis in ("xaxis", "yaxis"))
    rows = [row for trace in figure["data"] for row in _rows(trace, x, y)]
    for row in rows:
        row |= _translated(row, units)
    known = {key: None for row in rows for key, value in row.items() if value is not None}
    first = [*SHARED, x, y, "interval_of", *BOUNDS]
    columns = [c for c in first if c in known] + [c for c in known if c not in first]
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: _cell(v) for k, v in row.items()} for row in rows)
    return {**figure, "csv": file.getvalue(), "data": [_drawn(t) for t in figure["data"]]}


def _rows(trace: Trace, x: str, y: str) -> list[dict[str, Any]]:
    """What one trace shows. A band is a polygon: there along its upper edge, back its lower."""
    name = html.unescape(str(trace.get("series", trace.get("name", ""))))
    if trace["x"] == [None]:
        return []
    if trace.get("fill") == "toself":
        half = len(trace["x"]) // 2
        ends = zip(trace["x"], trace["y"][::-1][:half], trace["y"][:half], strict=False)
        return [
            {"series": name, x: at, "interval_of": y, "low": low, "high": high}
            for at, low, high in ends
        ]
    told = trace.get("rows") or [{}] * len(trace["x"])
    found = [
        {"series": name, x: at, y: value} | own
        for at, value, own in zip(trace["x"], trace["y"], told, strict=True)
    ]
    for key, of, values in (("error_y", y, trace["y"]), ("error_x", x, trace["x"])):
        if key in trace:
            ends = zip(values, trace[key]["arrayminus"], trace[key]["array"], strict=True)
            for row, (value, below, above) in zip(found, ends, strict=True):
                low, high = value - below if below else None, value + above if above else None
                row |= {"interval_of": of, "low": low, "high": high}
    return found


def _translated(row: dict[str, Any], units: Units | None) -> dict[str, Any]:
    """The other unit of FLOPs and tokens."""
    found: dict[str, Any] = {}
    if units is not None and row.get("training_flops"):
        column = f"gpu_hours_{units.gpu}_mfu_{units.mfu:.3g}"
        found[column] = units.hours(row["training_flops"])
    if units is not None and row.get("tokens"):
        found["images"] = row.get("images") or units.images(row["tokens"])
    return found


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.7g}"
    # A spreadsheet would compute a name that begins as a formula does.
    return f"'{value}" if isinstance(value, str) and value[:1] in FORMULA else value


def _drawn(trace: Trace) -> Trace:
    """The trace without what only the download has."""
    return {key: value for key, value in trace.items() if key not in ("rows", "series")}
