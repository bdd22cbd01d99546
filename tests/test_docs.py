"""The docs tell of what is there: the map, the commands, the links."""

import re
from pathlib import Path

import pytest
from docs_blocks import GROUP
from docs_blocks import PAGES as SHOWING

from ditlaw.observations import QUANTITY, SINGLE
from ditlaw.results import COMMANDS
from ditlaw.study.schema import Study

ROOT = Path(__file__).parent.parent
COMMANDS_PAGE = (ROOT / "docs" / "commands.md").read_text()
SAID_OF_ALL = ("--json", "--where", "--job")  # of several commands, below their table
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


def test_every_command_is_documented_with_its_options():
    rows = re.findall(r"^\| `ditlaw (\w+).*$", COMMANDS_PAGE, re.M)
    assert set(rows) == {*COMMANDS, "init"} == set(GROUP.commands)
    for name, command in GROUP.commands.items():
        row = "".join(re.findall(rf"^\| `ditlaw {name}\b.*$", COMMANDS_PAGE, re.M))
        for option in command.params:
            if option.param_type_name == "option" and option.opts[0] not in SAID_OF_ALL:
                assert option.opts[0] in row, f"{name} {option.opts[0]}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_formats_page_names_every_field_of_a_study_and_every_column_that_is_read():
    text = (ROOT / "docs" / "formats.md").read_text()
    words = {word for code in re.findall(r"`([^`]+)`", text) for word in re.findall(r"\w+", code)}
    schema = Study.model_json_schema()
    sections = [schema, *schema["$defs"].values()]
    fields = {field for section in sections for field in section.get("properties", {})}
    assert not {*fields, *QUANTITY, *SINGLE} - words


def test_the_formats_page_names_every_file_of_a_study(trained):
    text = (ROOT / "docs" / "formats.md").read_text()
    for entry in (*trained.iterdir(), *next((trained / "runs").iterdir()).iterdir()):
        assert re.search(rf"`{re.escape(entry.name)}[`/]", text), entry


@pytest.mark.parametrize("page", SHOWING, ids=lambda page: page.name)
def test_pages_have_one_title(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)
    assert len(re.findall(r"^# ", text, re.M)) == 1
    assert text.startswith("# ")
