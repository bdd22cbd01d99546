"""What a reader can move on a report's page: the budget, and the order and choice of rows."""

import csv
import io
import re

import pytest
from report_pages import HOSTILE


@pytest.fixture(scope="module")
def live(browser, hostile_report):
    with browser.open(hostile_report) as page:
        yield page.live
    assert page.errors == []


def bought(live, name):
    """A value of the slider's, as it is told."""
    return live.text_content(f"#slider-values [data-row={name}] [data-part=value]")


def number(told):
    """A count for people as a number."""
    value, unit = re.fullmatch(r"([\d.e+-]+)([kMBT]?)", told).groups()
    return float(value) * {"": 1, "k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}[unit]


def test_the_slider_moves_all_that_a_budget_buys(live):
    assert live.text_content("#slider-budget") == "1e18 FLOPs"
    assert "an extrapolation" in live.text_content("#slider-said")
    before = {name: bought(live, name) for name in ("params", "images", "tokens", "loss")}
    band = live.text_content("#slider-values [data-row=loss] [data-part=interval]")
    time = live.text_content("#slider-time")
    live.focus("#slider-input")
    live.keyboard.press("Home")
    assert live.text_content("#slider-budget") != "1e18 FLOPs"
    assert live.text_content("#slider-time") != time
    assert live.text_content("#slider-values [data-row=loss] [data-part=interval]") != band
    for name in ("params", "images", "tokens"):
        assert number(bought(live, name)) < number(before[name])
    assert number(bought(live, "loss")) > number(before["loss"])
    at = live.get_attribute("#slider-input", "aria-valuetext")
    assert live.text_content("#slider-budget") in at
    live.keyboard.press("ArrowRight")
    assert live.get_attribute("#slider-input", "aria-valuetext") != at


def test_a_jump_is_exactly_at_its_budget(live):
    jumps = live.locator("button.jump")
    assert jumps.count() >= 2
    for jump in jumps.all():
        jump.press("Enter")
        assert float(jump.get_attribute("data-flops")) == pytest.approx(
            float(live.text_content("#slider-budget").split()[0]), rel=5e-3
        )
        assert jump.get_attribute("aria-pressed") == "true"


def column(live, index):
    rows = live.locator("table[data-name=runs] tbody tr:not([hidden])")
    return [row.locator("th, td").nth(index).inner_text() for row in rows.all()]


def test_runs_are_sorted_by_a_button_in_a_columns_head(live):
    heads = live.locator("table[data-name=runs] thead th").all_inner_texts()
    place = next(i for i, head in enumerate(heads) if head.startswith("loss"))
    head = live.locator("table[data-name=runs] thead th").nth(place)
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    losses = [float(cell.split()[0]) for cell in column(live, place)]
    assert losses == sorted(losses)
    assert len(losses) == 40
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert [float(cell.split()[0]) for cell in column(live, place)] == losses[::-1]


def test_runs_are_filtered_by_words_and_only_those_shown_are_saved(live):
    assert live.text_content("#runs-shown") == "40 of 40"
    live.fill("#runs-filter", "evil.example")
    named = column(live, 0)
    assert named
    assert all(HOSTILE[3] in name for name in named)
    assert live.text_content("#runs-shown") == f"{len(named)} of 40"
    with live.expect_download() as download:
        live.click("button[data-table=runs]")
    saved = list(csv.DictReader(io.StringIO(download.value.path().read_text(encoding="utf-8"))))
    assert [row["run"] for row in saved] == [name.strip() for name in named]
    live.fill("#runs-filter", "no such run")
    assert column(live, 0) == []
    live.fill("#runs-filter", "")
    assert len(column(live, 0)) == 40
