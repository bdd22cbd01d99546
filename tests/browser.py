"""A headless Chromium for tests of pages: opened from a file, without a network.

One home of the rule that a browser is needed under CI: there a missing one fails, elsewhere skips.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
COLOUR = (Path(__file__).parent / "contrast.js").read_text()


@contextmanager
def chromium() -> Iterator["Chromium"]:
    """The system's Chromium, driven by playwright; none is ever downloaded."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        path = None
    if path is None and not os.environ.get("CI"):
        pytest.skip(
            "no Chromium on PATH or no playwright: pages are checked as a browser shows them"
        )
    assert path is not None, "CI needs Chromium and playwright to check pages"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield Chromium(browser)
        browser.close()


class Chromium:
    """Opens pages, each in a fresh profile."""

    def __init__(self, browser) -> None:
        self.browser = browser

    @contextmanager
    def open(self, path: Path, width: int = 1200, **settings) -> Iterator["Page"]:
        """A page from its file; ``settings`` are playwright's, such as ``color_scheme``."""
        size = {"width": width, "height": 900}
        with self.browser.new_context(viewport=size, **settings) as context:
            yield Page(context.new_page(), path)

    def shown(self, path: Path) -> "Page":
        """A page as it stands once its scripts have run; it is closed."""
        with self.open(path) as page:
            return page.parsed()


class Page(HTMLParser):
    """A page after its scripts have run: ``live`` to drive it, the rest what it then held.

    ``errors`` are what its scripts, its console and its policy complained of, ``asked`` the
    addresses that it wanted other than its own.
    """

    def __init__(self, live, path: Path) -> None:
        super().__init__()
        self.live, self.source = live, path.read_text(encoding="utf-8")
        self.errors: list[str] = []
        self.asked: list[str] = []
        address = path.resolve().as_uri()
        live.on("pageerror", lambda error: self.errors.append(str(error)))
        live.on("console", self._heard)
        live.on("request", lambda request: self._asked(request.url, address))
        live.goto(address)

    def _heard(self, message) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def _asked(self, url: str, address: str) -> None:
        if url != address and not url.startswith(("data:", "blob:")):
            self.asked.append(url)

    def parsed(self) -> "Page":
        """Reads what the document holds now."""
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text, self._code = "", 0
        self.dom = self.live.content()
        self.reset()
        self.feed(self.dom)
        return self

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._code += tag in ("script", "style")

    def handle_endtag(self, tag):
        self._code -= tag in ("script", "style")

    def handle_data(self, data):
        self.text += "" if self._code else data

    @property
    def body(self) -> dict[str, str | None]:
        return next(attrs for tag, attrs in self.elements if tag == "body")

    def having(self, name: str, value: str) -> list[dict[str, str | None]]:
        """Attributes of the elements whose attribute holds a word."""
        return [attrs for _, attrs in self.elements if value in (attrs.get(name) or "").split()]

    def sections(self) -> set[str]:
        return {attrs["id"] for tag, attrs in self.elements if tag == "section"}

    def traces(self) -> dict[str, int]:
        """Traces that were drawn, by figure."""
        parts = re.split(r'id="fig-([\w-]+)"', self.dom)
        named = zip(parts[1::2], parts[2::2], strict=True)
        return {name: part.count('class="trace scatter') for name, part in named}

    def poor_contrast(self, least: float = 4.5) -> list[str]:
        """Texts, of SVG too, whose colour is too near to what is behind them."""
        return self.live.evaluate(COLOUR, least)

    def tabbed(self) -> list[int]:
        """The places in the document of what Tab comes to, from the top of the page to its end."""
        self.live.evaluate(
            "document.body.tabIndex = -1; document.body.focus();"
            "document.body.removeAttribute('tabindex')"
        )
        found: list[int] = []
        while True:
            self.live.keyboard.press("Tab")
            place = self.live.evaluate("[...document.all].indexOf(document.activeElement)")
            at_end = self.live.evaluate("document.activeElement === document.body")
            if at_end or place in found:
                return found
            found.append(place)
