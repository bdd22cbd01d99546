"""Where text for people goes: wrapped to a screen, plain in a file, without colour if unwanted."""

import os
import re
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text


class Screen(Console):
    """A console that minds ``NO_COLOR`` wholly, and wraps prose where there is a width to keep.

    On a terminal, or where ``COLUMNS`` states a width, what is longer than a line goes on after a
    word. In a pipe or a file each sentence keeps its line.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(
            stderr=stderr,
            highlight=False,
            soft_wrap=False,
            color_system=None if os.environ.get("NO_COLOR") else "auto",  # Rich would keep bold
        )

    def print(self, *objects: Any, **how: Any) -> None:
        """As Rich prints; ``soft_wrap`` marks prose."""
        narrow = self.is_terminal or "COLUMNS" in os.environ
        if how.get("soft_wrap") and narrow and not self.stderr:
            prose = (self.render_str(o) if isinstance(o, str) else o for o in objects)
            objects = tuple(wrapped(o, self.width) if isinstance(o, Text) else o for o in prose)
        super().print(*objects, **how)


def wrapped(text: Text, width: int) -> Text:
    """Prose in lines of at most ``width`` cells; a longer word, as a path, stays whole."""
    lines = Text("\n").join(
        part for line in text.split("\n", allow_blank=True) for part in _parts(line, width)
    )
    lines.end = text.end
    return lines


def _parts(line: Text, width: int) -> list[Text]:
    offsets, used = [], 0
    for word in re.finditer(r"\s*\S+", line.plain):
        cells = cell_len(word.group())
        if used and used + cells > width:
            offsets.append(word.start())
            cells, used = cell_len(word.group().lstrip()), 0
        used += cells
    first, *others = line.divide(offsets)
    return [first, *(part[len(part) - len(part.plain.lstrip()) :] for part in others)]
