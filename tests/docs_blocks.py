"""The commands that README and docs/ show: found in fenced blocks, run, and compared."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import typer
from typer.testing import CliRunner

from ditlaw.cli.app import app

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(\$ )?ditlaw +((?:.*\\\n)*.*)\n", re.MULTILINE)
SHELL = re.compile(r"(\$ )?(ditlaw|make|pip|export|cd|srun) ")
OPTIONAL = re.compile(r"\[(--[^\]]*)\]")  # as a synopsis has it
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")
GROUP = typer.main.get_command(app)


@dataclass(frozen=True)
class Shown:
    """One command on a page and what the page shows beneath it ('' if nothing)."""

    page: str
    line: int
    words: tuple[str, ...]
    output: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def shown_on(page: Path) -> list[Shown]:
    """The commands in a page's blocks of shell lines; other blocks have none."""
    text, found = page.read_text(), []
    for block in FENCED.finditer(text):
        if not SHELL.match(block[2]):
            continue
        commands = list(COMMAND.finditer(block[2]))
        ends = [*(command.start() for command in commands[1:]), len(block[2])]
        for command, end in zip(commands, ends, strict=False):
            output = block[2][command.end() : end] if command[1] else ""
            plain = OPTIONAL.sub(r"\1", command[2].replace("\\\n", ""))
            words = shlex.split(plain, comments=True)
            line = text.count("\n", 0, block.start(2) + command.start()) + 1
            found.append(Shown(page.relative_to(ROOT).as_posix(), line, tuple(words), output))
    return found


def arguments(words: tuple[str, ...]) -> list[str]:
    """The positional arguments of a command line; Click's ``UsageError`` if it does not parse."""
    name, *rest = words
    command = GROUP.commands[name]
    context = command.make_context(name, list(rest))
    places = [p for p in command.params if p.param_type_name == "argument"]
    given = [context.params[place.name] for place in places]
    flat = [value for one in given for value in (one if isinstance(one, list | tuple) else [one])]
    return [str(value) for value in flat if value is not None]


def printed(words: tuple[str, ...]) -> str:
    """What ``ditlaw WORDS`` prints on a terminal of 80 columns, without spaces at line ends."""
    done = CliRunner().invoke(app, list(words), env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output or repr(done.exception)
    text = done.stdout or done.stderr  # what is no answer, as of 'init', goes to standard error
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def difference(output: str, shown: str, tolerance: float = 0.01) -> str:
    """The first line of ``shown`` that ``output`` lacks, or that stands elsewhere in it; or ''.

    More lines may be printed than are shown, which pages mark by ``…``. Line breaks and widths of
    columns do not count; numbers agree to ``tolerance`` or to one unit of their last shown digit.
    """
    words, place = output.split(), 0
    for line in shown.splitlines():
        wanted = line.replace("…", "").split()
        places = range(place, len(words) - len(wanted) + 1)
        found = next((i for i in places if _agreeing(words[i:], wanted, tolerance)), None)
        if found is None:
            return f"not printed there: {line!r}"
        place = found + len(wanted)
    return ""


def _agreeing(words: list[str], wanted: list[str], tolerance: float) -> bool:
    """Whether the words begin with those wanted."""
    return all(_agree(word, one, tolerance) for word, one in zip(words, wanted, strict=False))


def _agree(word: str, shown: str, tolerance: float) -> bool:
    if word == shown:
        return True
    if NUMBER.sub("#", word) != NUMBER.sub("#", shown):
        return False
    for one, other in zip(NUMBER.findall(word), NUMBER.findall(shown), strict=True):
        digits = re.sub(r"e.*", "", other)
        unit = 10.0 ** -len(digits.partition(".")[2]) * float("1" + other[len(digits) :])
        first, second = (float(text.replace(",", "")) for text in (one, other))
        if abs(first - second) > max(tolerance * abs(second), 1.01 * unit):
            return False
    return True
