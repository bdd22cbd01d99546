"""What the page of a report says, as Python makes it: the slider's numbers, tables, paragraph."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ditlaw

from ditlaw import __version__, text
from ditlaw.forecasting import forecast
from ditlaw.report.budget_grid import budget_grid
from ditlaw.report.compared import beside
from ditlaw.report.material import gather
from ditlaw.report.page import render
from ditlaw.report.paper import paragraph
from ditlaw.report.runtable import LEFT_OUT, USED, run_table
from ditlaw.report.tables import budget_metric_table, budget_table, number
from ditlaw.results import Quantity, Verification
from ditlaw.speed import Speed
from ditlaw.study import Hours
from ditlaw.study.schema import Hardware

ORDER = ["answer", "budgets", "isoflop", "laws", "metrics", "evidence", "runs", "made", "fair"]
HOSTILE = '</script><img src=x onerror="alert(1)">'


def rows(**columns) -> pd.DataFrame:
    """An exact surface with a little noise, five budgets of eight sizes; 100 tokens an image."""
    rng, found = np.random.default_rng(0), []
    for budget in (1e15, 3e15, 1e16, 3e16, 1e17):
        for params in 2.5e5 * np.sqrt(budget / 1e15) * np.geomspace(1, 20, 8):
            tokens = budget / params / 6
            loss = (0.2 + 40 * params**-0.4 + 300 * tokens**-0.45) * np.exp(
                0.002 * rng.standard_normal()
            )
            found.append(
                {
                    "run": f"run-{len(found)}",
                    "budget": budget,
                    "params": params,
                    "tokens": tokens,
                    "flops": budget,
                    "images": tokens / 100,
                    "seed": len(found) % 2,
                    "loss": loss,
                    "frechet": 40 * loss * np.exp(0.01 * rng.standard_normal()),
                }
            )
    return pd.DataFrame(found).assign(**columns)


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """A table with a hostile run, a row without a loss and one that repeats."""
    frame = rows()
    frame.loc[0, "run"] = HOSTILE
    lost = frame.iloc[[3]].assign(run="=lost", loss=np.nan)
    path = tmp_path_factory.mktemp("page") / "rows.csv"
    pd.concat([frame, lost, frame.iloc[[5]]]).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def material(source):
    return gather(str(source))


@pytest.fixture(scope="module")
def grid(material):
    return budget_grid(material)


@pytest.fixture(scope="module")
def page(material) -> str:
    return render(material)


def test_the_slider_holds_what_ditlaw_forecast_says(source, grid):
    data = grid.data()
    budgets, by_name = data["flops"], {row["name"]: row for row in data["rows"]}
    assert set(by_name) == {"params", "images", "tokens", "loss", "hours", "metric:frechet"}
    printed = ditlaw("forecast", source, "--flops", repr(budgets[-1]), "--json")
    answers = [forecast(grid.material.law, c).model_dump() for c in (budgets[0], 1e17, 1e18)]
    for answer in [*answers, printed.json]:
        at = budgets.index(answer["flops"])
        said = {name: answer[name] for name in ("params", "images", "tokens", "loss")}
        said["metric:frechet"] = answer["metrics"]["frechet"]
        for name, quantity in said.items():
            for end in ("value", "low", "high"):
                assert by_name[name][end][at] == pytest.approx(quantity[end], rel=1e-9), name
        assert by_name["hours"]["value"][at] == pytest.approx(answer["gpu_hours"])
        assert by_name["hours"]["low"][at] is None


def test_the_slider_reaches_from_the_smallest_budget_to_beyond_the_target(grid, material):
    assert grid.flops == sorted(set(grid.flops))
    assert grid.flops[0] == 1e15
    assert grid.flops[-1] == 3e18
    assert [mark.flops for mark in grid.marks] == [1e15, 1e17, 1e18]
    assert {mark.flops for mark in grid.marks} <= set(grid.flops)
    assert grid.fitted_share == pytest.approx(np.log(1e2) / np.log(3e3))
    assert grid.data()["tested"] == text.tested(material.law.tested_beyond)


def test_the_buttons_of_the_slider_have_its_budgets_to_the_digit(material):
    page = render(replace(material, target=np.pi * 1e17))
    data = re.search(r'id="slider-data">(.*?)</script>', page, re.S).group(1)
    buttons = [float(flops) for flops in re.findall(r'data-flops="(.*?)"', page)]
    assert buttons == json.loads(data)["marks"]


def test_between_budgets_of_the_grid_laws_are_all_but_straight_in_logarithms(grid, material):
    data = grid.data()
    middle = [float(np.sqrt(a * b)) for a, b in zip(data["flops"], data["flops"][1:], strict=False)]
    curve = material.law.curve(middle)
    for name, band in (("params", curve.params), ("tokens", curve.tokens), ("loss", curve.run)):
        row = next(row for row in data["rows"] if row["name"] == name)
        for end in ("value", "low", "high"):
            ends = np.log(row[end])
            between = np.exp((ends[1:] + ends[:-1]) / 2)
            np.testing.assert_allclose(between, getattr(band, end), rtol=0.004)


def test_the_table_of_budgets_has_the_numbers_of_the_slider(grid, material):
    table = budget_table(grid)
    budgets = [row[0].value for row in table.rows]
    assert budgets == [1e15, 1e16, 1e17, 1e18, 3e18]
    assert table.strong == {budgets.index(material.target)}
    answer = forecast(material.law, 1e18)
    target = dict(zip(table.columns, table.rows[budgets.index(1e18)], strict=True))
    for name, quantity in (("best params N*", answer.params), ("images", answer.images)):
        assert (target[name].value, target[name].low, target[name].high) == pytest.approx(
            (quantity.value, quantity.low, quantity.high)
        )
    assert target["FLOPs"].small == "10× beyond"
    assert table.rows[0][0].small == "fitted"
    assert target["time on one h100"].small == ""
    assert table.saved_as == {"time on one h100": "hours on one h100"}
    metrics = budget_metric_table(grid)
    assert metrics.columns == ["FLOPs", "frechet"]
    assert metrics.rows[3][1].value == pytest.approx(answer.metrics["frechet"].value)


def test_hours_have_an_interval_only_where_speed_was_measured():
    params = Quantity(value=1e6, low=5e5, high=2e6, level=0.9)
    stated = Hours(Hardware(gpu="h100", mfu=0.5), "stated")
    assert stated.band(params, 1e18).low is None
    assert stated.band(params, 1e18).value == stated.hours(1e6, 1e18)
    log_n = np.log([1e5, 1e6, 1e7])
    speed = Speed(log_n, np.log([1e13, 2e13, 4e13]), np.full(3, 0.05), np.full(3, np.nan), ())
    measured = Hours(Hardware(gpu="h100"), "measured", speed)
    band = measured.band(params, 1e18)
    assert band.value == pytest.approx(1e18 / 2e13 / 3600)
    # The sizes' own speeds lie inside: 2e13 at 1e6 params, a factor 2^0.3 less and more around it.
    assert band.low < 1e18 / (2e13 * 2**0.301) / 3600
    assert band.high > 1e18 / (2e13 / 2**0.301) / 3600


def test_the_run_table_lists_every_row_and_why_it_was_left_out(material):
    table = run_table(material)
    assert len(table.rows) == 42
    assert table.kinds == [USED] * 40 + [LEFT_OUT] * 2
    by_run = {(row[0].text, row[1].value): row for row in table.rows}
    lost = by_run["=lost", 41]
    assert lost[-1].text == "left out: loss is not a finite number"
    assert lost[2].value == pytest.approx(material.law.observations.frame["params"].iloc[3])
    assert lost[-2].text == "–"
    assert by_run["run-5", 42][-1].text == "left out: repeats an earlier row"
    assert by_run["run-7", 8][-1].text == USED


def test_a_study_says_of_each_run_whether_it_is_in_the_fit(trained):
    table = run_table(gather(str(trained)))
    assert set(table.kinds) <= {USED, LEFT_OUT}
    assert USED in table.kinds
    for row, kind in zip(table.rows, table.kinds, strict=True):
        assert row[-1].text.startswith(kind)


def test_the_paragraph_has_the_numbers_of_the_fit(material):
    said, fit, answer = paragraph(material), material.fit, material.answer
    assert "40 evaluations of 40 training runs with 40 sizes" in said
    assert "5 isoFLOP budgets from 1e15 to 1e17" in said
    assert "2 seeds" in said
    for quantity in (fit.params.exponent, fit.tokens.exponent, fit.loss.floor, fit.loss.exponent):
        assert text.with_interval(quantity, text.number) in said
    for written in (
        text.with_interval(answer.params),
        text.with_interval(answer.tokens),
        text.with_interval(answer.loss, text.loss),
    ):
        assert written in said
    inside = sum(test.loss_covered for test in fit.backtest)
    assert f"{inside} of {len(fit.backtest)} inside their intervals" in said
    assert "No run has checked this forecast." in said
    assert f"ditlaw {__version__}" in said
    assert material.law.observations.digest()[:12] in said


def test_the_paragraph_names_a_tables_family(tmp_path):
    rows(family="mine").to_csv(tmp_path / "rows.csv", index=False)
    assert "of the mine family" in paragraph(gather(str(tmp_path / "rows.csv")))


def test_sections_come_in_the_order_in_which_a_reader_asks(page):
    found = re.findall(r'<section id="([^"]+)"', page)
    assert found == [*ORDER, "paper"]
    contents = re.findall(r'<li><a href="#([^"]+)"', page)
    assert [name for name in found if name != "answer"] == contents


class Cells(HTMLParser):
    """Elements with their attributes; what an attack adds would be among them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))


def test_cells_carry_their_numbers_for_sorting_and_csv(page, material):
    cells = [a for tag, a in Cells(page).elements if tag in ("td", "th") and "data-low" in a]
    answer = material.answer.params
    mine = [f"{v:.7g}" for v in (answer.value, answer.low, answer.high)]
    assert mine in [[a["data-v"], a["data-low"], a["data-high"]] for a in cells]
    assert number(None, str).value is None
    assert number(float("nan"), str).text == "–"


def test_no_two_downloads_have_one_name(page):
    saved = re.findall(r'data-(?:csv|table)="(.*?)"', page)
    assert len(set(saved)) == len(saved) > 10


def test_the_answer_says_how_far_it_can_be_defended(page):
    answer = page.partition('<section id="answer"')[2].partition("</section>")[0]
    assert re.search(r"efensible.*<a href=\"#fair\">", answer)


def test_names_are_inert_in_the_new_places(page):
    elements = Cells(page).elements
    assert not [tag for tag, _ in elements if tag == "img"]
    assert not [name for _, attrs in elements for name in attrs if name.startswith("on")]
    assert "&lt;/script&gt;&lt;img src=x" in page
    data = re.search(r'id="slider-data">(.*?)</script>', page, re.S).group(1)
    assert json.loads(data)["marks"] == [1e15, 1e17, 1e18]


def test_what_a_filter_leaves_out_is_set_beside_it(tmp_path):
    path = tmp_path / "two.csv"
    worse = rows(family="{two}").assign(loss=lambda frame: 1.2 * frame["loss"])
    pd.concat([rows(family="one"), worse]).to_csv(path, index=False)
    (found,) = beside(str(path), ["family=one"])
    assert found.by == "family"
    inside, ahead = (f"At {flops} FLOPs one has the better loss" for flops in ("1e17", "4e17"))
    assert found.said[0].startswith(inside)
    assert ahead in found.said[0]
    assert [one.by for one in beside(f"{path}@family=one", [])] == ["family"]
    assert beside(str(path), []) == []


def test_a_frozen_answer_that_todays_rows_do_not_give_is_said(grid, material):
    frozen = Verification.model_construct(forecast=material.answer, frozen_at="2026-01-02T03")
    same = replace(grid, material=replace(material, checks=[frozen]))
    assert same.changed is None
    params = Quantity(value=7e6, low=6e6, high=8e6, level=0.9)
    frozen = frozen.model_copy(
        update={"forecast": material.answer.model_copy(update={"params": params})}
    )
    other = replace(grid, material=replace(material, checks=[frozen]))
    assert "were frozen 2026-01-02, when the best size was 7M" in other.changed
