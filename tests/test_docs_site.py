"""The site: built from docs/ and README.md without a warning, and read without a network."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FETCHED = re.compile(r"<(?:script|img|iframe|source)[^>]*\bsrc=[\"']?(?:https?:)?//[^>]*")
LINKED = re.compile(r"<link\b[^>]*\brel=[\"']?(?:stylesheet|preconnect|preload)[^>]*//[^>]*")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", folder],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return folder


@pytest.mark.slow
def test_every_page_is_there_and_fetches_nothing(site):
    pages = {page.relative_to(site).as_posix(): page.read_text() for page in site.rglob("*.html")}
    assert {"index.html", "contributing.html", "families/own.html"} <= set(pages)
    for source in ROOT.glob("docs/**/*.md"):
        name = source.relative_to(ROOT / "docs").with_suffix(".html").as_posix()
        assert name.replace("README", "index") in pages
    for name, text in pages.items():
        assert not FETCHED.search(text), name
        assert not LINKED.search(text), name


@pytest.mark.slow
def test_links_that_leave_the_docs_lead_to_copies_of_the_files(site):
    assert "files/examples/three_families.csv" in (site / "index.html").read_text()
    for copy in (file for file in (site / "files").rglob("*") if file.is_file()):
        assert copy.read_bytes() == (ROOT / copy.relative_to(site / "files")).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("source", sorted(ROOT.glob("docs/**/*.md")), ids=lambda page: page.stem)
def test_lists_and_tables_are_as_on_github(site, source):
    """Python-Markdown reads indentation and escaped bars otherwise; the hooks see to it."""
    text = re.sub(r"^ *```.*?^ *```$", "", source.read_text(), flags=re.M | re.S)
    name = source.relative_to(ROOT / "docs").as_posix().replace("README", "index")
    page = (site / name).with_suffix(".html").read_text()
    article = page.partition("<article")[2].partition("</article>")[0]
    assert article.count("<li>") == len(re.findall(r"^ *(?:-|\d+\.) ", text, re.M))
    assert article.count("<tr>") == len(re.findall(r"^ *\|(?!-)", text, re.M))
    assert "\\|" not in re.sub(r"<pre.*?</pre>", "", article, flags=re.S)
    for emphasised in re.findall(r"<em>(.*?)</em>", article, flags=re.S):
        assert "(" not in emphasised, "a star of a symbol, as of N\\*, is escaped outside code"
