"""The report in a browser: figures, switches, downloads, keyboard, contrast, phone and paper."""

import csv
import io
import re

import numpy as np
import pandas as pd
import pytest
from report_pages import HOSTILE, HOSTILE_FILE, MOST_BYTES, is_sound, table

from ditlaw.report import page as pages
from ditlaw.report import write_report
from ditlaw.report.pictures import Gallery, Strip

FIGURES = {"isoflop", "loss", "params", "tokens", "metrics", "ranks"}
CONTROLS = "button, input, select, textarea, summary, a[href], [tabindex='0']"


@pytest.fixture(scope="module")
def page(browser, hostile_report):
    """The page, open for all tests that leave it as they found it."""
    with browser.open(hostile_report) as opened:
        yield opened.parsed()


def axis(page, figure, name):
    """The title and the ticks of a drawn axis."""
    return page.live.evaluate(
        "([figure, name]) => { const { title, ticktext } = "
        "document.getElementById(`fig-${figure}`).layout[name]; return [title.text, ticktext]; }",
        [figure, name],
    )


def traces(page, figure):
    return page.live.evaluate(f"document.getElementById('fig-{figure}').data")


def rows_of(page, figure):
    """The rows of a figure's download."""
    with page.live.expect_download() as download:
        page.live.click(f"button[data-csv={figure}]")
    assert download.value.suggested_filename == f"{figure}.csv"
    return list(csv.DictReader(io.StringIO(download.value.path().read_text(encoding="utf-8"))))


def test_nothing_fails_and_nothing_is_asked_of_a_network(page):
    is_sound(page, FIGURES)
    assert page.text.count(HOSTILE_FILE) >= 2


def test_user_text_is_inert_in_hovers_too(page):
    drawn = traces(page, "isoflop")
    told = [text for trace in drawn for text in trace.get("text") or []]
    for name in HOSTILE:
        escaped = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        assert any(f"<b>{escaped}-" in text for text in told)
    page.live.evaluate(
        """() => { const figure = document.getElementById("fig-isoflop");
           const curve = figure.data.findIndex(t => (t.text || []).some(s => s.includes("pwned")));
           Plotly.Fx.hover(figure, [{ curveNumber: curve, pointNumber: 0 }]); }"""
    )
    shown = page.live.text_content("#fig-isoflop .hoverlayer")
    assert "<script>document.body.dataset.pwned=1</script>-0" in shown
    assert "params" in shown
    assert "FLOPs" in shown
    assert page.live.evaluate("document.body.dataset.pwned") is None
    page.live.evaluate("Plotly.Fx.unhover(document.getElementById('fig-isoflop'))")


def test_every_raw_point_tells_its_run_and_the_isoflop_figure_holds_every_row(page):
    drawn = traces(page, "isoflop")
    told = [text for t in drawn for text in t.get("text") or [] if "seed" in text]
    assert len(told) == 40
    assert {int(re.search(r"-(\d+)</b>", text).group(1)) for text in told} == set(range(40))
    assert all(re.search(r"params .*tokens .*images .*FLOPs.*loss", text) for text in told)
    # A parabola and a minimum for each of the five budgets.
    assert sum(trace["mode"] == "lines" for trace in drawn if trace.get("hoverinfo")) >= 5
    assert sum("minimum at" in str(trace.get("text")) for trace in drawn) == 5


@pytest.mark.parametrize("figure", ["loss", "params", "tokens", "metrics"])
def test_a_law_is_shaded_where_fitted_and_dashed_and_paler_beyond(page, figure):
    lines = [t for t in traces(page, figure) if "hovertemplate" in t and t["mode"] == "lines"]
    beyond = [t for t in lines if t["line"].get("dash") == "dash"]
    inside = [t for t in lines if t not in beyond]
    assert min(min(t["x"]) for t in inside) == pytest.approx(1e15, rel=1e-6)
    assert max(max(t["x"]) for t in inside) == pytest.approx(1e17, rel=1e-6)
    assert max(max(t["x"]) for t in beyond) > 1e18  # ten times the largest budget, and beyond
    assert all(t["opacity"] < 1 for t in beyond)
    said = page.live.text_content(f"#fig-{figure}")
    assert "fitted" in said
    assert "extrapolated" in said


def test_units_switch_in_all_figures_and_back(page):
    before = {name: axis(page, name, "xaxis") for name in ("loss", "params", "tokens", "metrics")}
    assert {title for title, _ in before.values()} == {"training FLOPs"}
    labels = page.live.text_content("#fig-isoflop .infolayer")
    press, pressed = page.live.click, ".units button[aria-pressed=true]"
    assert page.live.locator(pressed).all_text_contents() == ["FLOPs", "tokens"]
    press("text=GPU hours")
    assert page.live.locator(pressed).all_text_contents() == ["GPU hours", "tokens"]
    for name, (_, ticks) in before.items():
        title, now = axis(page, name, "xaxis")
        assert title == "GPU time, one h100 at 0.4 MFU"
        assert now != ticks
        assert all(re.fullmatch(r"[\d.]+ (h|s|ms)", tick) for tick in now)
    assert "1e15" in labels
    assert "1e15" not in page.live.text_content("#fig-isoflop .infolayer")
    assert axis(page, "tokens", "yaxis")[0] == "best training data D* (tokens)"
    drawn = axis(page, "tokens", "yaxis")
    press("button[data-unit=images][data-on=true]")
    title, ticks = axis(page, "tokens", "yaxis")
    assert title == "best training data D* (images)"
    assert ticks != drawn[1]
    press("button[data-unit=hours][data-on=false]")
    press("button[data-unit=images][data-on=false]")
    assert {name: axis(page, name, "xaxis") for name in before} == before
    assert axis(page, "tokens", "yaxis") == drawn


def test_each_figure_downloads_what_it_shows(page):
    rows = rows_of(page, "isoflop")
    runs = [row for row in rows if row["run"]]
    assert len(runs) == 40
    assert {row["run"].rsplit("-", 1)[0] for row in runs} == set(HOSTILE)
    one = runs[0]
    assert float(one["params"]) * float(one["tokens"]) * 6 == pytest.approx(
        float(one["training_flops"]), rel=1e-5
    )
    assert float(one["images"]) == pytest.approx(float(one["tokens"]) / 64, rel=1e-5)
    hours = float(one["training_flops"]) / (0.4 * 989.4e12 * 3600)
    assert float(one["gpu_hours_h100_mfu_0.4"]) == pytest.approx(hours, rel=1e-3)
    assert sum(row["series"].startswith("minimum at") for row in rows) == 5
    rows = rows_of(page, "loss")
    law = [row for row in rows if row["series"] == "law, 90%"]
    assert all(float(row["low"]) < float(row["high"]) for row in law)
    assert {row["interval_of"] for row in law} == {"loss"}
    assert {"law", "law, extrapolated", "runs", "best of a budget"} <= {r["series"] for r in rows}
    for figure in FIGURES - {"isoflop", "loss"}:
        assert len(rows_of(page, figure)) >= 40


def test_an_equation_with_numbers_stands_under_each_law(page):
    for figure, form in {
        "loss": "L = E + k·C−c",
        "params": "N* = k·Ca",
        "tokens": "D* = k·Cb",
    }.items():
        said = page.live.locator(f"figure:has(#fig-{figure}) .formula").inner_text()
        assert form in said
        assert re.search(r"k = [\d.e+-]+ \[[\d.e+-]+, [\d.e+-]+\]", said)
        assert "90% intervals" in said
    parabolas = page.live.locator("figure:has(#fig-isoflop) .formula").all_text_contents()
    assert len(parabolas) == 5
    assert all("ln L = " in said and "N* = " in said for said in parabolas)


def test_everything_that_can_be_used_has_a_name_and_tab_comes_to_it(page):
    nameless = page.live.evaluate(
        """controls => [...document.querySelectorAll(controls + ", figure > [role=img], table")]
           .filter(e => e.checkVisibility() && !(
             e.getAttribute("aria-label") || e.textContent.trim() || (e.labels || []).length
             || document.getElementById(e.getAttribute("aria-labelledby"))))
           .map(e => e.outerHTML.slice(0, 200))""",
        CONTROLS,
    )
    assert nameless == []
    wanted = page.live.evaluate(
        """controls => [...document.all].flatMap((e, i) => e.matches(controls)
           && e.checkVisibility() && !e.disabled && e.tabIndex >= 0 ? [i] : [])""",
        CONTROLS,
    )
    assert len(wanted) > 10
    assert set(wanted) <= set(page.tabbed())


def test_buttons_and_folds_work_by_keyboard(page):
    page.live.focus("button[data-unit=hours][data-on=true]")
    page.live.keyboard.press("Enter")
    assert axis(page, "loss", "xaxis")[0].startswith("GPU time")
    page.live.keyboard.press("Shift+Tab")
    page.live.keyboard.press("Space")
    assert axis(page, "loss", "xaxis")[0] == "training FLOPs"
    fold = "details:has(.formula)"
    assert not page.live.locator(fold).evaluate("e => e.open")
    page.live.focus(f"{fold} > summary")
    page.live.keyboard.press("Enter")
    assert page.live.locator(fold).evaluate("e => e.open")
    page.live.keyboard.press("Enter")
    with page.live.expect_download():
        page.live.focus("button[data-csv=params]")
        page.live.keyboard.press("Enter")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_and_fits_a_phone(browser, hostile_report, scheme):
    with browser.open(hostile_report, width=390, color_scheme=scheme) as phone:
        phone.live.evaluate("for (const e of document.querySelectorAll('details')) e.open = true")
        assert phone.poor_contrast() == []
        assert phone.live.evaluate("document.documentElement.scrollWidth") <= 390
        assert phone.errors == []


def test_a_change_of_theme_redraws(page):
    from playwright.sync_api import expect

    title = page.live.locator("#fig-loss .xtitle")
    light = title.evaluate("e => getComputedStyle(e).fill")
    page.live.emulate_media(color_scheme="dark")
    expect(title).not_to_have_css("fill", light)
    assert page.poor_contrast() == []
    page.live.emulate_media(color_scheme="light")
    expect(title).to_have_css("fill", light)


def test_paper_is_light_fits_and_has_no_buttons(browser, hostile_report):
    with browser.open(hostile_report, color_scheme="dark") as page:
        page.live.emulate_media(media="print", color_scheme="dark")
        page.live.set_viewport_size({"width": 700, "height": 990})
        page.live.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert page.poor_contrast() == []
        assert page.live.evaluate("document.documentElement.scrollWidth") <= 700
        buttons = page.live.locator("button:not(.sort)").all()
        assert buttons
        assert not any(button.is_visible() for button in buttons)
        widest = "Math.max(...[...document.querySelectorAll('.main-svg')].map(e => e.clientWidth))"
        assert page.live.evaluate(widest) <= 700
        assert page.live.pdf().startswith(b"%PDF")


def test_captions_and_study_text_are_inert(browser, tmp_path, monkeypatch):
    strips = [Strip(name, name, "data:image/png;base64,", len(HOSTILE)) for name in HOSTILE]
    drawn = Gallery(captions=[], words=HOSTILE, strips=strips, smooth=False, said=True)
    monkeypatch.setattr(pages, "gallery", lambda material: drawn)
    monkeypatch.setattr(pages.words, "study_text", lambda material: "\n".join(HOSTILE))
    write_report(str(table(tmp_path / "rows.csv")), tmp_path / "page.html")
    page = browser.shown(tmp_path / "page.html")
    is_sound(page, FIGURES)
    labels = [attrs.get("aria-label") for attrs in page.having("class", "picture")]
    assert labels == [
        f"{strip.name}, {strip.remark}: {word}" for strip in strips for word in HOSTILE
    ]
    assert all(page.text.count(name) >= 3 for name in HOSTILE)


def test_recipes_are_drawn_with_their_crossing(browser, tmp_path):
    """Families of hostile names, the second better by C^-0.02 from 1e16 FLOPs on."""
    rows = pd.read_csv(table(tmp_path / "one.csv"))
    other = rows.assign(loss=rows["loss"] * (rows["flops"] / 1e16) ** -0.02)
    both = pd.concat([rows.assign(family=HOSTILE[0]), other.assign(family=HOSTILE[2])])
    both.to_csv(tmp_path / "both.csv", index=False)
    write_report(str(tmp_path / "both.csv"), tmp_path / "page.html")
    with browser.open(tmp_path / "page.html", color_scheme="dark") as page:
        is_sound(page.parsed(), {"compare-family"})
        assert page.poor_contrast() == []
        rows = rows_of(page, "compare-family")
        (crossing,) = [row for row in rows if row["series"].startswith("crossing")]
        assert float(crossing["training_flops"]) == pytest.approx(1e16, rel=0.3)
        assert float(crossing["low"]) < 1e16 < float(crossing["high"])
        assert sum(row["series"].endswith(", runs") for row in rows) == 80
        assert len(page.live.locator(".formula").all()) == 2
        page.live.click("text=GPU hours")
        assert axis(page, "compare-family", "xaxis")[0] == "GPU time, one h100 at 0.4 MFU"


@pytest.mark.slow
def test_the_page_of_a_large_table_stays_small(tmp_path):
    rows, rng = pd.read_csv(table(tmp_path / "one.csv")), np.random.default_rng(0)
    seeds = []
    for seed in range(40):
        noise = np.exp(0.002 * rng.standard_normal(len(rows)))
        run = "in-context-d12w768h12-" + rows["run"] + f"-s{seed}"
        seeds.append(rows.assign(seed=seed, run=run, loss=rows["loss"] * noise))
    pd.concat(seeds).to_csv(tmp_path / "all.csv", index=False)
    write_report(str(tmp_path / "all.csv"), tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert len(page.encode()) < MOST_BYTES
    assert "1600 points (one in 3 is drawn)" in page
