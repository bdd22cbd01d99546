"""The figures for a paper: whole files, the page's numbers, the same bytes each time."""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from conftest import ditlaw
from matplotlib.figure import Figure
from report_pages import table

from ditlaw.cli import run
from ditlaw.errors import BadInput
from ditlaw.report.compared import compared
from ditlaw.report.figures import law_figures
from ditlaw.report.isoflop import isoflop_figure
from ditlaw.report.material import gather
from ditlaw.report.publication import paper_figures, write_figures
from ditlaw.report.publication.comparison import draw_comparison
from ditlaw.report.publication.isoflop import draw_isoflop
from ditlaw.report.publication.laws import draw_loss, draw_params, draw_tokens
from ditlaw.report.publication.style import HEIGHT, WIDTH, drawing

EXAMPLES = Path(__file__).parent.parent / "examples"
NAMES = ("isoflop", "loss", "params", "tokens", "metric-frechet")


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    return gather(str(table(tmp_path_factory.mktemp("figures") / "runs.csv")))


@pytest.fixture(scope="module")
def files(material):
    return paper_figures(material)


def lines(figure: Figure) -> list[tuple[np.ndarray, np.ndarray]]:
    """x and y of all that was plotted as a line or as marks."""
    return [tuple(np.asarray(v, float) for v in line.get_data()) for line in figure.axes[0].lines]


def holds(drawn, trace) -> bool:
    """Whether one of the drawn lines has the points of a trace of the page."""
    x, y = np.array(trace["x"], float), np.array(trace["y"], float)
    return any(
        len(a) == len(x) and np.allclose(a, x, rtol=1e-9) and np.allclose(b, y, rtol=1e-9)
        for a, b in drawn
    )


def test_every_figure_is_written_in_every_format(tmp_path):
    source = table(tmp_path / "runs.csv")
    done = ditlaw("report", source, "--out", tmp_path / "a.html", "--figures", tmp_path / "f")
    assert done.code == 0, done.err
    assert done.err == ""
    written = {path.name for path in (tmp_path / "f").iterdir()}
    assert written == {f"{name}.{kind}" for name in NAMES for kind in ("svg", "pdf", "png")}
    assert all(name in done.out for name in written)


def test_the_same_rows_give_the_same_bytes_with_no_date(material, files):
    assert paper_figures(material) == files
    for name, content in files.items():
        assert not re.search(rb"20\d\d-\d\d-\d\d|CreationDate|D:20\d\d", content), name


def test_fonts_are_inside_and_sizes_are_of_one_column(files):
    for name in NAMES:
        pdf, svg = files[f"{name}.pdf"], files[f"{name}.svg"]
        assert b"/FontFile2" in pdf  # TrueType
        assert b"/Type3" not in pdf
        box = rf"/MediaBox \[ ?0 0 {WIDTH * 72:g} {HEIGHT * 72:g} ?\]".encode()
        assert re.search(box, pdf)
        root = ElementTree.fromstring(svg)
        assert root.get("width") == f"{WIDTH * 72:g}pt"
        assert not list(root.iter("{http://www.w3.org/2000/svg}text")), "a font from elsewhere"
        assert files[f"{name}.png"].startswith(b"\x89PNG")


def test_the_laws_are_those_of_the_page(material):
    pages = {figure["id"]: figure for figure in law_figures(material)}
    for name, draw in (("loss", draw_loss), ("params", draw_params), ("tokens", draw_tokens)):
        with drawing() as (figure, axes):
            draw(axes, material)
            drawn = lines(figure)
            assert axes.get_title() == ""
            assert "FLOPs" in axes.get_xlabel()
        short = {"loss": "law", "params": "N*", "tokens": "D*"}[name]
        drawn_too = (short, f"{short}, extrapolated", "best of a budget")
        told = [t for t in pages[name]["data"] if t.get("name") in drawn_too]
        assert {t["name"] for t in told} == set(drawn_too)
        assert all(holds(drawn, trace) for trace in told), name


def test_rows_parabolas_and_minima_are_those_of_the_page(material):
    page = isoflop_figure(material)["data"]
    with drawing() as (figure, axes):
        draw_isoflop(axes, material)
        drawn = lines(figure)
    for name in ("used by its parabola", "outside its parabola's window", "parabola at", "minima"):
        told = [t for t in page if t.get("name", "").startswith(name)]
        assert told, name
        assert all(holds(drawn, trace) for trace in told), name


def test_a_table_without_budgets_and_names_with_signs_are_drawn(tmp_path):
    source = table(tmp_path / "runs.csv", budgets=False, names=("a$b^{", "<b>_x"))
    rows = source.read_text().replace("frechet", "fid")
    source.write_text(rows)
    assert {name.partition(".")[0] for name in paper_figures(gather(str(source)))} >= {"isoflop"}


@pytest.mark.parametrize("where", ["", "@family=mmdit"], ids=["no one law", "one beside others"])
def test_a_comparison_has_its_figure_of_the_pages_numbers(where, tmp_path):
    source = f"{EXAMPLES / 'three_families.csv'}{where}"
    done = ditlaw("report", source, "--out", tmp_path / "a.html", "--figures", tmp_path / "f")
    assert done.code == 0, done.err
    written = {path.name for path in (tmp_path / "f").iterdir()}
    assert {f"compare-family.{kind}" for kind in ("svg", "pdf", "png")} <= written
    assert ("loss.svg" in written) == bool(where)
    (one,) = compared(str(EXAMPLES / "three_families.csv"), [])
    with drawing() as (figure, axes):
        draw_comparison(axes, one)
        drawn = lines(figure)
        named = {text.get_text() for text in axes.get_legend().get_texts()}
    assert named == {"cross-attention", "in-context", "mmdit"}
    told = [t for t in one.figure["data"] if t["name"].startswith((*named,))]
    told = [t for t in told if t["name"].endswith(("runs", "extrapolated")) or t["name"] in named]
    assert len(told) >= 6
    assert all(holds(drawn, trace) for trace in told)


def test_what_cannot_be_written_or_drawn_is_one_line(tmp_path, material, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        write_figures({"loss.svg": b""}, tmp_path / "file")
    lone = table(tmp_path / "runs.csv")
    lone.write_text("\n".join(lone.read_text().splitlines()[:9]))
    page = tmp_path / "page.html"
    assert run(["report", str(lone), "--out", str(page), "--figures", str(tmp_path / "f")]) == 3
    assert not page.exists()
    assert not (tmp_path / "f").exists()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run(["report", str(lone), "--out", str(page), "--figures", str(tmp_path / "f")]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert "pip install 'ditlaw[figures]'" in said[1]
