"""Several numbers after one option: ``--at 1e20 1e21`` is ``--at 1e20 --at 1e21``."""

from typing import Any

from typer.core import TyperCommand

OPTIONS = ("--at", "--widths")


class ManyNumbers(TyperCommand):
    """A command whose ``OPTIONS`` take every number that follows it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option before each further number, then parse as usual."""
        spread: list[str] = []
        inside = ""
        for word in args:
            if inside and spread[-1] != inside and _is_number(word):
                spread.append(inside)
            elif word.startswith("-") and not _is_number(word):
                inside = word if word in OPTIONS else ""
            spread.append(word)
        return super().parse_args(ctx, spread)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
