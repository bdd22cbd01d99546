"""The page: sections put into one HTML file that needs no network."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from ditlaw import text
from ditlaw.errors import BadInput, Refused
from ditlaw.files import write_text
from ditlaw.report import tables, words
from ditlaw.report.budget_grid import budget_grid
from ditlaw.report.checks import check_figure
from ditlaw.report.compared import LEVEL, Compared, beside
from ditlaw.report.fair import audit_of, audit_table
from ditlaw.report.figures import law_figures
from ditlaw.report.formulas import law_formulas
from ditlaw.report.isoflop import isoflop_figure
from ditlaw.report.lawless import Lawless, lawless
from ditlaw.report.material import Material, default_out, gather
from ditlaw.report.metrics import metrics_section
from ditlaw.report.paper import paragraph
from ditlaw.report.pictures import gallery
from ditlaw.report.publication import (
    comparison_figures,
    paper_figures,
    require_matplotlib,
    write_figures,
)
from ditlaw.report.rates import rates_sections
from ditlaw.report.rawpoints import drawn_every
from ditlaw.report.rounds import rounds_section
from ditlaw.report.runtable import run_table
from ditlaw.report.shapes import shapes_section
from ditlaw.report.speed import speed_table
from ditlaw.results import ReportResult

# What could end a script element, or a line in old JavaScript, inside embedded JSON.
UNSAFE = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def write_report(
    source: str,
    out: Path | None = None,
    where: list[str] | None = None,
    figures: Path | None = None,
) -> ReportResult:
    """Write one self-contained HTML page about a study folder, a table or a saved law.

    Args:
        source: the folder, table or law.
        out: the page; by default ``report.html`` in a study folder, else ``NAME.report.html`` here.
        where: ``COL=VALUE`` filters of the rows.
        figures: a folder for the figures as SVG, PDF and PNG; without it none are written.

    Raises:
        BadInput: the source cannot be read, the page or figures cannot be written, or figures are
            asked for and matplotlib is not installed.
        Refused: the rows do not allow a fit.
    """
    path = out or default_out(source)
    if path.suffix.lower() not in (".html", ".htm"):
        raise BadInput(f"--out: {path} is not a page; end it in .html")
    if figures is not None:
        require_matplotlib()
    files: dict[str, bytes] = {}  # all are drawn before the first is written
    try:
        material = gather(source, where)
        sides = beside(material.source, material.where)
        page = render(material, sides)
        if figures is not None:
            files = paper_figures(material) | comparison_figures(sides)
    except Refused as error:
        found = lawless(source, where or [])
        if found is None or (figures is not None and not found.compared):
            raise
        page = render_lawless(found, source, where or [], error)
        if figures is not None:
            files = comparison_figures(found.compared)
    drawn = write_figures(files, figures) if figures is not None else []
    write_text(path, page)
    return ReportResult(report=str(path), figures=[str(file) for file in drawn])


def render(material: Material, sides: list[Compared] | None = None) -> str:
    """The page as text; ``sides`` are what the law stands beside, found if not given."""
    if sides is None:
        sides = beside(material.source, material.where)
    figures = [isoflop_figure(material), *law_figures(material)]
    check = check_figure(material)
    figures += [check] if check else []
    metrics = metrics_section(material)
    figures += metrics.figures if metrics else []
    shapes = shapes_section(material.shape_study)
    figures += shapes.figures if shapes else []
    audit = audit_of(material)
    rates = []
    if material.law.metric == "loss":
        rates = rates_sections(material.source, material.where, material.law.level)
    figures += [section.figure for section in rates]
    figures += [one.figure for one in sides]
    grid = budget_grid(material)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=", ".join([material.name, *material.where]),
            m=material,
            fit=material.fit,
            plotly=_plotly(),
            figures=embedded(figures),
            every=drawn_every(material),
            answer=words.answer(material),
            target=words.target(material),
            near=words.near(material),
            besides=words.besides(material),
            reading=words.READINGS.get(material.fit.method, ""),
            loss_law=words.loss_law(material),
            verdicts=words.verdicts(material),
            frozen=words.frozen(material),
            held=words.held(material),
            facts=words.facts(material),
            study_text=words.study_text(material),
            commands=words.commands(material),
            coverage=words.coverage(material),
            grid=grid,
            slider=embedded(grid.data()),
            budgets=tables.budget_table(grid),
            budget_metrics=tables.budget_metric_table(grid),
            checks=tables.check_table(material),
            optima=tables.optimum_table(material),
            evidence=tables.evidence_table(material),
            backtests=tables.backtest_table(material),
            dropped=tables.dropped_table(material) if material.runs else None,
            compared=sides,
            paper=paragraph(material),
            audit=audit,
            audited=audit_table(audit),
            runs=run_table(material),
            speed=speed_table(material),
            gallery=gallery(material),
            formulas=law_formulas(material),
            metrics=metrics,
            shapes=shapes,
            rates=rates,
            rounds=rounds_section(material),
        )
    )


def render_lawless(found: Lawless, source: str, where: list[str], error: Refused) -> str:
    """The page of rows that no one law can be fitted to: what they compare."""
    return (
        _environment()
        .get_template("lawless.html.j2")
        .render(
            title=", ".join([Path(source.partition("@")[0]).name, *where]),
            reason=str(error).removeprefix(f"{source.partition('@')[0]}: "),
            metric="loss",
            level=f"{LEVEL:.0%}",
            plotly=_plotly(),
            figures=embedded(found.figures),
            compared=found.compared,
            shapes=found.shapes,
            rates=found.rates,
            runs=found.runs,
            facts=found.facts,
            commands=found.commands,
        )
    )


def embedded(content: Any) -> Markup:
    """Plain data as JSON that is inert inside a script element."""
    return Markup(json.dumps(_plain(content), allow_nan=False).translate(UNSAFE))


def _plain(content: Any) -> Any:
    """Numbers that JSON cannot hold become null."""
    if isinstance(content, dict):
        return {key: _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    if isinstance(content, float):
        return float(f"{content:.7g}") if abs(content) < float("inf") else None
    return content


@cache
def _plotly() -> Markup:
    from plotly.offline import get_plotlyjs

    return Markup(get_plotlyjs())


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ditlaw.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["interval"] = tables.interval
    environment.filters |= {"flops": text.flops, "count": text.count, "loss": text.loss}
    return environment
