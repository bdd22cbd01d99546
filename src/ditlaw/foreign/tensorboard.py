"""What TensorBoard exports: scalars as CSV, a file a run and tag; and its event files."""

import re
from pathlib import Path
from typing import Any

import pandas as pd

from ditlaw.errors import BadInput
from ditlaw.extras import need

SCALARS = {"Wall time", "Step", "Value"}
FILE_NAME = re.compile(r"run-(?P<run>.+)-tag-(?P<tag>.+)")  # as it calls what one downloads
EVENTS = "tfevents"


def is_scalars(frame: pd.DataFrame) -> bool:
    """Whether it is one scalar of one run."""
    return set(frame) == SCALARS


def scalar_curve(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """That curve, run and tag by the file's name: run, Step, the tag, Wall time."""
    named = FILE_NAME.fullmatch(path.stem)
    run, tag = (named["run"], named["tag"]) if named else (path.stem, "Value")
    curve = frame[["Step", "Value", "Wall time"]].rename(columns={"Value": tag})
    curve.insert(0, "run", path.parent.name if run == "." else run)
    return curve


def holds_events(path: Path) -> bool:
    """Whether it is an event file, or a folder with some."""
    if path.is_dir():
        return any(path.rglob(f"*{EVENTS}*"))
    return EVENTS in path.name


def event_curves(path: Path) -> pd.DataFrame:
    """All scalars of an event file, or of the files under a folder, each folder a run.

    Columns are run, Step, then the tags; a row a run and step.

    Raises:
        BadInput: TensorBoard is not installed, or there are no scalars.
    """
    need(f"{path}: reading event files needs an extra", ("tensorboard",), "track")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folders = sorted({file.parent for file in path.rglob(f"*{EVENTS}*")}) or [path]
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for folder in folders:
        run = folder.parent.name if folder.is_file() else folder.relative_to(path).as_posix()
        events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
        events.Reload()
        for tag, step, value in _scalars(events):
            rows.setdefault((path.name if run == "." else run, step), {})[tag] = value
    if not rows:
        raise BadInput(f"{path}: its event files hold no scalars")
    return pd.DataFrame([{"run": run, "Step": step} | row for (run, step), row in rows.items()])


def _scalars(events: Any) -> list[tuple[str, int, float]]:
    """Tag, step and value; TensorFlow 2 writes a scalar as a tensor."""
    from tensorboard.util.tensor_util import make_ndarray

    found = [
        (tag, event.step, event.value)
        for tag in events.Tags()["scalars"]
        for event in events.Scalars(tag)
    ]
    for tag in events.Tags()["tensors"]:
        if events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
            found += [
                (tag, event.step, float(make_ndarray(event.tensor_proto)))
                for event in events.Tensors(tag)
            ]
    return found
