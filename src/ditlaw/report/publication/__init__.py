"""The report's figures as files for a paper: SVG, PDF and PNG, drawn with matplotlib."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from ditlaw.errors import BadInput
from ditlaw.files import make_folder, write_bytes
from ditlaw.observations.metric_names import whole
from ditlaw.report.compared import Compared
from ditlaw.report.material import Material
from ditlaw.report.publication.comparison import draw_comparison
from ditlaw.report.publication.isoflop import draw_isoflop
from ditlaw.report.publication.laws import draw_loss, draw_metric, draw_params, draw_tokens
from ditlaw.report.publication.style import drawing, rendered
from ditlaw.text import slug

DRAWN = {"isoflop": draw_isoflop, "loss": draw_loss, "params": draw_params, "tokens": draw_tokens}


def require_matplotlib() -> None:
    """Whether figures can be drawn here.

    Raises:
        BadInput: matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise BadInput(
            "--figures: needs an extra (matplotlib is missing); pip install 'ditlaw[figures]'"
        )


def paper_figures(material: Material) -> dict[str, bytes]:
    """Every figure in every format, by file name; the same rows give the same bytes."""
    found: dict[str, bytes] = {}
    for name, draw in DRAWN.items():
        with drawing() as (figure, axes):
            draw(axes, material)
            found |= {f"{name}.{suffix}": data for suffix, data in rendered(figure).items()}
    laws = material.metric_laws
    for metric in dict.fromkeys(map(whole, laws.fitted)) if laws else ():
        with drawing() as (figure, axes):
            if metric != "loss" and laws and draw_metric(axes, material, laws, metric):
                name = f"metric-{slug(metric)}"
                found |= {f"{name}.{suffix}": data for suffix, data in rendered(figure).items()}
    return found


def comparison_figures(compared: Sequence[Compared]) -> dict[str, bytes]:
    """A figure of each column whose values are compared, in every format, by file name."""
    found: dict[str, bytes] = {}
    for one in compared:
        with drawing() as (figure, axes):
            draw_comparison(axes, one)
            name = f"compare-{slug(one.by)}"
            found |= {f"{name}.{suffix}": data for suffix, data in rendered(figure).items()}
    return found


def write_figures(files: dict[str, bytes], folder: Path) -> list[Path]:
    """Write figures into a folder, made if missing; each file is whole or not there.

    Raises:
        BadInput: the folder cannot be written.
    """
    make_folder(folder)
    for name, content in files.items():
        write_bytes(folder / name, content)
    return [folder / name for name in files]
