"""Tables to report on, and what must hold of every report's page."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
from browser import Chromium, Page

from ditlaw.report import write_report

MOST_BYTES = 6_000_000
HOSTILE = [
    "<script>document.body.dataset.pwned=1</script>",
    "</script><script>document.body.dataset.pwned=1</script>",
    '"><img src=x onerror="document.body.dataset.pwned=1">',
    '<a href="https://evil.example/">x</a>',
    "'; document.body.dataset.pwned=1 //",
    "\u2028{{ 7*7 }}%{x}@ink",
]
HOSTILE_FILE = '<b>it\'s "mine" & <script>document.body.dataset.pwned=1.csv'


def table(path: Path, names=("run",), budgets: bool = True, **columns) -> Path:
    """Rows of an exact surface with a little noise, five budgets of eight sizes."""
    rng = np.random.default_rng(0)
    rows = []
    for budget in (1e15, 3e15, 1e16, 3e16, 1e17):
        for params in 2.5e5 * np.sqrt(budget / 1e15) * np.geomspace(1, 20, 8):
            tokens = budget / params / 6
            loss = 0.2 + 40 * params**-0.4 + 300 * tokens**-0.45
            rows.append(
                {
                    "run": f"{names[len(rows) % len(names)]}-{len(rows)}",
                    "params": params,
                    "tokens": tokens,
                    "flops": budget,
                    "loss": loss * np.exp(0.002 * rng.standard_normal()),
                }
                | ({"budget": budget} if budgets else {})
            )
    frame = pd.DataFrame(rows).assign(**columns)
    frame["frechet"] = 40 * frame["loss"]
    frame.to_csv(path, index=False)
    return path


def hostile_page(folder: Path) -> Path:
    """A report of 40 runs with hostile ids, 64 tokens an image, in a file of a hostile name."""
    source = table(folder / HOSTILE_FILE, HOSTILE, seed=3)
    frame = pd.read_csv(source).eval("images = tokens / 64")
    frame.to_csv(source, index=False)
    write_report(str(source), folder / "page.html")
    return folder / "page.html"


def is_sound(page: Page, figures: set[str]) -> None:
    """Every figure is drawn, nothing failed, nothing comes from elsewhere."""
    assert page.errors == []
    assert page.asked == []
    assert "data-errors" not in page.body, page.body["data-errors"]
    assert "data-pwned" not in page.body
    assert set(page.traces()) == figures
    assert page.body["data-figures"] == str(len(figures))
    assert min(page.traces().values()) >= 1
    assert len(page.having("class", "main-svg")) >= len(figures)
    for _, attrs in page.elements:
        for name in ("src", "href", "srcset", "action", "xlink:href", "data", "poster"):
            assert not re.match(r"\s*(\w+:)?//", attrs.get(name) or "")
    assert "default-src 'none'" in page.source
    assert not [tag for tag, _ in page.elements if tag in ("link", "iframe", "object")]
    assert len(page.source.encode()) < MOST_BYTES
    labelled = [*page.having("role", "img"), *page.having("role", "region")]
    assert all(a.get("aria-label") or a.get("aria-labelledby") for a in labelled)
    tables = sum(tag == "table" for tag, _ in page.elements)
    assert tables == sum(tag == "caption" for tag, _ in page.elements)
    assert all("scope" in attrs for tag, attrs in page.elements if tag == "th")


def shown(
    browser: Chromium, source: Path | str, folder: Path, where: list[str] | None = None
) -> Page:
    """Write a report and open it."""
    out = folder / "page.html"
    assert write_report(str(source), out, where).report == str(out)
    return browser.shown(out)
