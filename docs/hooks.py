"""The site's pages from outside docs/: README.md is its home, and what pages link to comes along.

On GitHub a link such as ``../examples/adaptive.yaml`` leads to the file. The site has a copy of it
under ``files/``, so the same Markdown serves both and no page needs to know where it is shown.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and files of the repository that lie outside docs/."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    for page_file in list(files.documentation_pages()):
        for target in LINK.findall(page_file.content_string):
            place = _place(page_file, target)
            if place.startswith("files/") and files.get_file_from_path(place) is None:
                path = ROOT / place.removeprefix("files/")
                if not path.is_file():
                    raise PluginError(f"{page_file.src_uri} links to {target}, which is no file")
                files.append(File.generated(config, place, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """A page as GitHub reads it: its links, and where it puts the parts of a list."""
    here = PurePosixPath(page.file.src_uri).parent
    up = "../" * len(here.parts)
    linked = LINK.sub(lambda link: up + _place(page.file, link[1]), markdown)
    return "".join(_indented(linked.splitlines(keepends=True)))


def _indented(lines: list[str]) -> Iterator[str]:
    """Lists and tables as Python-Markdown wants them: it knows no CommonMark.

    What belongs to an item of a list is indented by 4, and an item of several paragraphs ends with
    an empty line. In code in a table GitHub wants ``|`` escaped, and here it must not be.
    """
    fenced, inside, parted = False, 0, False
    for line in lines:
        item = re.match(r"(?:\d+\.|-) +", line)
        if line.startswith("```"):
            fenced, inside = not fenced, 0
        elif item and not fenced:
            if inside and parted:
                yield "\n"
            inside, parted = item.end(), False
        elif not line.strip():
            parted = True
        elif not line.startswith(" " * inside):
            inside = 0
        elif inside:
            line = " " * (4 - inside) + line
        if line.startswith("|") and not fenced:
            line = re.sub(r"`[^`]+`", lambda code: code[0].replace("\\|", "|"), line)
        yield line


def _place(page_file: File, target: str) -> str:
    """Where the site has what a page of the repository links to."""
    path = (Path(page_file.abs_src_path).parent / target).resolve()
    inside = path.relative_to(ROOT).as_posix()
    if inside.startswith("docs/"):
        return inside.removeprefix("docs/")
    return PAGES.get(inside, f"files/{inside}")
