"""What all tables are made of."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ditlaw.results import Note

MARKS = {"met": "[green]yes[/]", "not met": "[yellow]no [/]", "unknown": "?  "}  # of a check
LEFT = ("run", "state", "", "form", "reason", "law", "value, interval")  # columns of words


def make_table(*columns: str, title: str | None = None, left: tuple[str, ...] = LEFT) -> Table:
    """A table for 80 columns: words to the left, numbers to the right and whole."""
    gap = 1 if "run" in columns else 2  # names of runs are long
    padding = (0, gap, 0, 0)
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=padding)
    for column in columns:
        # Where a run's long name leaves no room, it goes on in a second line; numbers stay whole.
        table.add_column(
            column,
            justify="left" if column in left else "right",
            overflow="fold",
            no_wrap="run" in columns and column not in left,
        )
    return table


def show_notes(console: Console, notes: list[Note]) -> None:
    """Each note on a line of its own, after its code."""
    for note in notes:
        console.print(f"[yellow]{note.code}[/]: {escape(note.text)}", soft_wrap=True)


def yes(flag: bool) -> str:
    """Yes, or no in red."""
    return "yes" if flag else "[red]no[/]"
