"""The docs tell of what is there: the map, the commands, the links."""

import re
from pathlib import Path

import pytest

from ditlaw.results import COMMANDS

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_the_map_names_every_part_of_the_tree():
    text = (ROOT / "docs" / "architecture.md").read_text()
    package = ROOT / "src" / "ditlaw"
    for entry in package.iterdir():
        if entry.is_dir() and entry.name not in ("__pycache__", "schemas"):
            assert f"`{entry.name}/`" in text, entry.name
        elif entry.suffix == ".py" and not entry.name.startswith("__"):
            assert f"`{entry.name}`" in text, entry.name
    for name in re.findall(r"`(\w+\.py)`", text):
        assert list(package.rglob(name)), f"{name} is on the map and not in the tree"


def test_every_command_is_documented():
    text = (ROOT / "docs" / "commands.md").read_text()
    for command in (*COMMANDS, "init"):
        assert f"`ditlaw {command}" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target
