"""Every command that README and docs/ show is one, and does what the page shows beneath it.

Lines that name only what is in the repository are run. ``docs/commands.md`` says which are not, and
why; a line that is neither run nor covered by what it says fails here.
"""

import re
import shutil

import pytest
from docs_blocks import GROUP, PAGES, ROOT, Shown, arguments, difference, printed, shown_on

SHOWN = {page: shown_on(page) for page in PAGES}
RULES = (ROOT / "docs" / "commands.md").read_text().partition("## What of this is tested")[2]
YOURS, MADE, TRAINS = (
    set(re.findall(r"`([^`]+)`", item)) for item in re.findall(r"^- .*(?:\n  .*)*", RULES, re.M)
)
# Run from there, as the page says.
FOLDERS = {"own": "examples/own_family"}


def places(command: Shown) -> list[str]:
    """The files and folders that a command names: no ``@COL=VALUE``, no published law."""
    named = [word.partition("@")[0].rstrip("/") for word in arguments(command.words)]
    return [name for name in named if not name.startswith("published:")]


def is_run(command: Shown) -> bool:
    """Whether a line names only what is in the repository, or what its page has made of that."""
    if command.words[0] == "init":
        return True
    if command.words[0] in TRAINS:
        return places(command) == ["examples/tiny.yaml"]
    return not any({name, name.split("/")[0]} & (YOURS | MADE) for name in places(command))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_parse(page):
    for command in SHOWN[page]:
        assert command.words[0] in GROUP.commands, command
        arguments(command.words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_in_sentences_have_these_options(page):
    for text in re.findall(r"`ditlaw ([a-z]+ [^`]*)`", page.read_text()):
        name, *words = text.split()
        assert name in GROUP.commands, text
        known = {option for p in GROUP.commands[name].params for option in p.opts}
        for option in re.findall(r"(?<![\w-])--[a-z-]+", " ".join(words)):
            assert option in known, f"{text}: {option}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_not_run_and_printed_something_is_dated(page):
    if any(c.output and c.words[0] in TRAINS and not is_run(c) for c in SHOWN[page]):
        assert re.search(r"20\d\d-\d\d-\d\d", page.read_text())


@pytest.fixture(scope="module")
def here(trained, tmp_path_factory):
    """The repository's examples beside ``tiny``, which ``ditlaw run`` has trained already."""
    folder = tmp_path_factory.mktemp("docs")
    shutil.copytree(ROOT / "examples", folder / "examples")
    shutil.copytree(trained, folder / "tiny")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if SHOWN[p]], ids=lambda page: page.stem)
def test_commands_do_what_the_page_shows(page, here, monkeypatch):
    """A line that makes something serves those below it on its page."""
    monkeypatch.chdir(here / FOLDERS.get(page.stem, "."))
    for command in filter(is_run, SHOWN[page]):
        assert difference(printed(command.words), command.output) == "", command


def test_lines_are_compared_in_their_order_and_numbers_to_a_hundredth():
    output = "a  12.5k [9.1k, 15k]\nb 3 %\nc 1,597 d\n"
    for alike in (output, "a 12.5k [9.1k, 15k]\n…\nc 1,597 d\n", "a 12.6k [9.1k, 15k] b", "b 3 %"):
        assert difference(output, alike) == "", alike
    for other in ("a 12.9k", "a 12.5M", "b 3 % d", "c 1,697 d", "b 3 %\na 12.5k", output + "e\n"):
        assert difference(output, other), other
